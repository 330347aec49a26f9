"""``bnreg modes`` on the command line."""

import json
from pathlib import Path

import pandas as pd
import pytest
from support.small_runs import train_here

EXPERIMENT = """\
data: {dataset: mnist_5k, batch_size: 50, train_size: 2000}
model: {hidden: [16]}
optimizer: {lr: 0.01}
training: {epochs: 1, weights: last}
arms:
  bn: {model: {norm: batch}}
  plain: {}
  dropout: {model: {dropout: 0.5}}
baseline: bn
seeds: 3
jobs: 1
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small run with weights."""
    return train_here(tmp_path_factory.mktemp("experiment"), EXPERIMENT)


@pytest.fixture
def shown(bnreg, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    done = bnreg("modes", run, "--json", "-o", "modes.html")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_eval_mode_agrees_with_the_recorded_metrics_and_train_mode_does_not(shown, run):
    assert shown["run"] == run.name
    summary = pd.read_csv(run / "summary.csv")
    for arm in shown["arms"]:
        recorded = summary.loc[summary.arm == arm["arm"], "final_test_accuracy"]
        assert arm["eval"]["accuracies"] == list(recorded)
        assert arm["seeds"] == [0, 1, 2]
        assert arm["state_unchanged"] is True
        assert all(len(checksum) == 64 for checksum in arm["sha256"].values())
    bn, plain, dropout = ({(r["order"], r["batch_size"]): r for r in arm["train"]} for arm in shown["arms"])
    eval_bn, eval_plain, eval_dropout = (arm["eval"]["mean"] for arm in shown["arms"])
    assert bn["shuffled", 2]["mean"] < bn["shuffled", 8]["mean"] < bn["shuffled", 128]["mean"]
    assert bn["shuffled", 512]["mean"] == pytest.approx(eval_bn, abs=0.03)
    assert bn["sorted", 32]["mean"] < eval_bn - 0.3
    assert {result["mean"] for result in plain.values()} == {eval_plain}
    assert all(result["mean"] < eval_dropout for result in dropout.values())
    assert Path(shown["chart"]).read_text().startswith("<!DOCTYPE html>")


def test_the_table_of_one_arm_and_the_check_are_printed(bnreg, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    done = bnreg("modes", run, "--arm", "bn")
    assert done.code == 0, done.err
    assert done.out.startswith(f"{run.name}: mnist_5k\n")
    assert "plain" not in done.out
    assert "weights and statistics: all 7 tensors have the same SHA-256 before and after" in done.out
    assert done.out.splitlines()[-1] == "modes.svg"
    assert "small: mnist_5k" in Path("modes.svg").read_text()
    assert done.err == "1 of 1: 3 networks of bn\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--arm", "bm"], "unknown arm 'bm' (choices: bn, plain, dropout)"),
        (["--point", "1"], "no point 1"),
        (["--arm", "plain", "-o", "modes.gif"], "modes.gif: unknown chart format '.gif'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line(bnreg, run, arguments, message):
    done = bnreg("modes", run, *arguments)
    assert done.code == 2
    assert message in done.err.splitlines()[-1]
    assert done.out == ""
    assert not list(Path.cwd().iterdir())


def test_several_runs_are_refused(bnreg, run):
    (run.parent / "other").mkdir(exist_ok=True)
    done = bnreg("modes", run.parent / "*")
    assert (done.code, done.out) == (2, "")
    assert "matches 2 runs, newest first: " in done.err
    assert done.err.endswith("; give one to look at\n")
