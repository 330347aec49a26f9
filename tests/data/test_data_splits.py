import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnreg.data import epoch_order, num_batches, split
from bnreg.errors import UserError

SEEDS = st.integers(0, 2**31)


@given(st.integers(2, 300), st.data(), SEEDS)
def test_a_split_is_disjoint_and_has_the_requested_sizes(num_examples, data, seed):
    validation_size = data.draw(st.integers(0, num_examples - 1))
    train_size = data.draw(st.none() | st.integers(1, num_examples - validation_size))
    drawn = split(num_examples, train_size, validation_size, seed)
    both = np.concatenate([drawn.train, drawn.validation])
    assert len(drawn.validation) == validation_size
    assert len(drawn.train) == (train_size or num_examples - validation_size)
    assert len(set(both.tolist())) == len(both)
    assert set(both.tolist()) <= set(range(num_examples))
    assert drawn.train.dtype == drawn.validation.dtype == np.int64


@given(st.integers(1, 50), st.integers(0, 50), st.integers(0, 100), SEEDS)
def test_training_sets_of_a_seed_are_nested_and_share_the_validation_examples(smaller, more, validation_size, seed):
    small = split(200, smaller, validation_size, seed)
    large = split(200, smaller + more, validation_size, seed)
    everything = split(200, None, validation_size, seed)
    assert set(small.train) <= set(large.train) <= set(everything.train)
    np.testing.assert_array_equal(small.validation, large.validation)
    np.testing.assert_array_equal(small.validation, everything.validation)


def test_with_nothing_held_out_every_example_is_trained_on_in_order():
    drawn = split(4000, None, 0, seed=3)
    np.testing.assert_array_equal(drawn.train, np.arange(4000))
    assert drawn.validation.shape == (0,)


def test_a_small_training_set_comes_from_all_over_the_data():
    """Data that is sorted by class still gives every class."""
    drawn = split(4000, 500, 0, seed=0)
    assert np.bincount(drawn.train // 400, minlength=10).min() > 25


def test_seeds_differ_in_their_splits():
    first, again, other = (split(4000, 500, 500, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.train, again.train)
    np.testing.assert_array_equal(first.validation, again.validation)
    assert set(first.train) != set(other.train)
    assert set(first.validation) != set(other.validation)


@pytest.mark.parametrize(("train_size", "validation_size"), [(3001, 1000), (4001, 0), (None, 4000)])
def test_more_examples_than_the_data_set_has_cannot_be_drawn(train_size, validation_size):
    with pytest.raises(UserError) as caught:
        split(4000, train_size, validation_size, seed=0)
    assert str(caught.value) == (
        f"train_size {train_size or 'all'} and validation_size {validation_size} need at least 4001 training "
        "examples, but the data set has 4000; make one of them smaller"
    )


@pytest.mark.parametrize(("train_size", "validation_size"), [(0, 10), (-1, 10), (10, -1)])
def test_sizes_that_mean_nothing_are_refused(train_size, validation_size):
    with pytest.raises(ValueError, match="cannot draw"):
        split(100, train_size, validation_size, seed=0)


@given(st.sets(st.integers(0, 10_000), max_size=200), SEEDS, st.integers(0, 100))
def test_the_order_is_a_permutation_of_the_indices(indices, seed, epoch):
    train_indices = np.array(sorted(indices), dtype=np.int64)
    order = epoch_order(train_indices, seed, epoch)
    np.testing.assert_array_equal(np.sort(order), train_indices)
    assert order.dtype == np.int64
    assert train_indices.tolist() == sorted(indices), "the indices themselves do not change"


def test_the_order_depends_on_the_seed_and_the_epoch():
    indices = np.arange(1000)
    order = epoch_order(indices, seed=0, epoch=1)
    np.testing.assert_array_equal(order, epoch_order(indices, seed=0, epoch=1))
    for other in (indices, epoch_order(indices, seed=1, epoch=1), epoch_order(indices, seed=0, epoch=2)):
        assert np.mean(order == other) < 0.05


@pytest.mark.parametrize("drop_single", [False, True])
@given(st.integers(1, 500), st.integers(1, 100))
def test_the_batches_contain_every_example_except_a_dropped_single_one(drop_single, num_train, batch_size):
    sizes = [len(range(start, min(start + batch_size, num_train))) for start in range(0, num_train, batch_size)]
    if drop_single and batch_size > 1 and sizes[-1] == 1:
        sizes.pop()
    assert num_batches(num_train, batch_size, drop_single) == len(sizes)
