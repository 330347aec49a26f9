"""Friedman's test and the critical difference, against scipy and the tables of Demšar (2006)."""

import math

import numpy as np
import pytest
from scipy import stats

from bnreg.statistics.ranks import rank_arms

# Demšar's table 6: AUC of C4.5 with and without two parameters tuned, on 14 data sets.
AUC = [
    (0.763, 0.768, 0.771, 0.798),
    (0.599, 0.591, 0.590, 0.569),
    (0.954, 0.971, 0.968, 0.967),
    (0.628, 0.661, 0.654, 0.657),
    (0.882, 0.888, 0.886, 0.898),
    (0.936, 0.931, 0.916, 0.931),
    (0.661, 0.668, 0.609, 0.685),
    (0.583, 0.583, 0.563, 0.625),
    (0.775, 0.838, 0.866, 0.875),
    (1.000, 1.000, 1.000, 1.000),
    (0.940, 0.962, 0.965, 0.962),
    (0.619, 0.666, 0.614, 0.669),
    (0.972, 0.981, 0.9751, 0.975),
    (0.957, 0.978, 0.946, 0.970),
]


def test_the_example_of_demsar():
    """Average ranks 3.143, 2.000, 2.893 and 1.964; the critical difference is 2.569 · √(4·5 / (6·14)) = 1.25."""
    found = rank_arms(AUC, higher_is_better=True)
    assert found.ranks == pytest.approx((3.143, 2.000, 2.893, 1.964), abs=5e-4)
    assert found.critical_difference == pytest.approx(1.25, abs=5e-3)
    assert found.cliques == ((3, 1, 2, 0),)


@pytest.mark.parametrize(
    ("num_arms", "quantile"), [(3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (8, 3.031), (10, 3.164)]
)
def test_the_quantiles_are_those_of_nemenyis_table(num_arms, quantile):
    """Demšar's table 5(a), for 5 %."""
    values = np.random.default_rng(0).normal(size=(20, num_arms))
    found = rank_arms(values, higher_is_better=True)
    assert found.critical_difference / math.sqrt(num_arms * (num_arms + 1) / 120) == pytest.approx(quantile, abs=1e-3)


@pytest.mark.parametrize("decimals", [6, 0], ids=["without ties", "with ties"])
def test_the_statistic_is_scipys(decimals):
    values = np.round(np.random.default_rng(1).normal(size=(12, 4)) + np.arange(4) / 2, decimals)
    found = rank_arms(values, higher_is_better=False)
    assert found.chi_square == pytest.approx(stats.friedmanchisquare(*values.T).statistic)
    statistic = 11 * found.chi_square / (12 * 3 - found.chi_square)
    assert found.p_value == pytest.approx(stats.f.sf(statistic, 3, 33))


def test_one_order_on_all_data_sets_is_certain_and_no_difference_is_none():
    values = np.tile(np.arange(3.0), (5, 1))
    assert rank_arms(values, higher_is_better=True).ranks == (3, 2, 1)
    assert rank_arms(values, higher_is_better=False).ranks == (1, 2, 3)
    assert rank_arms(values, higher_is_better=True).p_value == 0
    equal = rank_arms(np.ones((5, 3)), higher_is_better=True)
    assert (equal.ranks, equal.chi_square, equal.p_value) == ((2, 2, 2), 0, 1)


def test_a_clique_is_as_long_as_it_can_be():
    """Arms far apart have none; each bar reaches farther than the one before it."""
    values = np.tile(np.arange(6.0), (40, 1))
    assert rank_arms(values, higher_is_better=False).cliques == ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5))
    apart = np.tile(np.arange(3.0), (100, 1))
    assert rank_arms(apart, higher_is_better=False).cliques == ()


@pytest.mark.parametrize("shape", [(5, 2), (1, 3)])
def test_too_small_a_table_is_refused(shape):
    with pytest.raises(ValueError, match="needs at least 3 arms and 2 data sets"):
        rank_arms(np.zeros(shape), higher_is_better=True)
