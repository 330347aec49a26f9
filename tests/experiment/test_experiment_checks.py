"""Errors and notices about an experiment that need its data set."""

from collections import defaultdict

import pytest
from support.config_case import PAIR, load

from bnreg.experiment.checks import MISSING_IN_PANDAS, check_experiment
from bnreg.names import NAME
from bnreg.training.shards import architecture

LAST_BATCH = "the last batch of each epoch would hold 1 example, too few for batch norm: it is dropped in every arm"


def check(folder, text, num_train=1000):
    def network(cell):
        return architecture(cell.settings, (28, 28), 10)

    errors, notices = check_experiment(load(folder, text), defaultdict(lambda: num_train), network)
    errors, notices = ([line.replace(f"{folder}/", "") for line in lines] for lines in (errors, notices))
    return errors, notices


@pytest.mark.parametrize(
    ("data", "error"),
    {
        "train_size: 900, validation_size: 100": None,
        "train_size: 900, validation_size: 101": "train_size: 900 of 1000 examples are too many with 101 for "
        "validation; at most 899",
        "train_size: 1001": "train_size: 1001 of 1000 examples are too many; at most 1000",
        "validation_size: 1000": "validation_size: 1000 of 1000 examples leave none to train on; at most 999",
        "batch_size: 1000": None,
        "batch_size: 1001": "batch_size: 1001 is larger than the training set; at most 1000, or all",
        "batch_size: 901, validation_size: 100": "batch_size: 901 is larger than the training set; at most 900, or all",
        "batch_size: 51, train_size: 50": "batch_size: 51 is larger than the training set; at most 50, or all",
        "batch_size: all": None,
        "batch_size: all, train_size: 1": "batch_size: batch norm needs batches of at least 2, got 1",
        "batch_size: 1": "batch_size: batch norm needs batches of at least 2, got 1",
    }.items(),
)
def test_sizes_must_fit_the_data(tmp_path, data, error):
    """The message names the largest allowed size and the line of the setting, once for all arms."""
    errors, _ = check(tmp_path, f"{PAIR}data: {{{data}}}")
    assert errors == ([] if error is None else [f"a.yaml:5: data.{error}"])


def test_the_default_batch_can_be_too_large(tmp_path):
    """A default value has no line number."""
    assert check(tmp_path, "seeds: 1", num_train=50)[0] == [
        "a.yaml: data.batch_size: 100 is larger than the training set; at most 50, or all"
    ]


def test_each_swept_size_that_does_not_fit_is_reported(tmp_path):
    """The place is that of the value in the sweep."""
    text = "data: {batch_size: 10}\nsweep:\n  data.train_size:\n    - 500\n    - 2000\n    - 3000\n"
    assert check(tmp_path, text)[0] == [
        "a.yaml:5: sweep.data.train_size[1]: 2000 of 1000 examples are too many; at most 1000",
        "a.yaml:6: sweep.data.train_size[2]: 3000 of 1000 examples are too many; at most 1000",
    ]


@pytest.mark.parametrize(
    ("text", "noticed"),
    [
        (PAIR + "data: {batch_size: 111}", True),
        (PAIR + "data: {batch_size: 100}", False),
        (PAIR + "data: {batch_size: 111, train_size: 990}", False),
        ("data: {batch_size: 111}", False),
    ],
)
def test_a_last_batch_of_one_is_noticed_if_batch_norm_meets_it(tmp_path, text, noticed):
    """1000 = 9 × 111 + 1: batch norm has no variance for one example, and arms must see the same batches."""
    assert check(tmp_path, text)[1] == ([LAST_BATCH] if noticed else [])


@pytest.mark.parametrize(
    ("seeds", "notice"),
    {
        1: "1 pair: no two-sided test can reach p < 0.05 (smallest p = 1); use at least 6 seeds",
        5: "5 pairs: no two-sided test can reach p < 0.05 (smallest p = 0.0625); use at least 6 seeds",
        6: None,
    }.items(),
)
def test_too_few_pairs_for_any_test_are_noticed(tmp_path, seeds, notice):
    """With n pairs the smallest two-sided exact p is 2/2ⁿ."""
    expected = [] if notice is None else [notice]
    assert check(tmp_path, f"{PAIR}seeds: {seeds}") == ([], expected)


@pytest.mark.parametrize(
    ("points", "seeds", "enough"), [(1, 6, None), (2, 6, 7), (3, 7, None), (4, 6, 8), (5, 8, None), (10, 8, 9)]
)
def test_a_family_needs_more_pairs(tmp_path, points, seeds, enough):
    """Every point that is compared counts: Holm multiplies the smallest p."""
    rates = [round(0.01 * (1 + point), 2) for point in range(points)]
    _, notices = check(tmp_path, f"{PAIR}seeds: {seeds}\nsweep: {{optimizer.lr: {rates}}}")
    assert [one.rpartition("; ")[2] for one in notices] == ([f"use at least {enough} seeds"] if enough else [])


def test_rounds_need_no_pairs_yet(tmp_path):
    assert check(tmp_path, f"{PAIR}seeds: {{until: decided, from: 3}}") == ([], [])


@pytest.mark.parametrize(
    ("compare", "mistake"),
    [
        ("{metric: validation_loss}", "compare.metric: unknown metric 'validation_loss'"),
        ("{smallest_effect: {validation_loss: 0.1}}", "compare.smallest_effect: unknown metric 'validation_loss'"),
        ("{metric: train_loss, smallest_effect: {train_loss: 0.1, test_accuracy: 1pp}}", None),
        ("{smallest_effect: 0.3pp}", None),
    ],
)
def test_the_declared_metrics_are_measured(tmp_path, compare, mistake):
    errors, _ = check(tmp_path, f"{PAIR}seeds: 6\ncompare: {compare}")
    assert [mistake in error for error in errors] == ([True] if mistake else [])


def test_a_single_arm_makes_no_pairs(tmp_path):
    """Without a comparison, no test can be too weak."""
    assert check(tmp_path, "seeds: 1\narms: {a: {}}\nbaseline: a") == ([], [])


def arms(a, b, rest=""):
    """Two arms on lines 2 and 3, the first of them the baseline, and enough seeds."""
    return f"arms:\n  a: {a}\n  b: {b}\nbaseline: a\n{rest}"


@pytest.mark.parametrize(
    ("a", "b", "differences"),
    [
        ("{data: {batch_size: 10}}", "{data: {batch_size: 50}}", "data.batch_size differs (10, 50)"),
        ("{}", "{data: {train_size: 500}}", "data.train_size differs (1000, 500)"),
        ("{}", "{data: {validation_size: 50}}", "data.validation_size differs (0, 50)"),
        (
            "{data: {train_size: 800}}",
            "{data: {batch_size: 50, train_size: 700}}",
            "data.batch_size differs (100, 50), data.train_size differs (800, 700)",
        ),
        ("{}", "{data: {train_size: 1000}, model: {norm: batch}}", None),
        ("{data: {batch_size: all}}", "{data: {batch_size: 1000}}", None),
        ("{}", "{data: {label_noise: 0.2}}", "data.label_noise differs (0.0, 0.2)"),
        ("{}", "{data: {augment: {shift: 2}}}", "data.augment differs"),
    ],
)
def test_arms_that_do_not_see_the_same_batches_are_noticed(tmp_path, a, b, differences):
    """Their pairs share a seed, but not the batches drawn from it."""
    expected = [] if differences is None else [f"arms 'a' and 'b' do not see the same batches: {differences}"]
    assert check(tmp_path, arms(a, b)) == ([], expected)


def test_a_last_batch_of_one_does_not_matter_to_arms_that_see_other_batches(tmp_path):
    """1000 = 9 × 111 + 1, but only the arm without batch norm sees the last example alone."""
    _, notices = check(tmp_path, arms("{data: {batch_size: 111}}", "{model: {norm: batch}}"))
    assert notices == ["arms 'a' and 'b' do not see the same batches: data.batch_size differs (111, 100)"]


def test_arms_that_train_for_different_times_are_noticed(tmp_path):
    """More epochs are a change like any other, and easy to overlook."""
    text = arms("{training: {epochs: 1}}", "{training: {epochs: 3}}")
    assert check(tmp_path, text)[1] == ["arms 'a' and 'b' train for different numbers of epochs (1, 3)"]


def test_a_difference_is_noticed_once_for_each_arm_and_not_for_each_point(tmp_path):
    """The notice shows the first point with a difference; between points anything may differ."""
    text = arms(
        "{}", "{model: {norm: batch}}", "sweep: {arms.b.data.batch_size: [100, 50, 10], training.epochs: [1, 2]}"
    )
    assert check(tmp_path, text)[1] == [
        "arms 'a' and 'b' do not see the same batches: data.batch_size differs (100, 50)"
    ]
    text = "arms: {a: {data: {batch_size: 8}}, b: {data: {batch_size: 9}}, c: {data: {batch_size: 10}}}\nbaseline: b"
    assert check(tmp_path, text)[1] == [
        "arms 'b' and 'a' do not see the same batches: data.batch_size differs (9, 8)",
        "arms 'b' and 'c' do not see the same batches: data.batch_size differs (9, 10)",
    ]


OTHER_TEST_SET = (
    "arms 'a' and 'b' would be tested on different examples ({}) and cannot be compared; sweep data.dataset instead"
)


@pytest.mark.parametrize(
    ("text", "place", "datasets"),
    [
        (arms("{}", "{data: {dataset: mnist_5k}}"), "3: arms.b.data.dataset", "mnist and mnist_5k"),
        (arms("{data: {dataset: mnist_5k}}", "{}"), "2: arms.a.data.dataset", "mnist_5k and mnist"),
        (
            arms("{}", "{model: {norm: batch}}", "sweep: {arms.b.data.dataset: [mnist, mnist_5k]}"),
            "5: sweep.arms.b.data.dataset[1]",
            "mnist and mnist_5k",
        ),
    ],
)
def test_arms_with_different_test_sets_are_refused_on_the_line_of_the_arm(tmp_path, text, place, datasets):
    """Nothing pairs accuracies on different examples."""
    assert check(tmp_path, text)[0] == [f"a.yaml:{place}: {OTHER_TEST_SET.format(datasets)}"]


def test_points_may_differ_in_their_test_sets(tmp_path):
    """Arms are compared within a point."""
    text = arms("{}", "{model: {norm: batch}}", "sweep: {data.dataset: [mnist, mnist_5k]}")
    assert check(tmp_path, text) == ([], [])


@pytest.mark.parametrize(
    ("text", "noticed"),
    [
        (PAIR + "model: {hidden: []}", True),
        ("model: {hidden: [], activation: tanh}", True),
        ("model: {hidden: [], dropout: 0.1}", True),
        ("model: {hidden: []}", False),
        ("model: {hidden: [], kind: cnn, activation: tanh}", False),
        ("model: {hidden: [], init: {gain: 2}}", False),
        (arms("{model: {hidden: []}}", "{model: {norm: batch}}"), False),
    ],
)
def test_settings_that_a_network_without_hidden_layers_ignores_are_noticed(tmp_path, text, noticed):
    """Arms that differ only in such settings are the same network."""
    notice = "without hidden layers, norm, activation and dropout have no effect"
    errors, notices = check(tmp_path, text)
    assert not errors
    assert (notice in notices) is noticed


@pytest.mark.parametrize(
    ("penalty", "why"),
    [
        ("{kind: l2}", "its strength is 0"),
        ("{kind: l2, strength: 1, on: []}", "it applies to no parameters"),
        ("{kind: l2, strength: 1}", None),
        ("{kind: none, strength: 1}", None),
    ],
)
def test_a_penalty_that_changes_nothing_is_noticed(tmp_path, penalty, why):
    _, notices = check(tmp_path, f"training: {{penalty: {penalty}}}")
    reported = [notice.replace(f"{tmp_path}/", "") for notice in notices]
    assert reported == ([] if why is None else [f"a.yaml:1: training.penalty: the penalty has no effect: {why}"])


@pytest.mark.parametrize(("key", "value"), [("root", "elsewhere"), ("fallback", "none")])
def test_all_arms_read_their_data_from_one_place(tmp_path, key, value):
    text = f"arms:\n  a: {{}}\n  b: {{data: {{{key}: {value}}}, model: {{norm: batch}}}}\nbaseline: a\n"
    errors, _ = check(tmp_path, text)
    (error,) = errors
    assert error.startswith("a.yaml:3: ") or "arms.b.data" in error
    assert error.endswith("must be the same for the whole experiment; set it outside arms and sweep")


@pytest.mark.parametrize(
    ("text", "notice"),
    {
        "optimizer: {schedule: {warmup_epochs: 5}}": "a.yaml:1: optimizer.schedule.warmup_epochs: the learning rate "
        "only rises in 5 epochs of training, because warmup_epochs is 5",
        "optimizer: {schedule: {warmup_epochs: 4.5}}": None,
        "optimizer: {schedule: {name: step, step_epochs: 5}}": "a.yaml:1: optimizer.schedule.step_epochs: the learning "
        "rate never drops in 5 epochs of training, because step_epochs is 5",
        "optimizer: {schedule: {name: step, step_epochs: 4}}": None,
        "{data: {validation_size: 9}, training: {early_stopping: {patience: 1}, epochs: 1}}": "a.yaml:1: "
        "training.early_stopping.patience: nothing stops early in 1 epoch of training, because patience is 1",
        "{data: {validation_size: 9}, training: {early_stopping: {patience: 4}}}": None,
    }.items(),
)
def test_settings_that_count_epochs_beyond_the_last_one_are_noticed(tmp_path, text, notice):
    """Of five epochs by default, the last can follow a drop after four, or be the fourth in a row that is no better."""
    assert check(tmp_path, text)[1] == ([] if notice is None else [notice])


def test_the_arm_and_the_point_that_lie_beyond_the_last_epoch_are_named(tmp_path):
    text = arms("{}", "{optimizer: {schedule: {warmup_epochs: 3}}}", "sweep: {training.epochs: [2, 3, 4]}")
    place = "a.yaml:3: arms.b.optimizer.schedule.warmup_epochs: the learning rate only rises in"
    assert check(tmp_path, text)[1] == [
        f"{place} {epochs} epochs of training, because warmup_epochs is 3" for epochs in (2, 3)
    ]


@pytest.mark.parametrize(
    ("model", "keras"),
    [
        ("{norm: batch, norm_momentum: 0.99}", "; a Keras momentum of 0.99 is 0.01 here"),
        ("{norm: batch, norm_momentum: 0.9}", "; a Keras momentum of 0.9 is 0.1 here"),
        ("{norm: batch, norm_momentum: 1}", ""),
        ("{norm: batch, norm_momentum: 0.89}", None),
        ("{norm: none, norm_momentum: 0.99}", None),
    ],
)
def test_a_momentum_in_the_convention_of_keras_is_noticed(tmp_path, model, keras):
    _, notices = check(tmp_path, f"model: {model}")
    assert len(notices) == (keras is not None)
    for notice in notices:
        assert notice.startswith("a.yaml:1: model.norm_momentum: ")
        assert notice.endswith(f"the running statistics follow the last few batches{keras}")


@pytest.mark.parametrize(
    ("model", "widths"),
    [
        ("{norm: group, hidden: [32, 30, 6]}", "6, 30"),
        ("{norm: group, hidden: [32], norm_placement: input, norm_groups: 32}", "784"),
        ("{norm: group, kind: cnn, norm_placement: input}", "1"),
        ("{norm: group, hidden: [32, 16]}", None),
        ("{norm: batch, hidden: [7]}", None),
        ("{norm: none, hidden: [7]}", None),
    ],
)
def test_groups_that_do_not_divide_a_width_are_a_mistake(tmp_path, model, widths):
    errors, _ = check(tmp_path, f"model: {model}")
    assert len(errors) == (widths is not None)
    for error in errors:
        assert error.startswith("a.yaml:1: model.norm")
        assert error.endswith(f" groups do not divide the normalised layers of {widths}; set model.norm_groups")


@pytest.mark.parametrize("key", ["norm_init: identity", "inference_statistics: population"])
@pytest.mark.parametrize(("norm", "is_noticed"), [("group", True), ("batch", False), ("none", False)])
def test_statistics_of_a_norm_that_has_none_are_noticed(tmp_path, key, norm, is_noticed):
    _, notices = check(tmp_path, f"model: {{norm: {norm}, {key}}}")
    name = key.partition(":")[0]
    expected = f"a.yaml:1: model.{name}: without effect: group norm has no statistics of batches"
    assert notices == ([expected] if is_noticed else [])


def test_arms_that_pandas_takes_for_missing_values_are_noticed(tmp_path):
    from pandas._libs.parsers import STR_NA_VALUES

    names = sorted(name for name in STR_NA_VALUES if NAME.fullmatch(name))
    assert sorted(MISSING_IN_PANDAS) == names
    _, notices = check(tmp_path, "arms: {'NA': {}, n: {model: {norm: batch}}}\nbaseline: n")
    assert notices == ["arm 'NA': pandas reads this name in a CSV file as missing, unless keep_default_na is False"]
