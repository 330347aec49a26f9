"""The sinks of a config get each run once it is trained; whatever becomes of them, the run is what it would be."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.command_line import EXPERIMENT
from support.small_runs import drawing_here, plan_of, training_here

import bnreg as api
from bnreg.api import sending
from bnreg.experiment.beginning import describe_beginning, settings_that_differ
from bnreg.experiment.story import begin_experiment
from bnreg.runs import read_run
from bnreg.sinks import table
from bnreg.sinks.table import SINKS, Sink


@pytest.fixture
def train(bnreg):
    """Train a small experiment in this process with some overrides: ``train("sinks=[…]")``."""
    Path("small.yaml").write_text(EXPERIMENT)
    with training_here(), drawing_here():
        yield lambda *words: bnreg("train", "small.yaml", "training.epochs=1", "seeds=1", "--no-progress", *words)


def test_what_is_trained_is_sent(train, told):
    done = train("sinks=[added]", "--json")
    (run,) = Path("runs").iterdir()
    assert (done.code, done.err.splitlines()[-1]) == (0, f"note: added: got {run.name}")
    assert json.loads(done.out)[0]["run"] == run.name == told[0][0].id


def test_python_programs_send_what_they_train(bnreg, train, told):  # noqa: ARG001 # for their side effects
    config = {
        "data": {"dataset": "mnist_5k", "train_size": 100},
        "model": {"hidden": [4]},
        "training": {"epochs": 1},
        "name": "pair",
    }
    run = api.train(config, sinks=["added"], seeds=1, progress=False)
    assert [sent.id for sent, _ in told] == [run.name]


def test_a_repeat_with_other_sinks_is_a_repeat(swept):
    """So is one by a version that had no sinks."""
    config = {key: value for key, value in swept.config.items() if key != "sinks"}
    infos = [swept.info.with_config(config | sinks) for sinks in ({}, {"sinks": []}, {"sinks": ["mlflow"]})]
    assert {replace(swept, info=info).training_hash for info in infos} == {swept.training_hash}


def test_a_missing_package_is_said_before_training(train, monkeypatch):
    found = table.find_spec
    monkeypatch.setattr(table, "find_spec", lambda name: None if name == "mlflow" else found(name))
    done = train("sinks=[tensorboard, mlflow]")
    remedy = "mlflow is not installed: pip install 'bnreg[mlflow]', or train with 'sinks=[]'"
    assert (done.code, done.out, done.err) == (2, "", f"override 'sinks=[tensorboard, mlflow]': {remedy}\n")
    assert not Path("runs").exists()


def test_a_run_that_was_stopped_before_it_was_sent_is_sent_when_it_is_resumed(bnreg, train, told):
    assert train("sinks=[added]").code == 0
    (run,) = Path("runs").iterdir()
    assert bnreg("train", "--resume", run.name).code == 0
    api.resume(run.name, progress=False)
    assert [sent.id for sent, _ in told] == [run.name] * 3


def test_seeds_that_are_added_are_sent_with_the_others(bnreg, train, told):
    assert train("sinks=[added]").code == 0
    assert bnreg("extend", "small", "seeds=2", "--no-progress").code == 0
    assert [len(run.arms[0].networks) for run, _ in told] == [1, 2]


def test_a_run_that_is_resumed_from_elsewhere_is_sent_where_the_command_sends_it(bnreg, train, told):  # noqa: ARG001
    plan = plan_of(Path(), EXPERIMENT + "sinks: [added]\n")
    begun = begin_experiment(plan, describe_beginning(plan, command=[], data_folder=None), Path("other/runs"))
    assert bnreg("train", "--resume", begun.folder, "--no-progress").code == 0
    assert bnreg("send", begun.final, "--to", "added").code == 0
    assert [folder for _, folder in told] == [Path("other")] * 2


def test_no_result_depends_on_the_sinks():
    assert settings_that_differ({"sinks": ["mlflow"]}, {"sinks": []}) == []


def test_a_sink_that_fails_harms_no_run(bnreg, train, told, monkeypatch):  # noqa: ARG001 # its entry is replaced
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(SINKS, "added", Sink("fails", (), fail))
    done = train("sinks=[added, tensorboard]", "--json")
    (run,) = Path("runs").iterdir()
    assert done.code == 0
    assert json.loads(done.out)[0]["run"] == read_run(run).info.id
    *_, warning, note = done.err.splitlines()
    again = f"the run is complete; send it again with `bnreg send {run} --to added`"
    assert warning == f"warning: added: No space left on device; {again}"
    assert note.startswith("note: tensorboard: tensorboard/small-")
    done = bnreg("send", run, "--to", "added", "--to", "tensorboard")
    assert (done.code, done.err) == (1, f"{run}: added: No space left on device\n")
    assert done.out.startswith("tensorboard: already there: ")


def test_a_run_that_cannot_be_described_is_complete_nonetheless(train, told, monkeypatch):  # noqa: ARG001
    monkeypatch.setattr(sending, "content_of", lambda _: 1 / 0)
    done = train("sinks=[added]")
    (run,) = Path("runs").iterdir()
    last = done.err.splitlines()[-1]
    assert (done.code, last) == (0, f"warning: {run}: the run is complete, but could not be sent: division by zero")
