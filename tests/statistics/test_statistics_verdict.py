"""The verdict's words and their order, and the seeds that would decide."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnreg.metrics import ACCURACY_SMALLEST_EFFECT
from bnreg.statistics.verdict import decide, reach_verdict

bounds = st.tuples(st.floats(-1, 1), st.floats(-1, 1)).map(sorted).map(tuple)
p_values = st.floats(0, 1)


def test_the_smallest_effect_on_accuracy_is_a_fifth_of_a_percentage_point():
    assert ACCURACY_SMALLEST_EFFECT == 0.002


@pytest.mark.parametrize(
    ("interval", "corrected_p", "expected"),
    [
        ((0.003, 0.009), 0.01, "helped"),
        ((-0.009, -0.003), 0.01, "hurt"),
        ((0.001, 0.009), 0.01, "helped"),
        ((-0.001, 0.0015), 0.5, "equivalent"),
        ((0.0005, 0.0015), 0.01, "equivalent"),
        ((-0.002, 0.002), 0.9, "equivalent"),
        ((-0.002, 0.0021), 0.9, "inconclusive"),
        ((-0.001, 0.009), 0.04, "inconclusive"),
        ((0.003, 0.009), 0.05, "inconclusive"),
        ((0.0, 0.009), 0.01, "inconclusive"),
        (None, 0.01, "inconclusive"),
    ],
)
def test_the_words_are_tried_in_order(interval, corrected_p, expected):
    """Equivalent comes first, even for a real effect; then the interval and p must both agree."""
    assert decide(interval, corrected_p, 0.002, higher_is_better=True) == expected


def test_without_a_smallest_effect_nothing_is_equivalent():
    assert decide((0.0, 0.0), 1.0, None, higher_is_better=True) == "inconclusive"
    assert decide((1e-9, 1e-8), 0.01, None, higher_is_better=True) == "helped"


def test_for_a_loss_the_lower_value_helps():
    assert decide((-0.2, -0.1), 0.01, None, higher_is_better=False) == "helped"
    assert decide((0.1, 0.2), 0.01, None, higher_is_better=False) == "hurt"


@given(bounds, p_values, st.floats(1e-6, 1), st.booleans())
def test_exchanging_the_arms_exchanges_helped_and_hurt(interval, corrected_p, smallest_effect, higher_is_better):
    word = decide(interval, corrected_p, smallest_effect, higher_is_better=higher_is_better)
    mirrored = (-interval[1], -interval[0])
    exchanged = {"helped": "hurt", "hurt": "helped"}.get(word, word)
    assert decide(mirrored, corrected_p, smallest_effect, higher_is_better=higher_is_better) == exchanged
    assert decide(interval, corrected_p, smallest_effect, higher_is_better=not higher_is_better) == exchanged


@given(bounds, p_values, st.floats(1e-6, 1), st.floats(1, 10))
def test_equivalent_stays_equivalent_for_a_larger_smallest_effect(interval, corrected_p, smallest_effect, factor):
    words = [
        decide(interval, corrected_p, effect, higher_is_better=True)
        for effect in (smallest_effect, smallest_effect * factor)
    ]
    assert words[0] == words[1] or words[1] == "equivalent"


@pytest.mark.parametrize("bad", [0.0, -0.002, math.nan])
def test_a_smallest_effect_that_is_not_positive_is_refused(bad):
    with pytest.raises(ValueError, match="must be positive"):
        decide((0.0, 1.0), 0.5, bad, higher_is_better=True)


def verdict(**changes):
    evidence = {
        "difference": 0.001,
        "interval": (-0.0005, 0.0025),
        "corrected_p": 0.2,
        "family_size": 1,
        "smallest_effect": 0.002,
        "higher_is_better": True,
        "num_pairs": 10,
        "std": 0.002,
        "floor_error": 0.0,
    }
    return reach_verdict(**evidence | changes)


def test_an_equivalent_effect_that_is_real_is_called_so():
    assert verdict(interval=(0.0005, 0.0015)).remark == "real, but smaller than what matters"
    assert verdict(interval=(-0.0005, 0.0015)).remark == ""


def test_an_inconclusive_verdict_says_how_many_seeds_would_decide():
    found = verdict()
    assert found.word == "inconclusive"
    assert found.seeds_needed > 10
    assert found.remark == f"{found.seeds_needed} seeds would decide it in 80 % of cases"


def test_more_seeds_are_needed_than_have_already_failed():
    """A large effect would be decided by six, but these forty did not."""
    assert verdict(difference=0.02, interval=(-0.01, 0.05), num_pairs=40).seeds_needed == 41


def test_with_too_few_test_examples_no_number_of_seeds_is_enough():
    found = verdict(floor_error=0.002)
    assert (found.seeds_needed, found.remark) == (None, "not even 10,000 seeds would decide it")


def test_one_pair_has_no_interval_and_so_no_verdict():
    found = verdict(interval=None, num_pairs=1, std=math.nan)
    assert (found.word, found.seeds_needed, found.remark) == ("inconclusive", None, "no interval without two pairs")


def test_a_verdict_that_was_reached_needs_no_more_seeds():
    assert verdict(interval=(0.003, 0.009), corrected_p=0.01).seeds_needed is None
    assert not np.isnan(verdict().corrected_p)
