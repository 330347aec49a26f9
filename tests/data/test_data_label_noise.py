"""Label noise is symmetric, nested in its share, and depends only on the seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnreg.data import noisy_labels

LABELS = np.arange(40_000) % 4
SEEDS = st.integers(0, 2**31)


@given(st.floats(0, 1), st.floats(0, 1), SEEDS)
def test_the_noise_of_a_smaller_share_is_part_of_that_of_a_larger_one(one, other, seed):
    """Both have the same examples with the same wrong classes."""
    labels = LABELS[:300]
    less, more = (noisy_labels(labels, 4, share, seed) for share in sorted((one, other)))
    noisy = less != labels
    np.testing.assert_array_equal(more[noisy], less[noisy])


@given(st.integers(2, 10), SEEDS)
def test_share_zero_changes_nothing_and_share_one_leaves_no_label_true(num_classes, seed):
    labels = np.arange(200) % num_classes
    before = labels.copy()
    np.testing.assert_array_equal(noisy_labels(labels, num_classes, 0.0, seed), labels)
    wrong = noisy_labels(labels, num_classes, 1.0, seed)
    assert not (wrong == labels).any()
    assert wrong.min() >= 0
    assert wrong.max() < num_classes
    assert wrong.dtype == np.int64
    np.testing.assert_array_equal(labels, before)


@pytest.mark.parametrize("share", [0.1, 0.7])
def test_the_requested_share_of_examples_gets_each_wrong_class_equally_often(share):
    """10,000 examples of each class; six standard deviations are allowed."""
    noisy = noisy_labels(LABELS, 4, share, seed=0)
    for label in range(4):
        counts = np.bincount(noisy[label == LABELS], minlength=4)
        expected = np.where(np.arange(4) == label, 1 - share, share / 3) * 10_000
        assert np.all(np.abs(counts - expected) < 6 * np.sqrt(expected))


def test_seeds_differ_in_the_wrong_labels_and_their_classes():
    first, again, other = (noisy_labels(LABELS, 4, 0.5, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    in_both = (first != LABELS) & (other != LABELS)
    assert 0.23 < in_both.mean() < 0.27
    assert 0.3 < (first == other)[in_both].mean() < 0.37
