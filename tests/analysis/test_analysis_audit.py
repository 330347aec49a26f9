"""The fairness audit: each finding appears on a run that deserves it, with its numbers, and not on any other."""

from dataclasses import asdict, replace

import pytest
from support.made_runs import CONFIG, DATA, made_name, make_run

from bnreg.analysis.audit import audit
from bnreg.analysis.run_view import view_of_run
from bnreg.report.comparison.findings import finding_text
from bnreg.runs import read_run


def findings(view):
    return [finding_text(finding) for finding in audit(view)]


@pytest.fixture
def audited(tmp_path):
    """Audit a run made by hand."""

    def call(**options):
        return findings(view_of_run(read_run(make_run(tmp_path, made_name(), **options))))

    return call


def config(base=(), **arms):
    """The config with some sections and arms changed."""
    changed = {section: CONFIG[section] | dict(base).get(section, {}) for section in ("data", "model", "training")}
    return CONFIG | changed | {"arms": CONFIG["arms"] | arms}


def rates(*values, key="optimizer.lr"):
    return [{key: value} for value in values]


def test_a_fair_run_has_no_findings(audited):
    """γ and β add 0.2 % to the parameters, which is not a finding."""
    assert audited() == []


def test_unequal_epochs_and_steps_are_found_with_their_numbers(audited):
    longer = config(bn={"model": {"norm": "batch"}, "training": {"epochs": 10}})
    assert audited(config=longer, pairing=lambda row: {"epochs": 10 if row["arm"] == "bn" else 2}) == [
        "unequal epochs: bn 10, plain 2",
        "unequal steps: bn 6,000, plain 1,200",
    ]


def test_steps_differ_by_batch_size_alone(audited):
    found = audited(config=config(bn={"data": {"batch_size": 256}}, plain={"data": {"batch_size": "all"}}))
    assert found == ["unequal steps: bn 470, plain 2"]


def test_steps_count_only_the_examples_trained_on(audited):
    """A validation split and a train size shorten an epoch; batch norm leaves out a last batch of one example."""
    base = {"data": {"validation_size": 10_000}}
    shorter = {"model": {"norm": "batch"}, "data": {"train_size": 5001}}
    assert audited(config=config(base, bn=shorter)) == ["unequal steps: bn 100, plain 1,000"]


def test_early_stopping_counts_by_the_epochs_trained(audited):
    def proof(row):
        return {"epochs": 4 + row["seed"] % 2 if row["arm"] == "bn" else 8}

    stopping = config({"training": {"epochs": 20, "early_stopping": {"patience": 3}}})
    assert audited(config=stopping, pairing=proof) == ["unequal epochs by early stopping, on average: bn 4.5, plain 8"]


def test_early_stopping_at_nearly_the_same_epoch_is_fair(tmp_path):
    """Within 5 %."""

    def proof(row):
        return {"epochs": 20 + (row["arm"] == "bn")}

    stopping = config({"training": {"epochs": 30, "early_stopping": {"patience": 3}}})
    view = view_of_run(read_run(make_run(tmp_path, made_name(), config=stopping, pairing=proof)))
    assert findings(view) == []
    longer = [proof._replace(epochs=proof.epochs + (proof.replica.arm == "bn")) for proof in view.pairing]
    view = replace(view, info=replace(view.info, pairing=tuple(longer)))
    assert findings(view) == ["unequal epochs by early stopping, on average: bn 22, plain 20"]


def test_unequal_parameters_are_found_beyond_what_batch_norm_adds(tmp_path):
    view = view_of_run(read_run(make_run(tmp_path, made_name(number=1))))
    view.summary["num_parameters"][:10] = [28_000] * 10
    assert findings(view) == ["unequal parameters: bn 28,000, plain 26,506"]
    view.summary["num_parameters"][:10] = [27_800] * 10
    assert findings(view) == []


def test_a_difference_at_several_points_is_reported_once(audited):
    points = [{"arms.bn.training.epochs": value} for value in (2, 3, 4)]

    def proof(row):
        return {"epochs": 2 + row["point_index"] if row["arm"] == "bn" else 2}

    assert audited(points=points, pairing=proof)[:2] == [
        "unequal epochs: bn 3, plain 2 at bn epochs=3 and at 1 other point",
        "unequal steps: bn 1,800, plain 1,200 at bn epochs=3 and at 1 other point",
    ]


def test_tuning_only_one_arm_is_found(audited):
    points = rates(0.001, 0.01, 0.1, key="arms.bn.optimizer.lr")
    found = audited(points=points, accuracies={"bn": [0.8, 0.9, 0.8], "plain": 0.7})
    assert found[0] == "unequal tuning, settings tried: bn 3, plain 1 (arms.bn.optimizer.lr)"


def test_tuning_each_arm_equally_often_is_fair(audited):
    points = [{"arms.bn.optimizer.lr": rate, "arms.plain.optimizer.lr": rate / 10} for rate in (0.001, 0.01, 0.1)]
    found = audited(points=points, accuracies={"bn": [0.8, 0.9, 0.8], "plain": [0.8, 0.9, 0.8]})
    assert not [line for line in found if "tuning" in line or "tried" in line]


@pytest.mark.parametrize(
    ("accuracies", "finding"),
    [
        ([0.9, 0.8, 0.7], "the best learning rate of bn by test accuracy, 0.0001, is the lowest of 3 tried"),
        ([0.7, 0.8, 0.9], "the best learning rate of bn by test accuracy, 0.01, is the highest of 3 tried"),
        ([0.8, 0.9, 0.7], None),
    ],
)
def test_a_best_rate_at_the_edge_of_its_grid_is_found(audited, accuracies, finding):
    found = audited(points=rates(1e-4, 1e-3, 1e-2), accuracies={"bn": accuracies, "plain": [0.7, 0.8, 0.7]})
    edges = [line for line in found if "learning rate" in line]
    assert edges == ([f"{finding} (0.0001 to 0.01): a better one may be outside this range"] if finding else [])


def test_a_sweep_of_something_else_has_no_grid_of_rates(audited):
    """But whoever chooses one of its points by test accuracy chooses by the test split, too."""
    (finding,) = audited(points=[{"model.dropout": 0.0}, {"model.dropout": 0.1}], config=config(bn={}))
    assert finding.startswith("no validation split: choosing among the 2 points (model.dropout) by test accuracy")


def test_choosing_a_point_by_the_test_split_is_found(audited, tmp_path):
    points = rates(1e-4, 1e-3, 1e-2)
    accuracies = {"bn": [0.7, 0.8, 0.7], "plain": [0.7, 0.8, 0.7]}
    finding = (
        "no validation split: choosing among the 3 points (optimizer.lr) by test accuracy is choosing by the test "
        "split; set data.validation_size to choose by validation accuracy"
    )
    assert audited(points=points, accuracies=accuracies) == [finding]
    view = view_of_run(read_run(make_run(tmp_path, made_name(number=1), points=points, accuracies=accuracies)))
    view.summary["final_validation_accuracy"] = view.summary["final_test_accuracy"]
    assert findings(view) == []


@pytest.mark.parametrize(
    ("model", "is_found"),
    [
        ({"dropout": 0.2}, True),
        ({"dropout": 0.2, "dropout_placement": "before_norm", "hidden": [32]}, True),
        ({"dropout": 0.2, "dropout_placement": "last_layer"}, False),
        ({"dropout": 0.2, "hidden": [32]}, False),
        ({"dropout": 0.2, "hidden": [32], "kind": "cnn", "channels": [8]}, True),
        ({"dropout": 0.2, "norm": "none"}, False),
        ({"dropout": 0.0}, False),
    ],
)
def test_dropout_before_batch_norm_is_found(audited, model, is_found):
    finding = (
        "bn: dropout of 0.2 comes before a batch norm, so the variance that the norm learns in training differs from "
        "the one that it sees afterwards (variance shift); model.dropout_placement: last_layer avoids it"
    )
    assert audited(config=config(bn={"model": {"norm": "batch", **model}})) == ([finding] if is_found else [])


@pytest.mark.parametrize(
    ("num_seeds", "findings"),
    [
        (1, ["too few seeds: with 1, the smallest possible p is 1; p < 0.05 needs at least 6"]),
        (5, ["too few seeds: with 5, the smallest possible p is 0.0625; p < 0.05 needs at least 6"]),
        (6, []),
    ],
)
def test_too_few_seeds_are_found(audited, num_seeds, findings):
    assert audited(num_seeds=num_seeds) == findings


def test_a_single_arm_is_not_compared(audited):
    assert audited(num_seeds=1, accuracies={"bn": 0.9}, baseline=None) == []


def test_a_run_that_recorded_no_config_has_fewer_findings(audited):
    assert audited(config=False, num_seeds=5) == [
        "too few seeds: with 5, the smallest possible p is 0.0625; p < 0.05 needs at least 6"
    ]


def test_each_of_several_data_sets_is_counted_by_its_own_size(audited):
    used = {"name": "mnist_5k", "fingerprint": "sha256:1", "num_train": 4000, "num_test": 1000}
    data = {"mnist": asdict(DATA["mnist"]), "mnist_5k": used}
    points = [{"data.dataset": "mnist"}, {"data.dataset": "mnist_5k"}]
    found = audited(points=points, data=data, config=config(bn={"data": {"batch_size": 200}}))
    assert found[:-1] == ["unequal steps: bn 600, plain 1,200 at dataset=mnist and at 1 other point"]
