"""The secondary tests against scipy and statsmodels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.weightstats import ttost_paired

from bnreg.statistics.intervals import over_seeds
from bnreg.statistics.secondary import mcnemar_p_value, paired_t_p_value, tost_p_value, wilcoxon_p_value

images = st.lists(st.integers(-60, 60), min_size=1, max_size=9).map(np.array)
varied = st.lists(st.integers(-60, 60), min_size=2, max_size=25).filter(lambda values: len(set(values)) > 1)


@given(varied)
def test_the_paired_t_test_is_scipys(differences):
    assert paired_t_p_value(differences) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)


@given(images)
@settings(max_examples=60)
def test_wilcoxons_test_is_scipys_exact_one_with_ties_and_zeros(differences):
    """With so few pairs, scipy's permutation of the signs is exact too; its table for the exact test has no ties."""
    if np.count_nonzero(differences) < 2:
        assert wilcoxon_p_value(differences) == 1
        return
    everything = stats.PermutationMethod(n_resamples=2**10)
    expected = stats.wilcoxon(differences[differences != 0].astype(float), method=everything)
    assert wilcoxon_p_value(differences) == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("num_pairs", [6, 10, 20, 50])
def test_wilcoxons_test_without_ties_is_scipys_table(num_pairs):
    differences = np.random.default_rng(num_pairs).normal(0.3, 1, num_pairs)
    assert wilcoxon_p_value(differences) == pytest.approx(stats.wilcoxon(differences, method="exact").pvalue)


def test_wilcoxons_test_of_many_pairs_has_a_p_above_zero():
    assert 0 < wilcoxon_p_value(np.ones(1200)) < 1e-300
    assert 0 < wilcoxon_p_value(np.arange(1, 1201)) < 1e-300


def test_ranks_tie_even_if_rounding_separates_the_sizes():
    assert wilcoxon_p_value([0.902 - 0.901, 0.937 - 0.938, 0.005]) == wilcoxon_p_value([1, -1, 5])
    assert wilcoxon_p_value([0.1 + 0.2 - 0.3, 0.1, 0.2]) == wilcoxon_p_value([0.1, 0.2])
    assert wilcoxon_p_value([]) == wilcoxon_p_value([0, 0]) == 1


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 50))
def test_mcnemars_test_is_statsmodels(num_won, num_lost, num_both):
    arm = np.repeat([True, False, True, False], [num_won, num_lost, num_both, 3])
    baseline = np.repeat([False, True, True, False], [num_won, num_lost, num_both, 3])
    expected = mcnemar([[num_both, num_won], [num_lost, 3]], exact=True).pvalue if num_won + num_lost else 1
    assert mcnemar_p_value(arm, baseline) == pytest.approx(expected, abs=1e-12)


@given(varied, st.floats(0.5, 100))
def test_two_one_sided_tests_are_statsmodels(differences, smallest_effect):
    values = np.array(differences, dtype=float)
    expected, _, _ = ttost_paired(values, np.zeros(len(values)), -smallest_effect, smallest_effect)
    assert tost_p_value(values, smallest_effect) == pytest.approx(expected, abs=1e-12)


@given(varied, st.floats(0.5, 100))
def test_they_are_below_five_per_cent_if_the_90_per_cent_interval_is_within(differences, smallest_effect):
    low, high = over_seeds(differences).interval(0.9)
    p_value = tost_p_value(differences, smallest_effect)
    if abs(p_value - 0.05) > 1e-6:
        assert (p_value < 0.05) == (-smallest_effect < low and high < smallest_effect)


def test_a_single_pair_shows_nothing():
    assert paired_t_p_value([0.1]) == tost_p_value([0.1], 1.0) == 1


def test_equal_differences_leave_no_doubt():
    """A p of one half if they are exactly on the border."""
    assert paired_t_p_value([0.5, 0.5, 0.5]) == 0
    assert paired_t_p_value([0.0, 0.0]) == 1
    assert tost_p_value([0.5, 0.5], 0.6) == 0
    assert tost_p_value([0.5, 0.5], 0.5) == 0.5
    assert tost_p_value([0.5, 0.5], 0.4) == 1
