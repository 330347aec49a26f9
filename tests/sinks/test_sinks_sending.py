"""Sending runs by a command or from Python; and a sink's process, whatever becomes of it."""

import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.made_runs import made_name, write_run

import bnreg as api
from bnreg.api import sending
from bnreg.api.sending import beside, content_of
from bnreg.errors import RunError
from bnreg.sinks import process, table
from bnreg.sinks.child import reason
from bnreg.sinks.table import SINKS, Sink


@pytest.fixture
def folder(bnreg):  # noqa: ARG001 # it changes the current folder
    """A run in the folder of the runs."""
    folder = write_run("lift")
    return folder.rename(folder.with_name(made_name("lift")))


def test_runs_are_sent_to_every_tool_that_is_named(bnreg, folder, told):
    write_run("other")
    done = bnreg("send", "runs/*", "--to", "added", "--to", "tensorboard", "--to", "added")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["added", "tensorboard"] * 2
    assert lines[0] == f"added: got {folder.name}"
    assert lines[1] == f"tensorboard: tensorboard/{folder.name}; see it with `tensorboard --logdir tensorboard`"
    assert {place for _, place in told} == {Path()}


@pytest.mark.parametrize(
    ("place", "problem"), [("a.txt", "is not a folder"), ("runs", "holds runs; choose another, such as .")]
)
def test_a_place_that_cannot_be_is_refused_once_before_anything_is_sent(bnreg, folder, told, place, problem):
    Path("a.txt").touch()
    done = bnreg("send", folder.name, "--to", "added", "--folder", place)
    assert (done.code, done.out, done.err, told) == (2, "", f"--folder: {place} {problem}\n", [])


def test_the_place_may_be_chosen(bnreg, folder, told):
    assert bnreg("send", folder.name, "--to", "added", "--folder", "elsewhere").code == 0
    assert [place for _, place in told] == [Path("elsewhere")]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["lift"], "send: no tool; name one with --to (choices: mlflow, tensorboard)"),
        (
            ["lift", "--to", "tensorbord"],
            "--to: unknown sink 'tensorbord'; did you mean 'tensorboard'? (choices: mlflow, tensorboard)",
        ),
        (["lfit", "--to", "tensorboard"], "lfit: no such run; did you mean 'lift'?"),
        (["runs", "--to", "tensorboard"], "runs: a folder of 1 run, not a run; did you mean 'runs/*'?"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_mistake_is_a_line(bnreg, arguments, line):
    done = bnreg("send", *arguments)
    assert (done.code, done.out, done.err) == (2, "", f"{line}\n")


def test_a_missing_package_is_said(bnreg, folder, monkeypatch):
    found = table.find_spec
    monkeypatch.setattr(table, "find_spec", lambda name: None if name == "mlflow" else found(name))
    done = bnreg("send", folder.name, "--to", "mlflow")
    assert (done.code, done.err) == (2, "--to: mlflow is not installed: pip install 'bnreg[mlflow]'\n")


def test_python_programs_send_runs(bnreg, folder, told):  # noqa: ARG001 # it changes the current folder
    run = api.open_run(folder)
    assert run.send("added") == [f"added: got {folder.name}"]
    with pytest.raises(api.UserError, match=r"^sinks: unknown sink 'aded'; did you mean 'added'\?"):
        run.send("aded")
    assert len(told) == 1


def test_of_too_many_networks_the_arms_are_sent(monkeypatch, swept):
    """And of too many arms, what was found and the files."""
    assert [len(arm.networks) for arm in content_of(swept).arms] == [2, 2, 2, 2]
    monkeypatch.setattr(sending, "MAX_LISTED", 7)
    content = content_of(swept)
    assert content.left_out == "without its 8 networks, which are more than 7"
    assert [(len(arm.networks), len(arm.series)) for arm in content.arms] == [(0, 4), (0, 4), (0, 0), (0, 0)]
    monkeypatch.setattr(sending, "MAX_LISTED", 3)
    content = content_of(swept)
    assert content.left_out == "without its 4 arms at all points, which are more than 3"
    assert (content.arms, content.finding) == ((), content_of(swept).finding)


def test_what_is_kept_here_lies_beside_the_runs(tmp_path, monkeypatch):
    """And not in a folder that a pattern such as ``runs/*`` matches."""
    monkeypatch.chdir(tmp_path)
    write_run("lift")
    write_run("other", root=Path("runs/lecture"))
    assert beside(Path("runs")) == beside(Path("runs/lecture")) == Path()
    assert beside(Path("/a/b/runs")) == Path("/a/b")
    monkeypatch.chdir("runs")
    assert beside(Path()).resolve() == tmp_path


def wrapped(inner, outer="a library's long story"):
    """An error as libraries wrap it."""
    try:
        try:
            raise inner
        except Exception as error:
            raise RuntimeError(outer) from error
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("the first line\nand another"), "the first line"),
        (KeyError(), "KeyError"),
        (wrapped(ConnectionRefusedError(111, "Connection refused")), "Connection refused"),
        (wrapped(PermissionError(13, "Permission denied", "x")), "Permission denied: x"),
        (wrapped(TimeoutError("timed out")), "no answer in time"),
        (wrapped(KeyError("x"), "403 of https://me:secret@host/api"), "403 of https://host/api"),
        (ValueError("word " * 200), "word " * 79 + "word…"),
    ],
)
def test_a_failure_is_a_line_without_passwords(error, said):
    """It is what the system said, if it said anything."""
    assert reason(error) == said


@pytest.fixture
def program(monkeypatch, tmp_path):
    """Replace the program of a sink's process: ``program("print(1)")``."""

    def replace(text):
        (tmp_path / "program.py").write_text(text)
        monkeypatch.setattr(process, "child", SimpleNamespace(__file__=str(tmp_path / "program.py")))

    return replace


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise SystemExit('no memory')", "its process ended with exit code 1: no memory"),
        ("import os; os.kill(os.getpid(), 9)", "its process was killed by signal 9"),
        ("import time; print('[', flush=True); time.sleep(60)", "it took more than 0.2 seconds"),
    ],
)
def test_a_sink_whose_process_dies_or_hangs_is_a_line(program, monkeypatch, lifted, text, said):
    program(text)
    monkeypatch.setattr(process, "MAX_SECONDS", 0.2 if "sleep" in text else 60)
    with pytest.raises(RunError) as error:
        process.send_in_a_process("tensorboard", content_of(lifted), Path())
    assert str(error.value) == said


def test_a_process_writes_what_tensorboard_reads(lifted, tmp_path, monkeypatch):
    """In a folder with modules that have the names of others, which are not taken for them."""
    monkeypatch.chdir(tmp_path)
    for name in ("tensorboard", "bnreg", "json"):
        Path(f"{name}.py").write_text("raise SystemExit('the wrong one')")
    line = process.send_in_a_process("tensorboard", content_of(lifted), Path("out"))
    assert line == f"out/tensorboard/{lifted.info.id}; see it with `tensorboard --logdir out/tensorboard`"
    assert len([*Path("out").rglob("events.out.tfevents.*")]) == 15


@pytest.fixture
def silent():
    """The address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_server_that_does_not_answer_ends_the_attempt(silent, lifted, tmp_path, monkeypatch):
    """The user's limits are MLflow's own; what is said of the server has no password."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@{silent}/")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RunError) as error:
        process.send_in_a_process("mlflow", content_of(lifted), tmp_path)
    assert str(error.value) == f"no answer in time at http://{silent}"
    assert [*tmp_path.iterdir()] == []


def test_the_answer_is_all_that_a_process_prints_to_stdout(program, lifted, monkeypatch):
    """What its library prints goes elsewhere."""
    monkeypatch.setitem(SINKS, "added", Sink("prints", (), lambda *_: "unused"))
    program(
        "import sys\n"
        f"sys.path[:0] = {[str(Path(api.__file__).parents[1])]!r}\n"
        "from bnreg.sinks import child, table\n"
        "table.SINKS['added'] = table.Sink('', (), lambda run, _: print('noise') or f'got {run.id}')\n"
        "child.main('added')\n"
    )
    assert process.send_in_a_process("added", content_of(lifted), Path()) == f"got {lifted.info.id}"
