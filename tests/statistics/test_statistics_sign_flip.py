"""The sign-flip test against scipy, known values and the laws that it obeys."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bnreg.statistics.sign_flip import MAX_SIGNS, NUM_SAMPLED_SIGNS, sign_flip_p_value, smallest_p_value

# Differences of accuracies over 10,000 test images, counted in images: with zeros, ties and either sign.
images = st.lists(st.integers(-60, 60), min_size=1, max_size=9).map(np.array)
scales = st.floats(1e-4, 1e4)


@given(images)
@settings(max_examples=60)
def test_the_sign_flip_test_is_scipys_exact_permutation_test(differences):
    """With n below 10, scipy enumerates too; it does not accept a single difference, whose p is 1."""
    if len(differences) == 1:
        assert sign_flip_p_value(differences) == 1
        return
    expected = stats.permutation_test(
        (differences.astype(float),), lambda x, axis: x.sum(axis=axis), permutation_type="samples", vectorized=True
    )
    assert sign_flip_p_value(differences) == pytest.approx(expected.pvalue)


@given(images, scales)
def test_p_depends_neither_on_the_unit_nor_on_which_arm_is_called_the_baseline(differences, scale):
    assert sign_flip_p_value(differences * scale) == sign_flip_p_value(differences)
    assert sign_flip_p_value(-differences) == sign_flip_p_value(differences)


@given(images)
def test_p_is_never_below_the_smallest_that_the_number_of_pairs_can_reach(differences):
    assert smallest_p_value(len(differences)) <= sign_flip_p_value(differences) <= 1


@given(st.lists(st.tuples(st.integers(9300, 9700), st.integers(9300, 9700)), min_size=1, max_size=9))
def test_ties_count_as_ties_even_if_rounding_separates_them(counts):
    """0.902 - 0.901 and 0.938 - 0.937 differ in the last bits, 9020 - 9010 and 9380 - 9370 do not."""
    arm, baseline = np.array(counts).T
    assert sign_flip_p_value(arm / 10_000 - baseline / 10_000) == sign_flip_p_value(arm - baseline)


@pytest.mark.parametrize("num_pairs", [1, 2, 5, 6, 10, 20])
def test_differences_of_one_sign_reach_the_smallest_p(num_pairs):
    """Only the observed signs and all of them flipped reach as far out: 2 of 2^n."""
    differences = np.linspace(0.001, 0.004, num_pairs)
    assert sign_flip_p_value(differences) == smallest_p_value(num_pairs) == min(1.0, 2 / 2**num_pairs)


@pytest.mark.parametrize("differences", [[], [0.0], [0.0] * 10, [0.0] * 30, [1.0, -1.0]])
def test_no_difference_is_no_evidence(differences):
    assert sign_flip_p_value(differences) == 1


@pytest.mark.parametrize("num_negative", [3, 6, 9])
def test_beyond_twenty_pairs_p_comes_close_to_the_exact_one(num_negative):
    """Differences of one size make it a sign test, whose p is known."""
    differences = np.repeat([-1.0, 1.0], [num_negative, 24 - num_negative])
    exact = stats.binomtest(num_negative, 24).pvalue
    standard_error = math.sqrt(exact * (1 - exact) / NUM_SAMPLED_SIGNS)
    assert sign_flip_p_value(differences) == pytest.approx(exact, abs=4 * standard_error)
    assert sign_flip_p_value(differences) == sign_flip_p_value(differences)


def test_a_sampled_p_is_never_zero():
    """One hundred wins out of one hundred would be beyond any sample; the observed signs count as one."""
    assert sign_flip_p_value(np.ones(100)) == smallest_p_value(100) == 1 / (NUM_SAMPLED_SIGNS + 1)


@pytest.mark.parametrize("num_pairs", [20, 500])
def test_the_memory_is_bounded(num_pairs):
    tracemalloc.start()
    try:
        sign_flip_p_value(np.random.default_rng(1).normal(size=num_pairs))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 64e6


@given(st.lists(st.integers(-60, 60), min_size=10, max_size=16).map(np.array))
@settings(max_examples=20)
def test_p_is_the_share_of_all_signs_that_reach_as_far(differences):
    """Counted one by one; scipy would sample here."""
    signs = 1 - 2 * ((np.arange(2 ** len(differences))[:, None] >> np.arange(len(differences))) & 1)
    expected = np.mean(np.abs(signs @ differences) >= abs(differences.sum()))
    assert sign_flip_p_value(differences) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_difference_that_is_not_finite_is_refused(bad):
    with pytest.raises(ValueError, match="must be finite"):
        sign_flip_p_value([0.1, bad, 0.2])


@pytest.mark.parametrize("effect", [0.0, 0.015])
def test_of_very_many_pairs_p_is_that_of_the_sum(effect):
    """Neighbours then share a sign; by the central limit theorem, the sum of all flips is normal."""
    values = np.random.default_rng(3).normal(effect, 1, 20 * MAX_SIGNS + 7)
    expected = 2 * stats.norm.sf(abs(values.sum()) / np.sqrt((values**2).sum()))
    assert sign_flip_p_value(values) == pytest.approx(expected, abs=0.02)
