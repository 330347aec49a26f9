"""``bnreg rm`` removes runs that were named and confirmed, and nothing else."""

import shutil
import sys
from pathlib import Path

import pytest
from support.made_runs import flip, made_name, make_run, make_unfinished

ONE, TWO = made_name(number=1), made_name(number=2)


@pytest.fixture
def two(bnreg):
    """Two runs in the folder ``runs`` below the working folder, and other files beside them."""
    for name in (ONE, TWO):
        make_run("runs", name, files={"weights/bn-0": b"123"})
    Path("beside").mkdir()
    Path("beside/precious").write_text("mine")
    return bnreg


def everything():
    """Everything below the current folder; links are listed as links."""
    return sorted(str(path) for path in Path().rglob("*"))


def names_left():
    """The existing runs, including hidden ones."""
    return {path.name for path in Path("runs").iterdir()}


@pytest.fixture
def answer(monkeypatch):
    """Answer at a terminal."""

    def sit(text):
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
        monkeypatch.setattr("typer.confirm", lambda question: asked.append(question) or text)
        return asked

    asked = []
    return sit


def test_a_run_is_removed_and_nothing_else(two):
    before = everything()
    done = two("rm", ONE, "--yes")
    size = sum(path.stat().st_size for path in Path("runs", TWO).rglob("*") if path.is_file())
    assert (done.code, done.err) == (0, "")
    assert done.out == f"runs/{ONE}  5 files, {size / 1000:.1f} kB\nremoved 1 run\n"
    assert everything() == [path for path in before if ONE not in path]


@pytest.mark.parametrize(("yes", "left"), [(True, set()), (False, {ONE, TWO})])
def test_it_asks_and_follows_the_answer(two, answer, yes, left):
    asked = answer(yes)
    done = two("rm", "lift")
    assert done.code == 0
    assert asked == ["Remove these 2?"]
    assert done.out.splitlines()[:2] == [line for line in done.out.splitlines() if line.startswith("runs/lift-")]
    assert done.out.splitlines()[-1] == ("removed 2 runs" if yes else "nothing was removed")
    assert names_left() == left


def test_without_a_terminal_nothing_is_removed(two, monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    before = everything()
    done = two("rm", ONE)
    line = "rm: no terminal to ask on, so nothing was removed; --yes removes without asking\n"
    assert (done.code, done.out, done.err) == (2, "", line)
    assert everything() == before


def test_unfinished_and_damaged_runs_and_renamed_ones_can_be_removed(two):
    Path("runs", ONE).rename(f"runs/.{ONE}.0a1b2c.partial")
    flip(Path("runs", TWO, "manifest.json"))
    make_run("runs", made_name(number=3)).rename("runs/best")
    Path("runs", f".{made_name(number=4)}.0a1b2c.removed").mkdir()
    rise = make_unfinished("runs", made_name("rise", 5))
    done = two("rm", *names_left(), "--yes")
    assert (done.code, done.err) == (0, "")
    assert f"runs/.{ONE}.0a1b2c.partial  5 files" in done.out
    assert f"runs/{rise.folder.name}  3 files" in done.out
    assert "unfinished: it can be resumed" in done.out
    assert not names_left()


def test_a_run_named_twice_is_removed_once(two):
    done = two("rm", ONE, f"runs/{ONE}", f"./runs/../runs/{ONE}", "--yes")
    assert (done.code, done.out.splitlines()[-1]) == (0, "removed 1 run")


def test_all_refusals_are_reported_at_once_and_nothing_is_removed(two):
    """Each of these would remove something that is no run or is in another folder."""
    outside = make_run("outside", made_name(number=9))
    Path("runs/notes").mkdir()
    Path("runs/extension").mkdir()
    Path("runs/extension/manifest.json").write_text('{"manifest_version": 3}')
    Path("runs/file").touch()
    Path("runs/link").symlink_to(Path(TWO))
    Path("runs/way_out").symlink_to(Path("..", outside))
    Path("runs/door").symlink_to(Path("../outside"))
    Path("shortcut").symlink_to("runs")
    before = everything()
    here = Path.cwd()
    done = two(
        "rm",
        ONE,
        "runs/notes",
        "runs/extension",
        "runs/file",
        "runs",
        "runs/..",
        "/",
        str(outside),
        "runs/link",
        "runs/way_out",
        f"runs/door/{outside.name}",
        f"shortcut/{TWO}",
        f"runs/door/../runs/{TWO}",
        "nothing",
        "",
        "--yes",
    )
    elsewhere = "name the folder of the runs with --runs FOLDER"
    through = f"is reached through a symbolic link; give the path of the run itself, {here}/runs/{TWO}"
    assert done.code == 2
    assert done.err.splitlines() == [
        "runs/notes: not a run folder (it has no manifest.json of a run)",
        "runs/extension: not a run folder (it has no manifest.json of a run)",
        "runs/file: not a run folder (it has no manifest.json)",
        f"runs: is outside runs; {elsewhere}",
        f"runs/..: is outside runs; {elsewhere}",
        f"/: is outside runs; {elsewhere}",
        f"{outside}: is outside runs; {elsewhere}",
        f"runs/link: {through}",
        f"runs/way_out: is outside runs (it is a link to {here}/{outside}); {elsewhere}",
        f"runs/door/{outside.name}: is outside runs; {elsewhere}",
        f"shortcut/{TWO}: {through}",
        f"runs/door/../runs/{TWO}: {through}",
        "nothing: no such run; `bnreg runs` lists the runs",
        "'': an empty argument; give a run folder",
    ]
    assert done.out == ""
    assert everything() == before


def test_the_folder_of_runs_may_itself_be_a_link(two):
    """The link is the user's own name for the runs folder."""
    Path("runs").rename("disk")
    Path("runs").symlink_to("disk")
    assert two("rm", ONE, "--yes").code == 0
    assert two("rm", f"disk/{TWO}", "--yes").code == 0
    assert not names_left()
    assert Path("runs").is_symlink()


def test_links_within_a_run_are_removed_and_not_followed(two):
    Path("runs", ONE, "link").symlink_to(Path.cwd() / "beside")
    assert two("rm", ONE, "--yes").code == 0
    assert Path("beside/precious").read_text() == "mine"


def test_a_run_vanishes_before_the_first_of_its_files_is_deleted(two, monkeypatch):
    """A reader sees the whole run or nothing; what an interrupted removal leaves is listed and can be removed."""

    def interrupted(folder):
        assert not Path("runs", ONE).exists()
        assert (Path(folder) / "manifest.json").exists()
        raise OSError(5, "Input/output error", str(folder))

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", interrupted)
        done = two("rm", ONE, "--yes")
    assert done.code == 1
    assert done.err.endswith("Input/output error\n")
    (left,) = names_left() - {TWO}
    assert left.startswith(f".{ONE}.")
    assert "removal interrupted; `bnreg rm` finishes it" in two("runs").out
    assert two("rm", left, "--yes").code == 0
    assert names_left() == {TWO}
