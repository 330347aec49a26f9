"""Resuming beside what belongs to another run: it is noticed, and the numbers are those of undisturbed training."""

import json
import shutil

import pytest
from support.command_line import EXPERIMENT
from support.small_runs import plan_of, train_plan, training_here

from bnreg.runs import unfinished_runs
from bnreg.training import frame
from bnreg.training.compiled import program
from bnreg.training.engines import ENGINES

FAST = EXPERIMENT.replace("lr: 0.01", "lr: 1.0")


@pytest.fixture(params=[name for name, engine in ENGINES.items() if engine.unavailable() is None])
def stopped(request, tmp_path, monkeypatch):
    """``stopped("a", text)``: an experiment that was interrupted in its first shard, and its undisturbed run."""
    monkeypatch.setattr(frame, "REPORT_SECONDS", -1.0)  # so that it can be interrupted at each step
    monkeypatch.setattr(program, "PRODUCTS_BETWEEN_REPORTS", 0)

    def begin(name, text):
        folder = tmp_path / name
        folder.mkdir()
        plan = plan_of(folder, f"{text}engine: {request.param}\n")
        messages = []

        def interrupt(message):
            messages.append(message)
            if len(messages) == 8:
                raise KeyboardInterrupt

        with training_here():
            whole = train_plan(plan, tmp_path / f"{name}-whole", log=pytest.fail)
            with pytest.raises(KeyboardInterrupt):
                train_plan(plan, folder, watch=interrupt, log=pytest.fail)
        (run,) = unfinished_runs(folder)
        assert [*run.folder.glob("shard-0000-step-*")]
        return run, whole

    return begin


def resumed(bnreg, run):
    with training_here():
        return bnreg("train", "--resume", run.folder, "--no-progress")


def metrics_of(folder):
    return (folder / "metrics.csv").read_bytes()


def test_the_snapshots_of_another_run_are_not_trained_on(bnreg, stopped):
    """They differ in the learning rate alone, so their weights and batches began alike."""
    run, whole = stopped("slow", EXPERIMENT)
    other, _ = stopped("fast", FAST)
    for snapshot in run.folder.glob("shard-*-step-*"):
        shutil.rmtree(snapshot)
    for snapshot in other.folder.glob("shard-*-step-*"):
        shutil.copytree(snapshot, run.folder / snapshot.name)
    done = resumed(bnreg, run)
    assert done.code == 0
    assert "damaged: it belongs to another run or shard; training from an earlier state" in done.err
    assert metrics_of(run.final) == metrics_of(whole)
    pairing = [json.loads((folder / "run.json").read_text())["pairing"] for folder in (run.final, whole)]
    assert pairing[0] == pairing[1]


def test_the_plan_of_another_run_is_not_carried_out(bnreg, stopped):
    run, _ = stopped("slow", EXPERIMENT)
    other, _ = stopped("fast", FAST)
    for name in ("plan.json", "config.yaml", "manifest.json"):
        shutil.copy(other.folder / name, run.folder / name)
    done = resumed(bnreg, run)
    assert (done.code, done.err) == (
        2,
        f"{run.folder / 'plan.json'}: damaged: it belongs to another run, {other.final.name}\n",
    )


def test_two_copies_of_a_run_are_not_two_experiments(bnreg, stopped, tmp_path):
    """They are compared as one; pooled, they would count each seed twice."""
    _, whole = stopped("slow", EXPERIMENT)
    shutil.copytree(whole, tmp_path / "copy")
    alone = bnreg("compare", whole)
    both = bnreg("compare", whole, tmp_path / "copy")
    assert both.code == 0
    assert f"left out: {tmp_path / 'copy'}: a copy of {whole}" in both.out.replace("\n", " ")
    assert both.out.startswith(alone.out.rstrip())
