"""Arms whose names contain dots, or another arm's name: training, tables, filters and the audit agree on settings."""

import json
from itertools import product

import pytest
from support.config_case import load, mistakes
from support.made_runs import DATA, made_name, make_run

from bnreg.analysis.audit import LEARNING_RATE, RateAtEdge, UnequalTuning, audit
from bnreg.analysis.replicas import replicas_of
from bnreg.analysis.run_view import view_of_run
from bnreg.config.cell_settings import plain
from bnreg.runs import read_run
from bnreg.wording import point_label

ARMS = ("v1", "v1.0", "v1.0.model", "arms.v1", "data")
RATES = [0.1, 0.2, 0.4]


def experiment(folder, arm, *overrides):
    """An experiment of these arms, each with its own dropout, in which one arm's learning rate is swept."""
    changes = "".join(f"  {name}: {{model: {{dropout: 0.{place}}}}}\n" for place, name in enumerate(ARMS))
    text = f"arms:\n{changes}baseline: v1\nsweep: {{arms.{arm}.optimizer.lr: {RATES}}}\n"
    return load(folder, text, *overrides)


@pytest.fixture
def view(tmp_path):
    """The run that this experiment leads to, made by hand; the swept arm is the best at its highest rate."""

    def make(arm):
        loaded = experiment(tmp_path, arm)
        accuracies = {name: [0.9 + 0.01 * place for place in range(len(RATES))] for name in ARMS}
        folder = make_run(
            tmp_path / "runs",
            made_name(),
            accuracies=accuracies,
            points=plain(loaded.points),
            point_keys=list(loaded.point_keys),
            config=loaded.resolved,
            num_epochs=loaded.resolved["training"]["epochs"],
            data={"mnist": vars(DATA["mnist"])},
        )
        return loaded, view_of_run(read_run(folder))

    return make


@pytest.mark.parametrize("arm", ARMS)
def test_a_swept_arm_has_the_same_settings_in_training_and_in_every_answer(arm, view, bnreg):
    loaded, made = view(arm)
    trained = {(cell.point_index, cell.arm): cell.settings.optimizer.lr for cell in loaded.cells}
    assert trained == {
        (point, name): RATES[point] if name == arm else 0.001 for point, name in product(range(len(RATES)), ARMS)
    }
    found = {(one.id.point_index, one.id.arm): one.settings[LEARNING_RATE] for one in replicas_of(made, [])}
    assert found == trained
    asked = ("compare", "runs/*", "--json", "--columns", LEARNING_RATE)
    chosen = json.loads(bnreg(*asked, "--where", f"{LEARNING_RATE}>=0.1").out)
    assert {(one["arm"], *one[LEARNING_RATE]) for one in chosen[0]["arms"]} == {(arm, str(rate)) for rate in RATES}
    findings = audit(made)
    assert UnequalTuning({name: 3 if name == arm else 1 for name in ARMS}, [f"arms.{arm}.optimizer.lr"]) in findings
    assert [one for one in findings if isinstance(one, RateAtEdge)] == [RateAtEdge(arm, "test", RATES, 0.4)]


@pytest.mark.parametrize("arm", ARMS)
def test_an_override_reaches_the_arm_that_it_names(arm, tmp_path):
    cells = experiment(tmp_path, arm, f"arms.{arm}.model.norm=batch").cells
    assert {cell.arm for cell in cells if cell.settings.model.norm == "batch"} == {arm}


def test_an_override_may_add_an_arm_whose_name_has_dots_but_not_change_an_unknown_one(tmp_path):
    text = "arms: {v1: {}}\nbaseline: v1"
    assert load(tmp_path, text, "arms.v2.0={model: {norm: batch}}").arms == ("v1", "v2.0")
    assert load(tmp_path, text.replace("{}}", "{model: {norm: batch}}}"), "arms.plain=null").arms == ("v1", "plain")
    unknown = "unknown arm 'v1.1'; did you mean 'v1'? (choices: v1)"
    for override in ("arms.v1.1.model.norm=batch", "sweep.arms.v1.1.model.norm=[batch]"):
        assert mistakes(tmp_path, text, override) == [f"override '{override}': {unknown}"]


def test_a_points_label_names_the_whole_arm():
    assert point_label({"arms.v1.0.optimizer.lr": 0.1, "optimizer.lr": 1}) == "v1.0 lr=0.1, lr=1"
