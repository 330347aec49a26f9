"""Runs that were interrupted or are complete: resuming refuses what is not theirs, and other commands name them."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from support.command_line import EXPERIMENT
from support.made_runs import made_name, make_run, reseal
from support.small_runs import plan_of, train_plan, training_here

from bnreg.runs import UnfinishedRun, unfinished_runs


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """An interrupted run that tests only read."""
    folder = tmp_path_factory.mktemp("stopped")

    def interrupt(_):
        raise KeyboardInterrupt

    with training_here(), pytest.raises(KeyboardInterrupt):
        train_plan(plan_of(folder, EXPERIMENT), folder / "runs", watch=interrupt, log=pytest.fail)
    (run,) = unfinished_runs(folder / "runs")
    assert run.state()[0] == "interrupted"
    return run


def test_changed_settings_are_named_and_nothing_is_trained(bnreg, stopped, monkeypatch):
    def refusal(*arguments):
        done = bnreg("train", *arguments, "--resume", stopped.folder)
        assert (done.code, done.out) == (2, "")
        return done.err.splitlines()

    where = f"{stopped.folder}: cannot be resumed:"
    assert refusal("optimizer.lr=0.5", "seeds=4") == [
        f"{where} optimizer.lr is 0.5 here but was 0.01",
        f"{where} seeds is 4 here but was 3",
    ]
    monkeypatch.setenv("BNREG_MIRROR", "http://127.0.0.1:9/")
    (line,) = refusal("data.dataset=mnist", "--data-root", "nowhere")[-1:]
    assert line == f'{where} data.dataset is "mnist" here but was "mnist_5k"'


def test_another_version_is_named(stopped, monkeypatch, bnreg):
    from bnreg.experiment import beginning

    monkeypatch.setattr(beginning, "version", lambda package: "9.9" if package == "numpy" else "2.0")
    done = bnreg("train", "--resume", stopped.folder)
    assert done.code == 2
    assert "numpy is 9.9 here but was 2." in done.err


def test_other_data_are_named(stopped, monkeypatch, bnreg):
    from bnreg.data import datasets

    monkeypatch.setattr(datasets, "fingerprint_of", lambda _: "sha256:0000")
    monkeypatch.setitem(datasets.DATASETS, "mnist_5k", _without_fingerprint(datasets.DATASETS["mnist_5k"]))
    done = bnreg("train", "--resume", stopped.folder)
    assert done.code == 2
    assert "the data for 'mnist_5k' is mnist_5k with sha256:0000 here but was mnist_5k with sha256:18e7c1ee" in done.err


def _without_fingerprint(source):
    from dataclasses import replace

    return replace(source, fingerprint=None)


@pytest.mark.usefixtures("without_workers")
def test_training_the_experiment_again_reports_the_stopped_run(bnreg, stopped):
    shutil.copytree(stopped.folder, Path("runs", stopped.folder.name))
    Path("small.yaml").write_text(EXPERIMENT)
    done = bnreg("train", "small.yaml", "device=cpu", "--no-progress")
    assert done.code == 0
    note = f"note: {stopped.final.name} is interrupted (0 % of 120 steps, 0 of 6 networks done); "
    assert [line for line in done.err.splitlines() if line.startswith(note)]


def test_compare_leaves_an_interrupted_run_out_and_says_so(bnreg, stopped):
    done = bnreg("compare", stopped.folder, make_run("runs", made_name()))
    assert done.code == 0
    assert f"left out: {stopped.folder}: interrupted: 0 % of 120 steps, 0 of 6 networks done" in done.out.replace(
        "\n", " "
    )
    alone = bnreg("compare", stopped.folder)
    assert (alone.code, alone.err.count("\n")) == (2, 1)


def test_resuming_a_complete_run_prints_its_comparison(bnreg):
    run = make_run("runs", made_name())
    done = bnreg("train", "--resume", run.name)
    assert (done.code, done.err) == (0, f"{run}: already complete\n")
    assert "plain (baseline)" in done.out
    assert done.out.splitlines()[-1] == f"{run}/"


REMEDY = "to train with other settings, omit --resume"


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        ((), 0, "already complete"),
        (("optimizer.lr=0.001", "seeds=10", "jobs=1"), 0, "already complete, with these settings"),
        (("lift.yaml",), 0, "already complete, with these settings"),
        (
            ("optimizer.lr=0.5", "seeds=4"),
            2,
            f"already complete: optimizer.lr is 0.5 here but was 0.001; seeds is 4 here but was 10; {REMEDY}",
        ),
        (
            ("lift.yaml", "model.dropout=0.5"),
            2,
            f"already complete: model.dropout is 0.5 here but was 0.0; {REMEDY}",
        ),
    ],
)
def test_resuming_a_complete_run_checks_settings_that_are_given_again(bnreg, words, code, line):
    """As for an unfinished run: they must be its own."""
    run = make_run("runs", made_name())
    content = yaml.safe_dump(json.loads((run / "run.json").read_text())["config"]).encode()
    Path("lift.yaml").write_bytes(content)
    reseal(run, "config.yaml", content)
    done = bnreg("train", *words[:1], "--resume", made_name(), *words[1:])
    assert (done.code, done.err) == (code, f"runs/{made_name()}: {line}\n")
    assert bool(done.out) is (code == 0)


def test_settings_for_a_complete_run_without_a_config_cannot_be_checked(bnreg):
    make_run("runs", made_name())
    done = bnreg("train", "seeds=4", "--resume", made_name())
    assert (done.code, done.out) == (2, "")
    assert done.err == f"runs/{made_name()}/config.yaml: damaged run: No such file or directory\n"


def test_an_unknown_run_is_refused_with_the_unfinished_runs(bnreg, stopped):
    latest = bnreg("train", "--resume", "latest", "--runs", stopped.folder.parent, "--dry-run")
    assert (latest.code, latest.out.partition(":")[0]) == (0, "small")
    done = bnreg("train", "--resume", "smell", "--runs", stopped.folder.parent)
    line = f"--resume smell: no such run; unfinished runs in {stopped.folder.parent}: {stopped.final.name}\n"
    assert (done.code, done.err) == (2, line)
    done = bnreg("train", "--resume", "small", "--runs", "runs")
    assert (done.code, done.err) == (2, "--resume small: no such run; no unfinished runs in runs\n")
    done = bnreg("train")
    assert (done.code, done.err) == (
        2,
        "train: no CONFIG; give a file or an example, such as bn_vs_plain, or --resume RUN\n",
    )


def test_a_damaged_plan_is_refused(bnreg, stopped):
    run = UnfinishedRun(Path("runs", stopped.folder.name))
    shutil.copytree(stopped.folder, run.folder)
    (run.folder / "plan.json").write_bytes(b" " + (run.folder / "plan.json").read_bytes())
    done = bnreg("train", "--resume", "small")
    assert done.code == 2
    assert "plan.json: damaged run: the file does not match its checksum in manifest.json" in done.err
