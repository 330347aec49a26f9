"""How many seeds would decide, against what happens when they are added."""

import math

import numpy as np
import pytest

from bnreg.statistics.forecast import MAX_SEEDS, seeds_to_decide
from bnreg.statistics.paired import compare_pairs
from bnreg.statistics.unpaired import compare_unpaired


def evidence_on(differences, **options):
    options = {"higher_is_better": True, "smallest_effect": 0.002, "anytime": True} | options
    return compare_pairs(dict(enumerate(differences)), dict.fromkeys(range(len(differences)), 0.0), **options)


def bounds(forecast):
    return [math.inf if number is None else number for number in forecast[:2]]


def test_it_needs_more_seeds_than_there_are():
    values = np.random.default_rng(0).normal(0.001, 0.003, 12)
    low, high = bounds(seeds_to_decide(evidence_on(values)))
    assert 12 < low <= high


def test_a_larger_family_and_fewer_test_examples_need_no_fewer_seeds():
    for seed in range(5):
        values = np.random.default_rng(seed).normal(0.002, 0.003, 8)
        one = bounds(seeds_to_decide(evidence_on(values)))
        assert bounds(seeds_to_decide(evidence_on(values), family_size=8)) >= one
        assert bounds(seeds_to_decide(evidence_on(values, example_error=0.001))) >= one
        assert bounds(seeds_to_decide(evidence_on(values, split_ratio=0.2))) >= one


def test_it_depends_neither_on_the_unit_nor_on_the_side():
    values = np.random.default_rng(1).normal(0.001, 0.003, 10)
    expected = seeds_to_decide(evidence_on(values))
    assert seeds_to_decide(evidence_on(8 * values, smallest_effect=0.016)) == expected
    low, high = bounds(seeds_to_decide(evidence_on(-values)))
    assert low == pytest.approx(expected.low, abs=5)
    assert high == pytest.approx(expected.high, abs=12)


def test_without_an_effect_or_a_smallest_one_no_number_is_enough():
    values = [0.01, -0.01] * 10
    assert seeds_to_decide(evidence_on(values, smallest_effect=None)).high is None
    assert seeds_to_decide(evidence_on(values, example_error=0.02, num_examples=10_000)).low is None


def test_nothing_is_foreseen_from_one_pair_equal_differences_or_strangers():
    assert seeds_to_decide(evidence_on([0.01])) is None
    assert seeds_to_decide(evidence_on([0.01, 0.01, 0.01])) is None
    assert seeds_to_decide(compare_unpaired([0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.2, 0.5], higher_is_better=True)) is None


@pytest.mark.parametrize("effect", [0.0, 0.002, 0.003])
def test_most_comparisons_are_decided_between_the_bounds(effect):
    """Pilots of ten seeds that end undecided, then seeds one by one: eight of ten are decided by the upper bound."""
    within, early, number = 0, 0, 0
    for seed in range(40):
        values = np.random.default_rng([seed, 7]).normal(effect, 0.003, MAX_SEEDS)
        pilot = evidence_on(values[:10])
        if pilot.verdict.word != "inconclusive":
            continue
        low, high = bounds(seeds_to_decide(pilot))
        looks = [*range(11, 40), *range(40, MAX_SEEDS + 1, 8)]
        when = next((n for n in looks if evidence_on(values[:n]).verdict.word != "inconclusive"), math.inf)
        number += 1
        within += when <= high + 7
        early += when < low
    assert number >= 10
    assert within / number >= 0.6
    assert early / number <= 0.35


def test_nothing_is_foreseen_beyond_the_most_seeds_that_it_tries():
    """Of so many, "not even 200 seeds" would be wrong."""
    values = np.random.default_rng(0).normal(0, 0.1, MAX_SEEDS)
    assert seeds_to_decide(evidence_on(values)) is None
