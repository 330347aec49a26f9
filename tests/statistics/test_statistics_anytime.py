"""The test that may be looked at after every seed."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from bnreg.statistics.anytime import (
    STAKES,
    anytime_p_value,
    confidence_sequence,
    log_capital,
    smallest_anytime_p_value,
)
from bnreg.statistics.power import fewest_pairs

DIFFERENCES = st.lists(st.floats(-1, 1).map(lambda value: round(value, 3)), min_size=1, max_size=12)


@pytest.mark.parametrize("sizes", [[1, 1, 1], [0.5, 2, 0.1, 3, 1], [4, 0, 1, 0.25], [0, 0, 1, 2]])
def test_the_capital_is_a_martingale(sizes):
    """Whatever the sizes, its mean over all signs stays 1, given any beginning."""
    signs = np.array([*product([-1, 1], repeat=len(sizes))])
    capital = np.exp(log_capital(signs * sizes))
    assert capital.mean(axis=0) == pytest.approx(1)
    for known in range(1, len(sizes)):
        same = (signs[:, :known] == signs[0, :known]).all(axis=1)
        assert capital[same, known].mean() == pytest.approx(capital[0, known - 1])


def test_the_capital_after_two_equal_differences():
    """Each bet wins 2 / (1 + exp(∓2λ)) on each of them."""
    of_bets = [(2 / (1 + math.exp(-2 * bet))) ** 2 for stake in STAKES for bet in (stake, -stake)]
    assert log_capital([0.3, 0.3]) == pytest.approx([0, math.log(np.mean(of_bets))])


def largest_log_capital(num_pairs):
    """That of zᵢ = √i, which no difference can exceed."""
    reached = np.tanh(np.multiply.outer(STAKES, np.sqrt(np.arange(1, num_pairs + 1))))
    return math.log(np.mean([(1 + reached).prod(axis=1), (1 - reached).prod(axis=1)]))


@pytest.mark.parametrize("num_pairs", [3, 6, 9])
def test_growing_differences_reach_the_largest_capital(num_pairs):
    """An optimiser that starts at equal differences climbs towards the bound, and never beyond."""
    bound = largest_log_capital(num_pairs)

    def lost(exponents):
        return -log_capital(np.exp(exponents - exponents.max()))[-1]

    found = minimize(lost, np.linspace(0, 1, num_pairs))
    assert log_capital(np.ones(num_pairs))[-1] < -found.fun <= bound + 1e-12
    assert -found.fun == pytest.approx(bound, rel=1e-3)
    assert log_capital(100.0 ** np.arange(num_pairs))[-1] == pytest.approx(bound, rel=1e-3)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=12))
def test_no_difference_reaches_more(differences):
    assert (log_capital(differences) <= [largest_log_capital(n + 1) + 1e-9 for n in range(len(differences))]).all()


@pytest.mark.parametrize("num_pairs", range(1, 14))
def test_equal_differences_have_the_smallest_p(num_pairs):
    """However fast they grow: "too few pairs for p < 0.05" is true of all differences."""
    for growth in (1, 1.3, 2, 10, 1e6):
        assert anytime_p_value(growth ** np.arange(num_pairs)) >= smallest_anytime_p_value(num_pairs)


def test_p_and_confidence_sequence_need_the_same_number_of_pairs():
    """Six growing differences have the capital for p < 0.05, but exclude no shift that is far away."""
    growing = 10.0 ** np.arange(7)
    assert log_capital(growing)[5] > math.log(20)
    for number in (6, 7):
        is_decided = anytime_p_value(growing[:number]) < 0.05
        assert (
            is_decided
            == (number >= fewest_pairs(anytime=True))
            == math.isfinite(confidence_sequence(growing[:number]).low)
        )


def test_one_difference_proves_nothing():
    assert anytime_p_value([5.0]) == anytime_p_value([]) == anytime_p_value([0.0, 0.0]) == 1


def test_the_largest_capital_counts():
    """Evidence that was strong enough once is not lost: the look at which it was counts."""
    strong = [1.0] * 12
    assert anytime_p_value([*strong, -9.0, -9.0, -9.0]) == anytime_p_value(strong) < 0.01


@given(DIFFERENCES)
def test_p_is_a_probability_that_depends_on_neither_scale_nor_side(differences):
    p_value = anytime_p_value(differences)
    assert 0 < p_value <= 1
    assert anytime_p_value([-8 * value for value in differences]) == pytest.approx(p_value)


@given(DIFFERENCES)
def test_the_sequence_excludes_what_the_test_excludes(differences):
    low, high = confidence_sequence(differences)
    assert low <= np.mean(differences) <= high
    for bound, outward in ((low, -1), (high, 1)):
        if math.isfinite(bound):
            beyond = bound + outward * (1e-6 + 1e-3 * (high - low))
            assert anytime_p_value(np.array(differences) - beyond) <= 0.05
    if not low <= 0 <= high:
        assert anytime_p_value(differences) <= 0.05


@pytest.mark.parametrize(("level", "enough"), [(0.95, 7), (0.99, 9)])
def test_few_differences_exclude_nothing(level, enough):
    low, high = confidence_sequence([0.01] * (enough - 1), level)
    assert (low, high) == (-math.inf, math.inf)
    low, high = confidence_sequence([0.01] * enough, level)
    assert low == pytest.approx(0.01) == high


def test_the_sequence_narrows_and_moves_with_its_differences():
    values = np.random.default_rng(0).normal(size=80)
    widths = [high - low for low, high in (confidence_sequence(values[:number]) for number in (10, 20, 40, 80))]
    assert widths == sorted(widths, reverse=True)
    low, high = confidence_sequence(values)
    assert confidence_sequence(3 + 2 * values) == pytest.approx((3 + 2 * low, 3 + 2 * high), abs=2e-3 * (high - low))


def test_it_holds_at_every_look_where_the_fixed_test_does_not():
    """Of equal arms looked at after each of 100 seeds, at most 5 % are ever called different."""
    from bnreg.statistics.intervals import over_seeds

    values = np.random.default_rng(1).normal(size=(1000, 100))
    ever = (log_capital(values).max(axis=1) >= math.log(20)).mean()
    assert ever <= 0.05
    fixed = [any(over_seeds(row[:number]).p_value() < 0.05 for number in range(6, 101)) for row in values[:200]]
    assert np.mean(fixed) > 0.2


def test_differences_must_be_finite():
    with pytest.raises(ValueError, match="must be finite"):
        anytime_p_value([math.inf])
