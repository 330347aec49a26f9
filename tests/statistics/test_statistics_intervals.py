"""Intervals against scipy, statsmodels and simulated experiments with a known truth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from bnreg.statistics.intervals import (
    example_error,
    over_redrawn_splits,
    over_seeds,
    over_seeds_and_examples,
    unpaired_example_error,
)


def interval_of_mean(differences):
    estimate = over_seeds(differences)
    return estimate.interval() if estimate else None


def joint_interval(correct_arm, correct_baseline):
    differences = correct_arm.astype(np.int8) - correct_baseline.astype(np.int8)
    return over_seeds_and_examples(differences.mean(axis=1), example_error(differences)).interval()


def corrected_interval(differences, ratio):
    estimate = over_redrawn_splits(differences, ratio)
    return estimate.interval() if estimate else None


varied = st.lists(st.integers(-60, 60), min_size=2, max_size=25).filter(lambda values: len(set(values)) > 1)


@given(varied, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_the_interval_over_seeds_is_scipys_and_statsmodels(differences, level):
    interval = over_seeds(differences).interval(level)
    expected = stats.ttest_1samp(differences, 0).confidence_interval(level)
    assert interval == pytest.approx((expected.low, expected.high))
    assert interval == pytest.approx(DescrStatsW(differences).tconfint_mean(1 - level))


@given(varied, st.floats(-50, 50))
def test_its_p_values_are_scipys(differences, bound):
    estimate = over_seeds(differences)
    assert estimate.p_value() == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)
    above, below = (stats.ttest_1samp(differences, bound, alternative=side).pvalue for side in ("greater", "less"))
    assert estimate.p_value_above(bound) == pytest.approx(above)
    assert estimate.p_value_below(bound) == pytest.approx(below)


@given(varied, st.floats(0, 30), st.floats(0, 1))
def test_p_is_below_five_per_cent_if_the_interval_excludes_zero(differences, error, ratio):
    for estimate in (over_seeds_and_examples(differences, error), over_redrawn_splits(differences, ratio)):
        low, high = estimate.interval()
        if abs(estimate.p_value() - 0.05) > 1e-6:
            assert (estimate.p_value() < 0.05) == (low > 0 or high < 0)


def test_the_interval_of_equal_differences_is_their_value():
    """Equal up to rounding: 0.902 - 0.901 and 0.938 - 0.937 differ in the last bits."""
    differences = [0.902 - 0.901, 0.938 - 0.937, 0.902 - 0.901]
    assert len(set(differences)) == 2
    low, high = interval_of_mean(differences)
    assert low == high == pytest.approx(0.001)


@pytest.mark.parametrize("differences", [[], [0.3]])
def test_a_single_pair_has_no_interval(differences):
    assert interval_of_mean(differences) is corrected_interval(differences, 0.2) is None
    assert over_seeds_and_examples(differences, 0.01) is None


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_difference_that_is_not_finite_is_refused(bad):
    with pytest.raises(ValueError, match="must be finite"):
        interval_of_mean([0.1, bad, 0.2])


def networks(seed, num_seeds=8, num_examples=500, liking=0.2):
    """The examples that two arms get right; ``liking`` is an arm's effect on an example, the same for every seed."""
    random = np.random.default_rng(seed)
    correct = []
    for _ in range(2):
        chances = np.clip(0.8 + random.normal(0, liking, num_examples), 0, 1)
        correct.append(random.random((num_seeds, num_examples)) < chances)
    return correct


def test_the_example_error_is_the_mean_covariance_between_two_seeds():
    arm, baseline = networks(0)
    differences = arm.astype(np.int8) - baseline.astype(np.int8)
    found = example_error(differences)
    differences = np.concatenate([differences, np.tile([1, -1], (8, 1))], axis=1)
    pairs = [(one, other) for one in range(8) for other in range(8) if one != other]
    covariances = [np.cov(differences[one], differences[other])[0, 1] for one, other in pairs]
    assert found == pytest.approx(math.sqrt(np.mean(covariances) / 500))


@pytest.mark.parametrize("num_seeds", [2, 5, 20])
def test_the_example_error_recovers_the_variance_of_the_simulation(num_seeds):
    """Regardless of how few seeds there are and how noisy a network is; the mean over 40 test sets."""
    random = np.random.default_rng(num_seeds)
    found = []
    for _ in range(40):
        chances = random.choice([0.1, 0.5], 1000)
        signs = (random.random((num_seeds, 1000)) < chances).astype(np.int8)
        found.append(example_error(signs) ** 2 * 1000)
    assert np.mean(found) == pytest.approx(0.2**2 + 2 / 1000, rel=0.1)


def test_if_the_arms_find_the_same_examples_hard_only_the_two_added_examples_count():
    arm, baseline = networks(1, num_seeds=20, num_examples=4000, liking=0.0)
    error = example_error(arm.astype(np.int8) - baseline.astype(np.int8))
    assert error < 0.1 * math.sqrt(2 * 0.16 / 4000) + math.sqrt(2) / 4000
    assert example_error(np.zeros((6, 4000), np.int8)) == pytest.approx(math.sqrt(2) / 4000, rel=1e-3)


@pytest.mark.parametrize("num_seeds", [(3, 4), (20, 12)])
def test_the_error_of_unpaired_networks_is_that_of_paired_ones_on_average(num_seeds):
    """Networks of one arm share what suits the arm, so that pairing them by seed changes nothing."""
    paired, unpaired = [], []
    for seed in range(30):
        arm, baseline = networks(seed, num_seeds=20)
        paired.append(example_error(arm.astype(np.int8) - baseline.astype(np.int8)) ** 2)
        some = arm[: num_seeds[0]], baseline[: num_seeds[1]]
        unpaired.append(unpaired_example_error(*(side.astype(np.int8) for side in some)) ** 2)
    assert np.mean(unpaired) == pytest.approx(np.mean(paired), rel=0.15)


def test_the_error_of_averaged_networks_counts_what_they_share():
    arm, baseline = networks(3, num_seeds=16)
    answers = arm.astype(np.float32) - baseline
    averaged = (answers[::2] + answers[1::2]) / 2
    assert example_error(averaged) == pytest.approx(example_error(answers), rel=0.15)


@pytest.mark.parametrize("shape", [(1, 10), (10, 1)])
def test_a_single_seed_or_example_gives_no_example_error(shape):
    with pytest.raises(ValueError, match="two seeds and two examples"):
        example_error(np.zeros(shape, np.int8))
    with pytest.raises(ValueError, match="two seeds and two examples"):
        unpaired_example_error(np.zeros((4, shape[1]), np.int8), np.zeros(shape, np.int8))


@given(st.integers(0, 10_000))
def test_the_joint_interval_is_no_narrower_than_normal_errors_of_seeds_and_examples_allow(seed):
    arm, baseline = networks(seed, num_seeds=10)
    low, high = joint_interval(arm, baseline)
    differences = arm.mean(axis=1) - baseline.mean(axis=1)
    error = example_error(arm.astype(np.int8) - baseline.astype(np.int8))
    seeds = over_seeds(differences)
    assert (low + high) / 2 == pytest.approx(seeds.mean)
    assert high - low >= 2 * stats.norm.ppf(0.975) * math.hypot(seeds.std_error, error) - 1e-12
    if error == 0:
        assert (low, high) == pytest.approx(interval_of_mean(differences))


@given(varied, st.floats(0, 30))
def test_the_joint_standard_error_and_its_degrees_of_freedom_are_welchs(differences, error):
    """Satterthwaite's rule for a mean and a second one that is known as if from infinitely many values."""
    estimate = over_seeds_and_examples(differences, error)
    variance = np.var(differences, ddof=1) / len(differences)
    assert estimate.std_error == pytest.approx(math.sqrt(variance + error**2))
    expected = (variance + error**2) ** 2 / (variance**2 / (len(differences) - 1))
    assert estimate.degrees_of_freedom == pytest.approx(expected)


def test_if_only_the_examples_vary_the_quantile_is_the_normal_one():
    low, high = over_seeds_and_examples([0.01, 0.01, 0.01], 0.001).interval()
    assert (low, high) == pytest.approx((0.01 - 0.00195996, 0.01 + 0.00195996), abs=1e-7)


def test_exchanging_the_arms_mirrors_the_joint_interval():
    arm, baseline = networks(2)
    low, high = joint_interval(arm, baseline)
    assert joint_interval(baseline, arm) == pytest.approx((-high, -low))


def test_the_corrected_interval_is_nadeaus_and_bengios():
    """Their equation: t · √((1/J + n₂/n₁) σ̂²), with J − 1 degrees of freedom."""
    differences = [0.01, 0.03, -0.01, 0.02, 0.02]
    reach = stats.t.ppf(0.975, 4) * math.sqrt((1 / 5 + 0.25) * np.var(differences, ddof=1))
    assert corrected_interval(differences, 0.25) == pytest.approx((0.014 - reach, 0.014 + reach))
    assert corrected_interval(differences, 0) == pytest.approx(interval_of_mean(differences))


def test_the_corrected_interval_covers_differences_that_are_correlated():
    """Correlation ρ between any two needs the ratio ρ / (1 − ρ); 2,000 experiments, three standard errors."""
    random = np.random.default_rng(5)
    ratio = 0.25
    rho = ratio / (1 + ratio)
    shared, own = random.normal(size=(2000, 1)), random.normal(size=(2000, 10))
    differences = math.sqrt(rho) * shared + math.sqrt(1 - rho) * own
    corrected = np.mean([low <= 0 <= high for low, high in (corrected_interval(d, ratio) for d in differences)])
    naive = np.mean([low <= 0 <= high for low, high in map(interval_of_mean, differences)])
    assert corrected == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / 2000))
    assert naive < 0.8
