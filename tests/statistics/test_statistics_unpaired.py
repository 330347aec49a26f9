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

accuracies = st.lists(st.integers(9300, 9700).map(lambda count: count / 10_000), min_size=2, max_size=12)


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
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-9)


@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(2, 30))
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


@pytest.mark.parametrize(("arm", "baseline"), [([], [0.9, 0.8]), ([0.9], [0.8, 0.7]), ([], [])])
def test_without_two_values_on_each_side_there_is_no_interval_and_nothing_is_tested(arm, baseline):
    found = compare_unpaired(arm, baseline, higher_is_better=True)
    assert found.interval is None
    assert not found.is_tested
    assert found.verdict.word == "inconclusive"
    assert math.isnan(found.difference) is (not arm or not baseline)


def test_a_family_counts_paired_and_unpaired_comparisons_alike():
    arm, baseline = (pd.Series(values) for values in ([0.95, 0.96, 0.97], [0.90, 0.92, 0.94]))
    paired = compare_pairs(arm, baseline, higher_is_better=True)
    strangers = compare_unpaired([0.95, 0.96, 0.97], [0.90, 0.91, 0.92], higher_is_better=True)
    nothing = compare_unpaired([0.95], [0.90], higher_is_better=True)
    judged = judge([paired, strangers, nothing])
    assert [one.verdict.family_size for one in judged] == [2, 2, 1]
    assert judged[1].verdict.corrected_p == pytest.approx(2 * strangers.p_value)
    assert judged[1].verdict.word == "helped"
