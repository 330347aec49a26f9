"""Sweeps: their points, the order of the points, and the keys that cannot be swept."""

import pytest
from support.config_case import PAIR, load, mistakes

from bnreg.config.cell_settings import plain, points_of
from bnreg.config.schema import Model

NOT_SWEPT = (
    "cannot be swept; sweep settings of data, model, optimizer, training, diagnostics, "
    "or of an arm (arms.NAME.model.norm)"
)


def test_a_grid_multiplies_with_its_first_key_slowest(tmp_path):
    """The order of points is the order of the file."""
    experiment = load(tmp_path, "sweep: {optimizer.lr: [0.01, 0.1], data.train_size: [500, 4000]}")
    assert experiment.point_keys == ("optimizer.lr", "data.train_size")
    assert experiment.points == (
        {"optimizer.lr": 0.01, "data.train_size": 500},
        {"optimizer.lr": 0.01, "data.train_size": 4000},
        {"optimizer.lr": 0.1, "data.train_size": 500},
        {"optimizer.lr": 0.1, "data.train_size": 4000},
    )
    for cell in experiment.cells:
        assert cell.settings.optimizer.lr == cell.point["optimizer.lr"]
        assert cell.settings.data.train_size == cell.point["data.train_size"]
        assert cell.point == experiment.points[cell.point_index]


def test_zipped_lists_advance_together_and_multiply_with_the_grid(tmp_path):
    """A width and its decay belong together; each pair is combined with each rate."""
    text = """\
sweep:
  optimizer.lr: [0.01, 0.1]
  zip:
    model.hidden: [[32], [64]]
    optimizer.weight_decay: [0, 1e-4]
"""
    experiment = load(tmp_path, text)
    assert experiment.point_keys == ("optimizer.lr", "model.hidden", "optimizer.weight_decay")
    assert [tuple(point.values()) for point in experiment.points] == [
        (0.01, (32,), 0),
        (0.01, (64,), 1e-4),
        (0.1, (32,), 0),
        (0.1, (64,), 1e-4),
    ]


def test_cells_are_ordered_by_point_then_by_arm(tmp_path):
    """Every table has this order."""
    experiment = load(tmp_path, PAIR + "sweep: {model.dropout: [0, 0.5]}")
    assert [(cell.point_index, cell.arm) for cell in experiment.cells] == [
        (0, "bn"),
        (0, "plain"),
        (1, "bn"),
        (1, "plain"),
    ]


def test_a_sweep_within_an_arm_leaves_the_others_alone(tmp_path):
    """The baseline does not change."""
    experiment = load(tmp_path, PAIR + "sweep: {arms.bn.model.norm: [batch], arms.bn.model.dropout: [0.1, 0.2]}")
    assert [cell.settings.model.dropout for cell in experiment.cells] == [0.1, 0.0, 0.2, 0.0]


def test_an_entire_mapping_can_be_swept(tmp_path):
    """Each value is a schedule with its own settings."""
    text = "sweep: {optimizer.schedule: [{name: constant}, {name: step, step_epochs: 2}]}"
    experiment = load(tmp_path, text)
    assert [cell.settings.optimizer.schedule.step_epochs for cell in experiment.cells] == [None, 2]


def test_a_rule_that_only_holds_at_the_points_is_not_checked_in_the_base(tmp_path):
    """The base without the sweep is never trained."""
    text = "optimizer: {name: sgd, nesterov: true}\nsweep: {optimizer.momentum: [0.5, 0.9]}"
    assert mistakes(tmp_path, text) == []
    assert mistakes(tmp_path, text + "\nseeds: 0") == ["a.yaml:3: seeds: expected 1 to 10000 seeds, got 0"]
    assert mistakes(tmp_path, text.replace("0.9", "0.5")) == ["a.yaml:2: sweep.optimizer.momentum: 0.5 is repeated"]


def test_a_value_that_every_point_replaces_is_checked_too(tmp_path):
    """A mistake counts even if no cell has the value."""
    assert mistakes(tmp_path, "model: {dropout: 2}\nsweep: {model.dropout: [0, 0.5]}") == [
        "a.yaml:1: model.dropout: expected a number less than 1, got 2"
    ]


SWEEPS = {
    "optimizer.lr: []": "sweep.optimizer.lr: expected at least one value, got []",
    "optimizer.lr: 0.1": "sweep.optimizer.lr: expected a list of values, got 0.1; write optimizer.lr: [0.1]",
    "optimizer.lr: [0.1, 1, 1.0]": "sweep.optimizer.lr: 1.0 is repeated",
    "model.hidden: [[1], [2], [1]]": "sweep.model.hidden: [1] is repeated",
    "arms.bn.optimizer: [1]": f"sweep.arms.bn.optimizer: {NOT_SWEPT}",
    "optimizer.lr: [0.1, -1]": "sweep.optimizer.lr[1]: expected a number greater than 0, got -1",
    "zip: {optimizer.lr: [0.1, -1]}": "sweep.zip.optimizer.lr[1]: expected a number greater than 0, got -1",
    "optimizer.schedule: [{nme: step}]": "sweep.optimizer.schedule[0]: unknown key 'nme'; did you mean 'name'? "
    "(choices: name, warmup_epochs, step_epochs, step_factor, final_factor)",
    "optimizer.schedule: [{name: step}]": "sweep.optimizer.schedule[0].step_epochs: step needs step_epochs",
    "model.nrm: [batch, none]": "sweep.model.nrm: unknown key 'nrm'; did you mean 'norm'? "
    f"(choices: {', '.join(Model.model_fields)})",
    "model.inti.gain: [1, 2]": "sweep.model.inti.gain: unknown key 'inti'; did you mean 'init'? "
    f"(choices: {', '.join(Model.model_fields)})",
    "modle.norm: [batch]": f"sweep.modle.norm: {NOT_SWEPT}; did you mean 'model.norm: [batch]'?",
    "model: [{}]": f"sweep.model: {NOT_SWEPT}",
    "seeds: [1, 2]": f"sweep.seeds: {NOT_SWEPT}",
    "arms: [1, 2]": f"sweep.arms: {NOT_SWEPT}",
    "arms.bn: [{}]": f"sweep.arms.bn: {NOT_SWEPT}",
    "arms.bn.seeds: [1]": f"sweep.arms.bn.seeds: {NOT_SWEPT}",
    "arms.plian.model.dropout: [0.1]": "sweep.arms.plian.model.dropout: unknown arm 'plian'; did you mean 'plain'? "
    "(choices: bn, plain)",
    "model.norm: [batch, none]": "sweep.model.norm: arm 'bn' also sets model.norm and would ignore the sweep",
    "optimizer.lr.x: [1]": "sweep.optimizer.lr.x: optimizer.lr is 0.1, not a mapping",
    "zip: [1]": "sweep.zip: expected a mapping of lists, got [1]",
    "zip: {model.hidden: [[1], [2]], optimizer.lr: [1, 2, 3]}": "sweep.zip: expected lists of equal length; "
    "model.hidden has 2, optimizer.lr has 3",
    "optimizer.lr: [1], zip: {optimizer.lr: [2]}": "sweep.zip.optimizer.lr: sets the same setting as "
    "sweep.optimizer.lr",
    "optimizer.schedule: [{}], optimizer.schedule.name: [step]": "sweep.optimizer.schedule.name: sets the same setting "
    "as sweep.optimizer.schedule",
    "model.dropout: [0.1], arms.bn.model.dropout: [0.2]": "sweep.arms.bn.model.dropout: sets the same setting as "
    "sweep.model.dropout",
    f"model.dropout: {[i / 200 for i in range(101)]}, data.batch_size: {list(range(1, 101))}": "sweep: 10100 points; "
    "at most 10000 are allowed",
}


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda sweep: sweep[:40])
def test_keys_that_cannot_be_swept_are_reported(tmp_path, sweep):
    """Each key gets one line, even if many values and arms show the mistake."""
    assert mistakes(tmp_path, f"{PAIR}optimizer: {{lr: 0.1}}\nsweep: {{{sweep}}}") == [f"a.yaml:6: {SWEEPS[sweep]}"]


def test_true_and_1_are_different_values(tmp_path):
    """They are equal in Python, but in a config only true is a boolean."""
    text = "optimizer: {name: sgd, momentum: 0.9}\nsweep: {optimizer.nesterov: [true, 1]}"
    assert mistakes(tmp_path, text) == ["a.yaml:2: sweep.optimizer.nesterov[1]: expected true or false, got 1"]


def test_a_sweep_that_is_not_a_mapping_is_reported(tmp_path):
    """A list has no keys to sweep."""
    assert mistakes(tmp_path, "sweep: [1]") == [
        "a.yaml:1: sweep: expected a mapping, got [1]; for example {optimizer.lr: [0.01, 0.1]}"
    ]


def test_ten_thousand_points_are_possible(tmp_path):
    """The limit itself is allowed."""
    text = f"sweep: {{optimizer.lr: {[i / 100 for i in range(1, 101)]}, data.batch_size: {list(range(1, 101))}}}"
    assert len(load(tmp_path, text).points) == 10_000


def test_more_than_a_hundred_swept_keys_are_refused(tmp_path):
    """That many keys are a mistake, and comparing them all would take long."""
    keys = ", ".join(f"model.k{number}: [1]" for number in range(101))
    assert mistakes(tmp_path, f"sweep: {{{keys}}}")[0] == "a.yaml:1: sweep: more than 100 keys"


@pytest.mark.parametrize(
    "sweep",
    [
        "null",
        "{}",
        "{zip: {}}",
        "{optimizer.lr: [0.1, 1], zip: {model.hidden: [[3], [4]], data.batch_size: [all, 9]}, data.train_size: [7]}",
        "{model.init: [{scheme: he}, {gain: 2.0}], arms.plain.optimizer.lr: [0.1]}",
    ],
)
def test_the_resolved_config_has_the_points_of_the_experiment(tmp_path, sweep):
    experiment = load(tmp_path, f"{PAIR}sweep: {sweep}\n")
    assert [*points_of(experiment.resolved)] == [*map(plain, experiment.points)]
