"""The verdict's words and their order, and what makes two arms equivalent."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.weightstats import ttost_paired

from bnreg.metrics import ACCURACY_SMALLEST_EFFECT
from bnreg.statistics.evidence import equivalence_p_value, judge, least_example_error
from bnreg.statistics.intervals import over_seeds
from bnreg.statistics.paired import compare_pairs
from bnreg.statistics.verdict import decide

bounds = st.tuples(st.floats(-1, 1), st.floats(-1, 1)).map(sorted).map(tuple)
p_values = st.floats(0, 1)
equivalence = st.none() | p_values


def test_the_smallest_effect_on_accuracy_is_a_fifth_of_a_percentage_point():
    assert ACCURACY_SMALLEST_EFFECT == 0.002


@pytest.mark.parametrize(
    ("interval", "corrected_p", "equivalence_p", "expected"),
    [
        ((0.003, 0.009), 0.01, 1.0, "helped"),
        ((-0.009, -0.003), 0.01, 1.0, "hurt"),
        ((0.001, 0.009), 0.01, None, "helped"),
        ((-0.001, 0.0015), 0.5, 0.01, "equivalent"),
        ((0.0005, 0.0015), 0.01, 0.01, "equivalent"),
        ((-0.002, 0.0021), 0.9, 0.05, "inconclusive"),
        ((-0.001, 0.009), 0.04, 0.9, "inconclusive"),
        ((0.003, 0.009), 0.05, 1.0, "inconclusive"),
        ((0.0, 0.009), 0.01, 1.0, "inconclusive"),
        (None, 0.01, 0.01, "inconclusive"),
    ],
)
def test_the_words_are_tried_in_order(interval, corrected_p, equivalence_p, expected):
    """Equivalent comes first, even for a real effect; then the interval and p must both agree."""
    assert decide(interval, corrected_p, equivalence_p, higher_is_better=True) == expected


def test_for_a_loss_the_lower_value_helps():
    assert decide((-0.2, -0.1), 0.01, None, higher_is_better=False) == "helped"
    assert decide((0.1, 0.2), 0.01, None, higher_is_better=False) == "hurt"


def test_where_no_direction_is_better_nothing_helps_or_hurts():
    assert decide((-0.2, -0.1), 0.01, None, higher_is_better=None) == "lower"
    assert decide((0.1, 0.2), 0.01, None, higher_is_better=None) == "higher"
    assert decide((0.1, 0.2), 0.01, 0.01, higher_is_better=None) == "equivalent"


@given(bounds, p_values, equivalence, st.booleans())
def test_exchanging_the_arms_exchanges_helped_and_hurt(interval, corrected_p, equivalence_p, higher_is_better):
    word = decide(interval, corrected_p, equivalence_p, higher_is_better=higher_is_better)
    mirrored = (-interval[1], -interval[0])
    exchanged = {"helped": "hurt", "hurt": "helped"}.get(word, word)
    assert decide(mirrored, corrected_p, equivalence_p, higher_is_better=higher_is_better) == exchanged
    assert decide(interval, corrected_p, equivalence_p, higher_is_better=not higher_is_better) == exchanged


@pytest.mark.parametrize("bad", [0.0, -0.002, math.nan])
def test_a_smallest_effect_that_is_not_positive_is_refused(bad):
    with pytest.raises(ValueError, match="must be positive"):
        compare({0: 0.1, 1: 0.2}, smallest_effect=bad)


def compare(differences, **options):
    """Compare an arm with a baseline of zeros; differences by seed."""
    if not isinstance(differences, dict):
        differences = dict(enumerate(differences))
    options = {"higher_is_better": True, "smallest_effect": 0.002} | options
    return compare_pairs(differences, dict.fromkeys(differences, 0.0), **options)


@given(st.lists(st.integers(-60, 60), min_size=4, max_size=12).filter(lambda values: len(set(values)) > 1))
def test_two_arms_are_equivalent_if_the_interval_is_within_the_smallest_effect(values):
    """The equivalence p is twice that of statsmodels' two one-sided tests."""
    found = compare([value / 10_000 for value in values])
    low, high = found.interval
    expected, _, _ = ttost_paired(np.array(values), np.zeros(len(values)), -20, 20)
    assert found.equivalence_p == pytest.approx(min(1, 2 * expected), abs=1e-9)
    if abs(found.equivalence_p - 0.05) > 1e-9:
        assert (found.verdict.word == "equivalent") == (low > -0.002 and high < 0.002)


def test_a_real_but_small_effect_is_called_so():
    shifted = [0.001 + 0.0001 * (-1) ** seed for seed in range(10)]
    found = compare(shifted)
    assert (found.verdict.word, found.verdict.remark) == ("equivalent", "real, but smaller than what matters")
    assert compare([one - 0.001 for one in shifted]).verdict.remark == ""


@pytest.mark.parametrize(("number", "expected"), [(2, "inconclusive"), (3, "inconclusive"), (4, "equivalent")])
def test_fewer_than_four_pairs_are_never_equivalent(number, expected):
    assert compare([0.00001 * seed for seed in range(number)]).verdict.word == expected


@pytest.mark.parametrize(("num_examples", "can"), [(1000, False), (1844, False), (2000, True), (10_000, True)])
def test_a_test_set_too_small_to_show_the_effect_proves_no_equivalence(num_examples, can):
    """With 1,844 examples or fewer, a difference of 0.2 pp may show in none of them: 0.998^1844 > 1/40."""
    estimate = over_seeds([0.0] * 30)
    p_value = equivalence_p_value(estimate, 0.002, (30, 30), num_examples)
    assert (p_value < 0.05) is can
    found = compare([0.0] * 30, num_examples=num_examples)
    assert found.interval == (0, 0)
    remark = "" if can else "within ± the smallest effect, which too few seeds or test examples prove"
    assert (found.verdict.word, found.verdict.remark) == ("equivalent" if can else "inconclusive", remark)


def test_a_known_error_from_the_examples_is_not_counted_twice():
    least = least_example_error(0.002, 10_000)
    assert least == pytest.approx(0.000447, abs=1e-6)
    values = [0.0001 * (-1) ** seed for seed in range(12)]
    errors = (None, 0.0, 0.0004)
    p_values = [compare(values, num_examples=10_000, example_error=error).equivalence_p for error in errors]
    assert p_values == pytest.approx([p_values[0]] * 3)
    assert compare(values, num_examples=10_000, example_error=0.0006).equivalence_p > p_values[0]


def test_equivalences_are_a_family_of_their_own():
    """Several that each would just be equivalent are not, together; one without a smallest effect does not count."""
    wide = [0.0021 * (-1) ** seed for seed in range(8)]
    one = compare(wide)
    assert one.verdict.word == "equivalent"
    assert 0.025 < one.equivalence_p < 0.05
    assert {each.verdict.word for each in judge([one, one])} == {"inconclusive"}
    unknown = compare([0.01 + value for value in wide], smallest_effect=None)
    assert [each.verdict.equivalence_p for each in judge([one, unknown])] == [one.equivalence_p, None]


def test_one_pair_has_no_interval_and_so_no_verdict():
    found = compare([0.01])
    assert (found.verdict.word, found.verdict.remark) == ("inconclusive", "too few seeds for an interval")
