"""What can be said of an experiment only once its data set is known."""

from collections import defaultdict

import pytest
from config_case import PAIR, load

from bnreg.config import check_against_data

LAST_BATCH = "the last batch of each epoch would hold 1 example, too few for batch norm: it is dropped in every arm"


def check(folder, text, num_train=1000):
    errors, notices = check_against_data(load(folder, text), defaultdict(lambda: num_train))
    return [line.replace(f"{folder}/", "") for line in errors], notices


@pytest.mark.parametrize(
    ("data", "error"),
    {
        "train_size: 900, validation_size: 100": None,
        "train_size: 900, validation_size: 101": "train_size: 900 of 1000 examples are too many beside 101 for "
        "validation; at most 899",
        "train_size: 1001": "train_size: 1001 of 1000 examples are too many; at most 1000",
        "validation_size: 1000": "validation_size: 1000 of 1000 examples leave none to train on; at most 999",
        "batch_size: 1000": None,
        "batch_size: 1001": "batch_size: 1001 is larger than the training set; at most 1000",
        "batch_size: 901, validation_size: 100": "batch_size: 901 is larger than the training set; at most 900",
        "batch_size: 51, train_size: 50": "batch_size: 51 is larger than the training set; at most 50",
        "batch_size: 1": "batch_size: batch norm needs batches of at least 2, got 1",
    }.items(),
)
def test_sizes_must_fit_the_data(tmp_path, data, error):
    """The largest size allowed is said, with the line of what was written, once for all arms."""
    errors, _ = check(tmp_path, f"{PAIR}data: {{{data}}}")
    assert errors == ([] if error is None else [f"a.yaml:5: data.{error}"])


def test_the_default_batch_can_be_too_large(tmp_path):
    """What was never written has no line."""
    assert check(tmp_path, "seeds: 1", num_train=50)[0] == [
        "a.yaml: data.batch_size: 100 is larger than the training set; at most 50"
    ]


def test_each_swept_size_that_does_not_fit_is_told(tmp_path):
    """The place is the value in the sweep."""
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
        ("arms: {a: {data: {batch_size: 111}}, b: {model: {norm: batch}}}\nbaseline: a", False),
    ],
)
def test_a_last_batch_of_one_is_noticed_where_batch_norm_meets_it(tmp_path, text, noticed):
    """1000 = 9 × 111 + 1: batch norm has no variance for one example, and arms must see the same batches."""
    assert check(tmp_path, text)[1] == ([LAST_BATCH] if noticed else [])


@pytest.mark.parametrize(
    ("seeds", "notice"),
    {
        1: "1 pair: no two-sided exact test can reach p < 0.05 (smallest p = 1); use at least 6 seeds",
        5: "5 pairs: no two-sided exact test can reach p < 0.05 (smallest p = 0.0625); use at least 6 seeds",
        6: None,
    }.items(),
)
def test_too_few_pairs_for_any_test_are_noticed(tmp_path, seeds, notice):
    """With n pairs the smallest two-sided exact p is 2/2ⁿ."""
    expected = [] if notice is None else [notice]
    assert check(tmp_path, f"{PAIR}seeds: {seeds}") == ([], expected)


def test_a_single_arm_makes_no_pairs(tmp_path):
    """Without a comparison there is no test to be too weak."""
    assert check(tmp_path, "seeds: 1\narms: {a: {}}\nbaseline: a") == ([], [])
