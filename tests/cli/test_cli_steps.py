"""A run that was trained and evaluated by steps, as a reader sees it."""

import json

import pytest
from support.small_runs import train_here

from bnreg.analysis.run_view import view_of_run
from bnreg.report.charts.curves import draw
from bnreg.runs import read_run

CONFIG = """\
data: {dataset: mnist_5k, train_size: 100, batch_size: 20}
model: {hidden: [4]}
training: {steps: 12, evaluate: {every_steps: 4}}
arms:
  bn: {model: {norm: batch}}
  plain: {}
baseline: plain
seeds: 2
"""


@pytest.fixture(scope="module")
def by_steps(tmp_path_factory):
    return train_here(tmp_path_factory.mktemp("steps"), CONFIG)


def accuracies(bnreg, run, at):
    arms = json.loads(bnreg("compare", run, "--at", at, "--seeds", "--json").out)[0]["arms"]
    return {arm["arm"]: [*arm["test_accuracy"]["by_seed"].values()] for arm in arms}


def test_a_step_or_the_mean_of_the_last_evaluations_can_be_asked_for(bnreg, by_steps):
    rows = read_run(by_steps).metrics
    table = rows[rows["arm"] == "bn"].pivot_table(index="step", columns="seed", values="test_accuracy")
    assert accuracies(bnreg, by_steps, "step=8")["bn"] == pytest.approx(table.loc[8].tolist())
    assert accuracies(bnreg, by_steps, "last=2")["bn"] == pytest.approx(table.loc[[8, 12]].mean().tolist())
    for at in ("step=12", "last=1"):
        assert accuracies(bnreg, by_steps, at) == accuracies(bnreg, by_steps, "last")


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("step=9", "was not evaluated then; the nearest: 8, 12"),
        ("step=13", "was trained for 12 steps"),
        ("epoch=1", "was not evaluated after whole epochs; use step=N"),
        ("last=4", "has 3 evaluations"),
    ],
)
def test_a_moment_without_an_evaluation_is_a_mistake(bnreg, by_steps, at, said):
    done = bnreg("compare", by_steps, "--at", at)
    assert (done.code, done.out, done.err) == (2, "", f"--at {at}: {by_steps.name}: {said}\n")


def test_tables_and_charts_count_steps(bnreg, by_steps):
    assert "mnist_5k, 12 steps, 2 seeds" in bnreg("compare", by_steps, "--width", "120").out
    assert "mean of the last 2 evaluations" in bnreg("compare", by_steps, "--at", "last=2", "--width", "120").out
    chart = json.dumps(draw(view_of_run(read_run(by_steps))).to_dict())
    assert '"title": "step"' in chart
    assert '"title": "epoch"' not in chart


def test_a_run_by_epochs_knows_its_steps_too(bnreg, tmp_path):
    run = train_here(tmp_path, CONFIG.replace("steps: 12, evaluate: {every_steps: 4}", "epochs: 2"))
    assert accuracies(bnreg, run, "step=5") == accuracies(bnreg, run, "epoch=1")
    assert "2 epochs" in bnreg("compare", run).out
