"""The power of the verdict against statsmodels, simulated experiments and the laws that it obeys."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestPower

from bnreg.statistics.families import holm
from bnreg.statistics.intervals import over_seeds_and_examples
from bnreg.statistics.power import attainable_level, decided_share, fewest_pairs, seeds_needed
from bnreg.statistics.sign_flip import sign_flip_p_value
from bnreg.statistics.verdict import decide


@pytest.mark.parametrize(
    ("num_pairs", "d_z"), [(10, 0.0), (10, 0.3), (10, 0.8), (10, 1.2), (20, 0.0), (20, 0.3), (20, 0.8), (50, 0.3)]
)
def test_without_a_smallest_effect_it_is_the_power_of_students_test(num_pairs, d_z):
    """At the level that sign flips attain; statsmodels uses the noncentral t distribution."""
    expected = TTestPower().power(d_z, num_pairs, attainable_level(num_pairs))
    assert decided_share(num_pairs, d_z * 0.003, 0.003, None) == pytest.approx(expected, abs=0.003)


@pytest.mark.parametrize("family_size", [1, 2, 4, 5, 100, 26_000])
def test_fewer_pairs_than_the_fewest_cannot_reach_significance(family_size):
    """Whatever their values: Holm multiplies the smallest p of a family by its size."""
    number = fewest_pairs(family_size)
    for num_pairs, can in ((number - 1, False), (number, True)):
        p_values = [sign_flip_p_value(np.ones(num_pairs))] + [1.0] * (family_size - 1)
        assert bool(holm(p_values)[0] < 0.05) is can


def test_in_too_large_a_family_no_comparison_can_reach_significance():
    assert fewest_pairs(27_000) is None


@pytest.mark.parametrize("d_z", [0.3, 0.5, 0.8])
def test_the_seeds_needed_are_statsmodels_sample_size(d_z):
    """The oracle solves for 5 %, which the sign flips of this many pairs attain almost exactly."""
    expected = TTestPower().solve_power(d_z, power=0.8, alpha=0.05)
    assert seeds_needed(d_z, 1.0, None) == pytest.approx(math.ceil(expected), abs=1)


@pytest.mark.parametrize(
    ("num_pairs", "level", "expected"),
    [(5, 0.05, 0), (6, 0.05, 1 / 32), (7, 0.05, 3 / 64), (6, 0.025, 0), (8, 0.01, 1 / 128), (6, 1 / 32, 0)],
)
def test_the_attainable_level_is_the_largest_step_below(num_pairs, level, expected):
    assert attainable_level(num_pairs, level) == expected


def test_for_many_pairs_every_level_is_attainable():
    assert attainable_level(5000) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("num_pairs", "effect", "floor"), [(6, 4.0, 0.0), (10, 2.0, 0.0), (10, 0.0, 0.0), (14, 0.5, 0.3), (12, 2.5, 0.5)]
)
def test_it_is_the_share_of_simulated_experiments_that_are_decided(num_pairs, effect, floor):
    """Effects in units of the smallest one; 1,000 experiments; four standard errors plus 0.01 for the sign flips."""
    random = np.random.default_rng(num_pairs)
    decided = 0
    for _ in range(1000):
        differences = random.normal(effect, 1.5, num_pairs) + random.normal(0, floor)
        estimate = over_seeds_and_examples(differences, floor)
        p_value = sign_flip_p_value(differences)
        p_value = max(p_value, estimate.p_value()) if floor else p_value
        decided += decide(estimate.interval(), p_value, 1.0, higher_is_better=True) != "inconclusive"
    expected = decided_share(num_pairs, effect, 1.5, 1.0, floor)
    slack = 4 * math.sqrt(max(expected * (1 - expected), 0.01) / 1000) + 0.01
    assert decided / 1000 == pytest.approx(expected, abs=slack)


cases = {
    "difference": st.floats(-0.01, 0.01),
    "std": st.floats(1e-4, 0.02),
    "smallest_effect": st.one_of(st.none(), st.floats(5e-4, 0.01)),
}


@given(**cases, floor_error=st.floats(0, 0.003), family_size=st.integers(1, 20))
@settings(max_examples=50)
def test_the_number_is_the_smallest_that_decides(difference, std, smallest_effect, floor_error, family_size):
    number = seeds_needed(difference, std, smallest_effect, floor_error=floor_error, family_size=family_size)

    def share(num_pairs):
        return decided_share(num_pairs, difference, std, smallest_effect, floor_error, family_size)

    assert share(number or 10_000) >= 0.8 or number is None
    assert number is None or number == 6 or share(number - 1) < 0.8


@given(**cases)
@settings(max_examples=50)
def test_it_depends_neither_on_the_unit_nor_on_the_sign(difference, std, smallest_effect):
    number = seeds_needed(difference, std, smallest_effect)
    assert seeds_needed(-difference, std, smallest_effect) == number
    scaled = seeds_needed(difference * 4, std * 4, smallest_effect and smallest_effect * 4)
    assert scaled == number


@given(**cases)
@settings(max_examples=50)
def test_a_larger_family_and_fewer_test_examples_need_no_fewer_seeds(difference, std, smallest_effect):
    number = seeds_needed(difference, std, smallest_effect) or math.inf
    assert (seeds_needed(difference, std, smallest_effect, family_size=5) or math.inf) >= number
    assert (seeds_needed(difference, std, smallest_effect, floor_error=std / 5) or math.inf) >= number


def test_without_an_effect_or_a_smallest_one_nothing_is_decided():
    assert seeds_needed(0.0, 0.003, None) is None
    assert seeds_needed(0.0, 0.0, None) is None


def test_equal_differences_need_only_as_many_seeds_as_the_test_does():
    """Six; in a family of ten, enough to make a single sign pattern rare."""
    assert seeds_needed(0.01, 0.0, 0.002) == 6
    assert seeds_needed(0.01, 0.0, 0.002, family_size=10) == 9


def test_an_effect_on_the_border_of_what_matters_is_decided_too():
    """Once the interval is shorter than the smallest effect, it cannot reach from zero beyond it."""
    assert seeds_needed(0.002, 0.003, 0.002) is not None


def test_equivalence_does_not_depend_on_the_family():
    """It depends on the interval, which no correction widens: checked by counting intervals in 20,000 experiments."""
    differences = np.random.default_rng(0).normal(0, 1, (20_000, 12))
    reach = stats.t.ppf(0.975, 11) * differences.std(axis=1, ddof=1) / math.sqrt(12)
    within = np.mean(np.abs(differences.mean(axis=1)) + reach <= 1)
    assert decided_share(12, 0.0, 1.0, 1.0, family_size=100) == pytest.approx(within, abs=0.015)
