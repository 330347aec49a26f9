"""The sign-flip test and the bootstrap interval against scipy, known values and the laws that they obey."""

import math
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bnreg.statistics.paired import (
    NUM_SAMPLED_SIGNS,
    bootstrap_interval,
    compare_pairs,
    expanded_tail,
    interval_of_mean,
    sign_flip_p_value,
    smallest_p_value,
    student_interval,
)
from bnreg.streams import stream

# Differences of accuracies over 10,000 test images, counted in images: with zeros, ties and either sign.
images = st.lists(st.integers(-60, 60), min_size=1, max_size=9).map(np.array)
scales = st.floats(1e-4, 1e4)


@given(images)
@settings(max_examples=60, deadline=None)
def test_the_sign_flip_test_is_scipys_exact_permutation_test(differences):
    """With n below 10, scipy enumerates too; it takes no single difference, whose p is 1."""
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
def test_p_is_never_below_the_smallest_that_so_many_pairs_can_reach(differences):
    assert smallest_p_value(len(differences)) <= sign_flip_p_value(differences) <= 1


@given(st.lists(st.tuples(st.integers(9300, 9700), st.integers(9300, 9700)), min_size=1, max_size=9))
def test_ties_count_as_ties_though_rounding_parts_them(counts):
    """0.902 - 0.901 and 0.938 - 0.937 differ in the last bits, 9020 - 9010 and 9380 - 9370 do not."""
    arm, baseline = np.array(counts).T
    assert sign_flip_p_value(arm / 10_000 - baseline / 10_000) == sign_flip_p_value(arm - baseline)


@pytest.mark.parametrize("num_pairs", [1, 2, 5, 6, 10, 20])
def test_differences_of_one_sign_reach_the_smallest_p(num_pairs):
    """Only the signs as they are and all of them flipped lie so far out: 2 of 2^n."""
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


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("statistic", [sign_flip_p_value, bootstrap_interval])
def test_a_difference_that_is_no_number_is_refused(statistic, bad):
    with pytest.raises(ValueError, match="must be finite"):
        statistic([0.1, bad, 0.2])


@given(st.lists(st.integers(-60, 60), min_size=2, max_size=25).filter(lambda values: len(set(values)) > 1))
@settings(max_examples=40, deadline=None)
def test_the_interval_is_scipys_bca_given_the_same_resamples(differences):
    """Whole numbers, so that scipy's sums have no rounding that could part equal means."""
    expected = stats.bootstrap(
        (np.array(differences, dtype=float),),
        np.mean,
        method="BCa",
        confidence_level=1 - 2 * expanded_tail(len(differences), 0.95, 999),
        n_resamples=999,
        rng=stream(0, "bootstrap"),
    ).confidence_interval
    interval = bootstrap_interval(differences, num_resamples=999)
    assert interval == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_another_level_agrees_with_scipy_too():
    differences = [3, -1, 4, 1, -5, 9, 2, 6]
    expected = stats.bootstrap(
        (differences,),
        np.mean,
        method="BCa",
        confidence_level=1 - 2 * expanded_tail(8, 0.8, 9999),
        n_resamples=9999,
        rng=stream(0, "bootstrap"),
    ).confidence_interval
    assert bootstrap_interval(differences, level=0.8) == pytest.approx((expected.low, expected.high))


@given(st.integers(0, 1000), st.integers(4, 30), st.floats(-0.05, 0.05), st.floats(0.01, 100))
@settings(max_examples=40, deadline=None)
def test_the_interval_holds_the_mean_and_moves_with_the_data(seed, num_pairs, shift, scale):
    differences = np.random.default_rng(seed).normal(0, 0.01, num_pairs)
    low, high = bootstrap_interval(differences, num_resamples=999)
    assert low < differences.mean() < high
    moved = bootstrap_interval(differences * scale + shift, num_resamples=999)
    assert moved == pytest.approx((low * scale + shift, high * scale + shift), rel=1e-6, abs=1e-9)
    mirrored = bootstrap_interval(-differences, num_resamples=999)
    assert mirrored == pytest.approx((-high, -low))


def test_the_expanded_level_is_students_for_normal_means():
    """Ten pairs: t = 2.262 on 9 degrees of freedom, and the bootstrap's spread is too small by √(9/10)."""
    assert stats.norm.ppf(expanded_tail(10, 0.95, 9999)) == pytest.approx(-2.262 * math.sqrt(10 / 9), abs=1e-3)
    assert expanded_tail(2, 0.99, 9999) == 0.5 / 9999


@pytest.mark.parametrize(("num_pairs", "lowest"), [(2, 0.95), (3, 0.95), (5, 0.95), (6, 0.92), (10, 0.94), (20, 0.94)])
def test_the_interval_covers_what_its_docstring_says(num_pairs, lowest):
    """400 experiments with a known mean; the bound leaves three standard errors below the documented coverage."""
    rng = np.random.default_rng(num_pairs)
    intervals = [interval_of_mean(rng.normal(0.3, 1, num_pairs)) for _ in range(400)]
    coverage = np.mean([low <= 0.3 <= high for low, high in intervals])
    assert coverage > lowest - 3 * math.sqrt(lowest * (1 - lowest) / 400)


def test_students_interval_is_scipys():
    differences = [3.0, -1.0, 4.0, 1.0, 7.0]
    expected = stats.ttest_1samp(differences, 0).confidence_interval(0.9)
    assert student_interval(differences, level=0.9) == pytest.approx((expected.low, expected.high))


def test_few_pairs_get_students_interval_and_more_the_bootstraps():
    differences = [3.0, -1.0, 4.0, 1.0, 7.0]
    assert interval_of_mean(differences) == student_interval(differences)
    assert interval_of_mean([*differences, 2.0]) == bootstrap_interval([*differences, 2.0])
    assert interval_of_mean([1.0]) is interval_of_mean([]) is None


def test_the_interval_of_equal_differences_is_their_value():
    """Equal but for rounding: 0.902 - 0.901 is not 0.938 - 0.937 to the last bit."""
    differences = [0.902 - 0.901, 0.938 - 0.937, 0.902 - 0.901]
    assert len(set(differences)) == 2
    low, high = bootstrap_interval(differences)
    assert low == high == pytest.approx(0.001)
    assert bootstrap_interval([0.0, 0.0]) == (0.0, 0.0)


@pytest.mark.parametrize("differences", [[], [0.3]])
def test_a_single_pair_has_no_interval(differences):
    assert bootstrap_interval(differences) is None


def by_seed(**values):
    return pd.Series({int(seed.removeprefix("s")): value for seed, value in values.items()})


def test_arms_are_compared_seed_by_seed():
    """A seed that one arm lacks, or has no value for, takes no part and is named."""
    arm = by_seed(s0=0.95, s1=0.96, s2=0.90, s4=0.97, s7=math.nan)
    baseline = by_seed(s4=0.97, s2=0.92, s1=0.93, s0=0.91, s3=0.99, s7=0.90)
    comparison = compare_pairs(arm, baseline, higher_is_better=True)
    assert comparison.num_pairs == 4
    assert comparison.difference == pytest.approx((0.04 + 0.03 - 0.02 + 0.0) / 4)
    assert (comparison.wins, comparison.losses, comparison.ties) == (2, 1, 1)
    assert comparison.unmatched_seeds == (3, 7)
    assert comparison.p_value == sign_flip_p_value([4, 3, -2, 0])
    assert comparison.smallest_p == 2 / 2**4


def test_the_order_of_the_rows_does_not_matter():
    """Not even to the resamples of the interval."""
    random = np.random.default_rng(3)
    arm, baseline = pd.Series(random.normal(0.95, 0.01, 12)), pd.Series(random.normal(0.94, 0.01, 12))
    shuffled = compare_pairs(arm.sample(frac=1, random_state=1), baseline[::-1], higher_is_better=True)
    assert shuffled == compare_pairs(arm, baseline, higher_is_better=True)


def test_for_a_loss_the_lower_value_wins():
    """The difference keeps its sign."""
    comparison = compare_pairs(by_seed(s0=0.1, s1=0.3), by_seed(s0=0.2, s1=0.2), higher_is_better=False)
    assert (comparison.wins, comparison.losses) == (1, 1)
    one_seed = compare_pairs(by_seed(s0=0.1), by_seed(s0=0.2), higher_is_better=False)
    assert (one_seed.wins, one_seed.difference) == (1, pytest.approx(-0.1))


def test_without_a_common_seed_nothing_is_claimed():
    comparison = compare_pairs(by_seed(s0=0.9), by_seed(s1=0.8), higher_is_better=True)
    assert math.isnan(comparison.difference)
    assert (comparison.num_pairs, comparison.p_value, comparison.interval) == (0, 1, None)
    assert comparison.unmatched_seeds == (0, 1)
