"""Training from Python: the same runs as on the command line, the same one-line mistakes, and saved when stopped."""

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from support.command_line import EXPERIMENT
from support.own_data import write_npz
from support.small_runs import in_this_process

import bnreg
from bnreg.executors.table import DEFAULT_EXECUTOR, EXECUTORS, ExecutorKind
from bnreg.runs import unfinished_runs
from bnreg.training.messages import ShardDone, StepsDone

CONTENT = yaml.safe_load(EXPERIMENT) | {"name": "small"}
QUICK = {"training.epochs": 1, "seeds": 1}

pytestmark = pytest.mark.usefixtures("here")


def metrics_of(run):
    return (run.path / "metrics.csv").read_bytes()


def test_a_file_a_mapping_and_the_command_train_the_same_networks(command):
    Path("small.yaml").write_text(EXPERIMENT)
    runs = [bnreg.train("small.yaml", QUICK), bnreg.train(Path("small.yaml"), QUICK), bnreg.train(CONTENT, QUICK)]
    done = command("train", "small.yaml", "training.epochs=1", "seeds=1")
    assert done.code == 0, done.err
    runs.append(bnreg.open_run(done.out.splitlines()[-1]))
    assert len({one.path for one in runs}) == 4
    assert len({metrics_of(one) for one in runs}) == 1
    assert all(one.config == runs[0].config for one in runs)


def test_a_run_records_how_it_was_called(tmp_path):
    """Without the folders of the machine; its overrides are known as those of the command are."""
    Path("small.yaml").write_text(EXPERIMENT)
    run = bnreg.train(tmp_path / "small.yaml", {"training.epochs": 1}, seeds=1)
    command = json.loads((run.path / "run.json").read_text())["command"]
    assert command == ["bnreg.train", "small.yaml", "training.epochs=1", "seeds=1"]
    assert "training.epochs=1, seeds=1" in str(run.compare())


def test_the_name_of_an_example_is_a_config_anywhere():
    """The run records it as it was given."""
    small = {"data.dataset": "mnist_5k", "data.train_size": 200, "training.epochs": 1}
    run = bnreg.train("bn_vs_plain", small, seeds=1)
    command = json.loads((run.path / "run.json").read_text())["command"]
    assert (run.config["name"], command[:2]) == ("bn_vs_plain", ["bnreg.train", "bn_vs_plain"])


def test_its_config_trains_it_again():
    run = bnreg.train(CONTENT, QUICK)
    assert metrics_of(bnreg.train(run.config)) == metrics_of(run)


@pytest.mark.parametrize(
    ("key", "given", "resolved"),
    [
        ("optimizer.lr", np.float32(0.5), 0.5),
        ("optimizer.lr", 1e-05, 1e-05),
        ("model.hidden", np.array([8, 4]), [8, 4]),
        ("model.hidden", (8,), [8]),
        ("seeds", range(2), 2),
        ("optimizer.name", "sgd", "sgd"),
        ("name", "true", "true"),
        ("name", "1.5", "1.5"),
        ("data.train_size", None, None),
    ],
)
def test_values_of_python_are_settings(key, given, resolved):
    """Texts stay texts, even those that look like a number."""
    run = bnreg.train(CONTENT | {"data": CONTENT["data"] | {"train_size": 100}}, {**QUICK, key: given})
    for part in key.split("."):
        resolved_there = (run.config if part == key.split(".")[0] else resolved_there)[part]  # noqa: F821
    assert resolved_there == resolved


CYCLE = {}
CYCLE["arms"] = CYCLE
MISTAKES = [
    (CONTENT | {"modle": {}}, {}, r"^config: unknown key 'modle'; did you mean 'model'\?"),
    (CONTENT | {"model": {"activation": "rleu"}}, {}, "config: model.activation: unknown activation 'rleu'"),
    (CONTENT | {"model": {"hidden": [object()]}}, {}, r"config: model.hidden\[0\]: expected a number, a text,"),
    (CONTENT | {1: 2}, {}, "config: expected a number, a text, a list or a mapping with texts as keys"),
    (CYCLE, {}, "config: arms: nested deeper than 20 levels"),
    (CONTENT, {"seeds": float("nan")}, "seeds: expected a number, a text"),
    (CONTENT, {"optimizer.lr": "fast"}, "override 'optimizer.lr=fast': "),
    (CONTENT, {"optimiser.lr": 1}, "override 'optimiser.lr=1': unknown key"),
    (CONTENT, {"": 1}, "override '=1': expected KEY=VALUE"),
    (CONTENT, {"name": "a\nb"}, "override 'name="),
    (CONTENT, {"device": "gpu"}, "override 'device=gpu': "),
    ("no.yaml", {}, "no.yaml: no such file"),
    (".", {}, "is a folder"),
    ("a\0b", {}, "cannot be read"),
]


@pytest.mark.parametrize(("config", "overrides", "said"), MISTAKES, ids=[said for *_, said in MISTAKES])
def test_a_mistake_is_a_line_that_names_its_place(config, overrides, said):
    with pytest.raises(bnreg.UserError, match=said) as error:
        bnreg.train(config, overrides)
    assert all("\n" not in line for line in error.value.lines)
    assert not Path("runs").exists()


def test_a_setting_is_given_once():
    with pytest.raises(bnreg.UserError, match="override 'seeds=2': would replace what override 'seeds=1' sets"):
        bnreg.train(CONTENT, {"seeds": 1}, seeds=2)


def test_an_experiment_without_a_name_has_one():
    content = {key: value for key, value in CONTENT.items() if key != "name"}
    assert bnreg.train(content, QUICK).name.startswith("experiment-")


def test_seeds_are_added_until_everything_is_decided(capsys):
    easy = {"training.epochs": 1, "optimizer.lr": 0.01, "data.train_size": 1000}
    run = bnreg.train(CONTENT, easy, seeds=6, until_decided=True, max_seeds=20, progress=False)
    assert run.config["seeds"] == {"from": 6, "until": "decided", "at_most": 20, "step": 10}
    assert "after 6 seeds" in capsys.readouterr().err
    with pytest.raises(bnreg.UserError, match="max_seeds: only with until_decided=True"):
        bnreg.train(CONTENT, max_seeds=20)


def test_without_progress_only_notes_are_said(capsys):
    bnreg.train(CONTENT, QUICK, progress=False)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert all(line.startswith("note: ") for line in shown.err.splitlines())


def stop_after(message_type, how):
    """An executor that trains in this process and stops after the first message of a type."""

    def train(*arguments, **options):
        for message in in_this_process.train(*arguments, **options):
            yield message
            if isinstance(message, message_type):
                how()

    return ExecutorKind(train)


def press_control_c():
    signal.raise_signal(signal.SIGINT)


def test_an_interrupted_training_is_resumed_with_bit_identical_results(monkeypatch, capsys):
    expected = metrics_of(bnreg.train(CONTENT))
    handlers = [signal.getsignal(number) for number in bnreg.signals.SIGNALS]
    monkeypatch.setitem(EXECUTORS, DEFAULT_EXECUTOR, stop_after(ShardDone, press_control_c))
    with pytest.raises(KeyboardInterrupt):
        bnreg.train(CONTENT)
    assert [signal.getsignal(number) for number in bnreg.signals.SIGNALS] == handlers
    (begun,) = unfinished_runs(Path("runs"))
    (said,) = re.findall(
        r"the training so far is saved; resume it with bnreg.resume\('(.+)'\)", capsys.readouterr().err
    )
    assert Path(said) == begun.final
    monkeypatch.setitem(EXECUTORS, DEFAULT_EXECUTOR, in_this_process)
    run = bnreg.resume(begun.final.name)
    assert metrics_of(run) == expected
    assert bnreg.resume(run.path).path == run.path  # it is complete


def test_the_next_training_says_which_run_is_unfinished(monkeypatch, capsys):
    monkeypatch.setitem(EXECUTORS, DEFAULT_EXECUTOR, stop_after(ShardDone, press_control_c))
    with pytest.raises(KeyboardInterrupt):
        bnreg.train(CONTENT)
    capsys.readouterr()
    monkeypatch.setitem(EXECUTORS, DEFAULT_EXECUTOR, in_this_process)
    bnreg.train(CONTENT)
    assert re.search(r"note: small-\S+ is interrupted .+; resume it with bnreg.resume\('", capsys.readouterr().err)


def test_a_training_that_fails_raises_and_is_kept(monkeypatch):
    def fail():
        raise bnreg.RunError("the worker process was killed")

    monkeypatch.setitem(EXECUTORS, DEFAULT_EXECUTOR, stop_after(StepsDone, fail))
    with pytest.raises(bnreg.RunError, match=r"^the worker process was killed$"):
        bnreg.train(CONTENT)
    assert len(unfinished_runs(Path("runs"))) == 1


@pytest.mark.parametrize("name", ["small-none", "", "../elsewhere"])
def test_a_run_that_does_not_exist_cannot_be_resumed(name):
    with pytest.raises(bnreg.UserError, match="no such run"):
        bnreg.resume(name)


def test_it_trains_in_another_thread():
    """Signals are the main thread's, and this one leaves them alone."""
    found = []
    thread = threading.Thread(target=lambda: found.append(bnreg.train(CONTENT, QUICK)))
    thread.start()
    thread.join()
    assert isinstance(found[0].metrics, pd.DataFrame)


PROGRAM = f"""\
print("ran", flush=True)
import bnreg
run = bnreg.train({CONTENT!r}, {QUICK!r} | {{"seeds": 2}}, jobs=2, progress=False)
print(run.compare())
"""


@pytest.mark.parametrize("how", ["script", "text"])
def test_a_program_without_a_main_guard_trains_with_workers(tmp_path, how):
    """Its workers do not run it again."""
    (tmp_path / "program.py").write_text(PROGRAM)
    arguments = {"script": ["program.py"], "text": ["-c", PROGRAM]}[how]
    done = subprocess.run(
        [sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ran\n") == 1
    assert "plain (baseline)" in done.stdout
    assert len(bnreg.list_runs()) == 1


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: bnreg.train(3), "config: expected a file or a mapping, got 3"),
        (lambda: bnreg.train(CONTENT, ["seeds=3"]), "overrides: expected a mapping from dotted keys to settings, got "),
        (
            lambda: bnreg.train(CONTENT, until_decided=True, max_seeds="x"),
            "max_seeds: expected a whole number, got 'x'",
        ),
        (lambda: bnreg.resume(3), "run: expected a run, its folder or its name, got 3"),
        (lambda: bnreg.resume("zzz"), "resume zzz: no such run"),
    ],
)
def test_what_makes_no_sense_is_a_line(call, said):
    with pytest.raises(bnreg.UserError) as error:
        call()
    assert error.value.lines[0].startswith(said)


def test_a_run_in_rounds_records_that_it_was():
    run = bnreg.train(CONTENT, until_decided=True, max_seeds=6, seeds=3, progress=False)
    assert run._stored.info.command == ("bnreg.train", "seeds=3", "until_decided=True", "max_seeds=6")


def test_a_process_that_may_start_no_other_says_so_before_anything_is_written(monkeypatch, tmp_path):
    """As those of multiprocessing's pools."""
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)
    with pytest.raises(bnreg.UserError, match="train: a daemonic process may not start"):
        bnreg.train(CONTENT)
    assert not (tmp_path / "runs").exists()


def test_data_of_ones_own_are_a_path_among_the_settings(here):
    """Of any kind, as for a config."""
    write_npz(here / "digits.npz")
    for path in ("digits.npz", here / "digits.npz"):
        run = bnreg.train(CONTENT | {"data": {"batch_size": 20}}, QUICK | {"data.dataset": path}, progress=False)
        assert [*run._stored.info.data] == ["digits.npz"]
    with pytest.raises(bnreg.UserError, match=r"data\.dataset: no file or folder './nowhere'"):
        bnreg.train(CONTENT | {"data": {"dataset": "./nowhere"}})
