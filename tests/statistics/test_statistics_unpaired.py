"""Two unpaired groups are compared by Welch's method."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bnreg.statistics.evidence import judge
from bnreg.statistics.paired import compare_pairs
from bnreg.statistics.unpaired import compare_unpaired

accuracies = st.lists(st.integers(9300, 9700).map(lambda count: count / 10_000), min_size=4, max_size=12)


@pytest.mark.filterwarnings("ignore:Precision loss")  # scipy warns about nearly equal values
@given(accuracies, accuracies)
def test_the_interval_and_p_are_scipys(arm, baseline):
    found = compare_unpaired(arm, baseline, higher_is_better=True)
    assert found.difference == pytest.approx(np.mean(arm) - np.mean(baseline))
    if np.ptp(arm) == np.ptp(baseline) == 0:
        assert found.interval == (found.difference, found.difference)
        return
    expected = stats.ttest_ind(arm, baseline, equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert found.interval == pytest.approx((interval.low, interval.high), abs=1e-9)
    fewest = 2 / math.comb(len(arm) + len(baseline), len(arm))
    assert found.p_value == pytest.approx(max(expected.pvalue, fewest), abs=1e-9)


@given(st.integers(0, 10_000), st.integers(4, 30), st.integers(4, 30))
def test_any_number_of_equal_values_gives_no_difference(count, num_arm, num_baseline):
    """Rounding may make their means differ in the last digit, and the deviations from them non-zero."""
    value = count / 10_000
    found = compare_unpaired([value] * num_arm, [value] * num_baseline, higher_is_better=True)
    assert (found.difference, found.interval, found.p_value, found.std) == (0.0, (0.0, 0.0), 1.0, 0.0)
    assert found.verdict.word == "inconclusive"


@given(accuracies, accuracies)
def test_exchanging_the_two_exchanges_helped_and_hurt(arm, baseline):
    one = compare_unpaired(arm, baseline, higher_is_better=True, smallest_effect=0.002)
    other = compare_unpaired(baseline, arm, higher_is_better=True, smallest_effect=0.002)
    swapped = {"helped": "hurt", "hurt": "helped"}
    assert one.verdict.word == swapped.get(other.verdict.word, other.verdict.word)


FEW = [0.90, 0.91, 0.92]


@pytest.mark.parametrize(("arm", "baseline"), [([], FEW), ([0.8, 0.7], [*FEW] * 3), (FEW, FEW), ([], [])])
def test_without_four_values_on_each_side_there_is_no_interval_and_nothing_is_tested(arm, baseline):
    found = compare_unpaired(arm, baseline, higher_is_better=True)
    assert found.interval is None
    assert not found.is_tested
    assert found.verdict.word == "inconclusive"
    assert math.isnan(found.difference) is (not arm or not baseline)


def test_a_family_counts_paired_and_unpaired_comparisons_alike():
    arm, baseline = (pd.Series(values) for values in ([0.95, 0.96, 0.97], [0.90, 0.92, 0.94]))
    paired = compare_pairs(arm, baseline, higher_is_better=True)
    strangers = compare_unpaired([0.95, 0.96, 0.97, 0.96], [0.90, 0.91, 0.92, 0.91], higher_is_better=True)
    nothing = compare_unpaired([0.95], [0.90], higher_is_better=True)
    judged = judge([paired, strangers, nothing])
    assert [one.verdict.family_size for one in judged] == [2, 2, 2]
    assert judged[1].verdict.corrected_p == pytest.approx(2 * strangers.p_value)


def test_equal_values_on_each_side_are_no_certainty():
    """Of four exchanged at random with four, one division in 35 is as extreme."""
    found = compare_unpaired([0.95] * 4, [0.90] * 4, higher_is_better=True)
    assert found.p_value == pytest.approx(2 / 70)


def test_a_known_example_error_widens_the_interval():
    arm, baseline = [0.95, 0.96, 0.97, 0.96], [0.93, 0.94, 0.95, 0.94]
    narrow, wide = (compare_unpaired(arm, baseline, higher_is_better=True, example_error=e) for e in (None, 0.02))
    assert wide.interval[0] < 0 < narrow.interval[0]
    assert (wide.interval_over, wide.floor_error) == ("unpaired seeds and examples", 0.02)


def test_divergence_is_counted_by_fishers_test():
    values = [0.95, 0.96, 0.97, 0.96]
    found = compare_unpaired(values, values, higher_is_better=True, num_diverged=(6, 0)).divergence
    expected = stats.fisher_exact([[6, 4], [0, 4]]).pvalue
    assert (found.num_arm, found.num_baseline, found.p_value) == (6, 0, pytest.approx(expected))
