"""An addition costs one entry in its table: each test makes one and uses it from a config or a command.

Each test puts an entry into a table as a developer would, changes nothing else, and checks the result.
"""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import altair as alt
import numpy as np
import pytest
import torch
from support.small_runs import in_this_process, sending_here, train_here, train_plan
from torch import nn

from bnreg.claims.measures import MEASURES, Measure
from bnreg.cli import add_commands, build_app
from bnreg.data.datasets import DATASETS
from bnreg.diagnostics.table import DIAGNOSTICS, Diagnostic
from bnreg.executors.table import EXECUTORS, ExecutorKind
from bnreg.experiment.plan import plan_experiment
from bnreg.metrics import METRICS, Metric
from bnreg.nn.activations import ACTIVATIONS, Activation
from bnreg.nn.init import INITS, InitScheme
from bnreg.nn.norms import NORMS, Norm
from bnreg.nn.penalties import PENALTIES, PenaltyKind
from bnreg.report.charts.table import CHARTS, Chart
from bnreg.runs import read_run
from bnreg.sinks.table import SINKS, Sink
from bnreg.training.engines import ENGINES, EngineKind
from bnreg.training.schedules import SCHEDULES, ScheduleKind
from bnreg.training.stacked.optimizers import OPTIMIZERS, OptimizerKind

EXPERIMENT = """\
name: added
data: {dataset: mnist_5k, batch_size: 50, train_size: 100}
model: {hidden: [4]}
optimizer: {lr: 0.1}
training: {epochs: 1}
arms:
  one: {CHANGES}
  plain: {}
baseline: plain
seeds: 2
"""


@pytest.fixture
def train(tmp_path):
    """Train the arm ``one`` with some changes, beside ``plain``; return the run."""
    return lambda changes: read_run(train_here(tmp_path, EXPERIMENT.replace("{CHANGES}", changes)))


class Halved(nn.Module):
    """A norm that needs no batch and learns no shift."""

    def forward(self, z):
        return z / 2


def descend_by_sign(group, lr):
    for view, gradient in zip(group.views, group.gradients(), strict=True):
        view -= lr * gradient.sign()


ENTRIES = {
    "activation": (ACTIVATIONS, Activation(lambda z: z**3), "model: {activation: added}"),
    "norm": (NORMS, Norm(lambda *_: Halved(), needs_batch=False, has_shift=False), "model: {norm: added}"),
    "initialisation": (INITS, InitScheme(lambda _, shape, __: np.zeros(shape)), "model: {init: {scheme: added}}"),
    "optimiser": (OPTIMIZERS, OptimizerKind(descend_by_sign, 0, ()), "optimizer: {name: added}"),
    "schedule": (SCHEDULES, ScheduleKind(lambda *_: 0.0), "optimizer: {schedule: {name: added}}"),
    "penalty": (PENALTIES, PenaltyKind(lambda _: 0.25), "training: {penalty: {kind: added, strength: 0.5}}"),
}


@pytest.mark.parametrize("what", ENTRIES)
def test_a_part_of_a_network_or_its_training_is_one_entry_of_its_table(what, train, monkeypatch):
    """A config can name it, and its effect shows in the results."""
    table, entry, changes = ENTRIES[what]
    monkeypatch.setitem(table, "added", entry)
    losses = dict(train(f"{{{changes}}}").metrics.groupby("arm")["test_loss"].mean())
    assert losses["one"] != losses["plain"]


def test_a_data_set_is_one_entry(tmp_path, monkeypatch):
    monkeypatch.setitem(DATASETS, "added", replace(DATASETS["mnist_5k"], description="the same by another name"))
    experiment = EXPERIMENT.replace("mnist_5k", "added").replace("{CHANGES}", "{model: {norm: batch}}")
    assert read_run(train_here(tmp_path, experiment)).info.data["added"].name == "added"


def test_a_metric_is_one_entry(train, monkeypatch, bnreg):
    """It is measured on every split, saved, and compared with its own unit and direction."""
    error = Metric(lambda logits, labels: logits.argmax(2) != labels, is_share=True, chance=lambda n: 1 - 1 / n)
    monkeypatch.setitem(METRICS, "error", error)
    run = train("{model: {norm: batch}}")
    assert run.metrics["train_error"].tolist() == pytest.approx((1 - run.metrics["train_accuracy"]).tolist())
    assert run.summary["final_test_error"] == pytest.approx([1 - value for value in run.summary["final_test_accuracy"]])
    assert "test error, %" in bnreg("compare", run.path, "--metric", "test_error").out


def test_a_diagnostic_is_one_entry(train, monkeypatch):
    monkeypatch.setitem(DIAGNOSTICS, "added", Diagnostic("weights.weights", "the same under another name"))
    run = train("{diagnostics: {names: [added]}}")
    assert {*run.table("diagnostics")["arm"]} == {"one"}


def test_a_measure_of_a_claim_is_one_entry(bnreg, monkeypatch):
    letters = Measure(lambda view, arm: dict.fromkeys(view.seeds, len(arm)), "letters of the arm's name")
    monkeypatch.setitem(MEASURES, "added", letters)
    monkeypatch.setitem(EXECUTORS, "processes", in_this_process)
    test = "{measure: added, more: plain, against: one, smallest_effect: 1}"
    claim = f"claim: {{id: X, statement: Its name is longer., tests: [{test}]}}\n"
    text = EXPERIMENT.replace("{CHANGES}", "{model: {norm: batch}}").replace("seeds: 2", "seeds: 6")
    Path("added.yaml").write_text(text + claim)
    done = bnreg("claims", "added.yaml", "--runs", "runs", "--no-progress")
    assert done.out.startswith("X  supported  +2.000 [+2.000, +2.000]")


def test_a_chart_is_one_entry(train, monkeypatch, bnreg):
    run = train("{model: {norm: batch}}")
    mark = alt.Chart(alt.Data(values=[{"x": 1}])).mark_point().encode(x="x:Q")
    added = Chart("a point", lambda _: None, lambda view: mark.properties(title=view.name))
    monkeypatch.setitem(CHARTS, "added", added)
    assert bnreg("plot", run.path, "--chart", "added", "-o", "added.svg").code == 0


class Watched:
    """An engine that lets the torch engine train, and adds its own table."""

    def __init__(self, *arguments):
        self._inner = ENGINES["torch"].make(*arguments)
        self.train, self.state = self._inner.train, self._inner.state

    @property
    def num_steps(self):
        return self._inner.num_steps

    def result(self):
        result = self._inner.result()
        rows = [
            proof.replica._asdict() | {"layer": "linear0", "name": "spread", "value": 0.5} for proof in result.pairing
        ]
        result.tables["diagnostics"] = rows[::-1]
        return result


def plan_of(tmp_path):
    (tmp_path / "added.yaml").write_text(EXPERIMENT.replace("{CHANGES}", "{model: {norm: batch}}"))
    return plan_experiment(tmp_path / "added.yaml", ["device=cpu"], data_folder=None, log=pytest.fail)


def test_an_engine_and_a_table_are_one_entry_each(tmp_path, monkeypatch):
    """All rows that an engine yields are written, sealed and read back in the order of the run's replicas."""
    monkeypatch.setitem(ENGINES, "added", EngineKind(lambda: None, Watched))
    monkeypatch.setitem(EXECUTORS, "processes", in_this_process)
    run = read_run(train_plan(replace(plan_of(tmp_path), engine="added"), tmp_path / "runs"))
    table = run.table("diagnostics")
    assert list(table.columns) == ["arm", "seed", "layer", "name", "value"]
    assert list(zip(table["arm"], table["seed"], strict=True)) == [("one", 0), ("one", 1), ("plain", 0), ("plain", 1)]


def test_an_executor_is_one_entry(tmp_path, monkeypatch):
    monkeypatch.setitem(EXECUTORS, "added", in_this_process)
    other = ExecutorKind(lambda *_, **__: pytest.fail("the other executor was asked"))
    monkeypatch.setitem(EXECUTORS, "processes", other)
    assert train_plan(replace(plan_of(tmp_path), executor="added"), tmp_path / "runs").is_dir()


def test_a_sink_is_one_entry(tmp_path, monkeypatch, bnreg):
    """A config names it, and so does a command."""
    added = Sink("prints it", ("json",), lambda run, _: f"{run.id}, {len(run.arms)} arms")
    monkeypatch.setitem(SINKS, "added", added)
    run = train_here(tmp_path, EXPERIMENT.replace("{CHANGES}", "{model: {norm: batch}}") + "sinks: [added]\n")
    assert read_run(run).config["sinks"] == ["added"]
    with sending_here():
        assert bnreg("send", run, "--to", "added").out == f"added: {run.name}, 2 arms\n"


def test_a_command_is_one_module():
    """Its function has the name of the module, and the help lists it in the panel of its folder."""

    def added() -> None:
        """Do something."""

    module = SimpleNamespace(__name__="bnreg.cli.finding.added", EXAMPLES=("bnreg added",), added=added)
    app = build_app()
    add_commands(app, [module])
    assert "added" in {command.name or command.callback.__name__ for command in app.registered_commands}


def test_the_entries_are_gone_again():
    """The tables are unchanged after these tests."""
    for table in (
        ACTIVATIONS,
        NORMS,
        INITS,
        OPTIMIZERS,
        SCHEDULES,
        PENALTIES,
        METRICS,
        DIAGNOSTICS,
        CHARTS,
        ENGINES,
        SINKS,
    ):
        assert not {"added", "error"} & table.keys()
    assert torch.get_default_dtype() == torch.float32
