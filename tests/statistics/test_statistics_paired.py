"""Two arms over the same seeds: what is paired, counted and left out, and how a family is judged."""

import math

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from bnreg.statistics.anytime import anytime_p_value, confidence_sequence
from bnreg.statistics.evidence import judge
from bnreg.statistics.intervals import over_redrawn_splits, over_seeds, over_seeds_and_examples
from bnreg.statistics.paired import compare_pairs
from bnreg.statistics.sign_flip import sign_flip_p_value


def by_seed(**values):
    return {int(seed.removeprefix("s")): value for seed, value in values.items()}


def test_arms_are_compared_seed_by_seed():
    """A seed that one arm lacks, or has no value for, is left out and named."""
    arm = by_seed(s0=0.95, s1=0.96, s2=0.90, s4=0.97, s7=math.nan)
    baseline = by_seed(s4=0.97, s2=0.92, s1=0.93, s0=0.91, s3=0.99, s7=0.90)
    comparison = compare_pairs(arm, baseline, higher_is_better=True)
    assert comparison.num_pairs == 4
    assert comparison.difference == pytest.approx((0.04 + 0.03 - 0.02 + 0.0) / 4)
    assert (comparison.pairs.wins, comparison.pairs.losses, comparison.pairs.ties) == (2, 1, 1)
    assert comparison.pairs.unmatched_seeds == (3, 7)
    assert comparison.p_value == sign_flip_p_value([4, 3, -2, 0])
    assert comparison.pairs.smallest_p == 2 / 2**4


def test_the_order_of_the_rows_matters_only_at_every_look():
    """Neither to the sign flips nor to the interval; a test that holds at every look goes by the order of the seeds."""
    random = np.random.default_rng(3)
    arm, baseline = pd.Series(random.normal(0.95, 0.01, 12)), pd.Series(random.normal(0.94, 0.01, 12))
    shuffled = arm.sample(frac=1, random_state=1)
    for anytime in (False, True):
        one, other = (
            compare_pairs(side, baseline[::-1], higher_is_better=True, anytime=anytime) for side in (arm, shuffled)
        )
        assert one.difference == pytest.approx(other.difference)
        assert (one.p_value == pytest.approx(other.p_value)) is not anytime
        assert other.pairs.seeds == tuple(shuffled.index)


def test_for_a_loss_the_lower_value_wins():
    """The difference keeps its sign."""
    comparison = compare_pairs(by_seed(s0=0.1, s1=0.3), by_seed(s0=0.2, s1=0.2), higher_is_better=False)
    assert (comparison.pairs.wins, comparison.pairs.losses) == (1, 1)
    one_seed = compare_pairs(by_seed(s0=0.1), by_seed(s0=0.2), higher_is_better=False)
    assert (one_seed.pairs.wins, one_seed.difference) == (1, pytest.approx(-0.1))


def test_without_a_common_seed_nothing_is_claimed():
    comparison = compare_pairs(by_seed(s0=0.9), by_seed(s1=0.8), higher_is_better=True)
    assert math.isnan(comparison.difference)
    assert (comparison.num_pairs, comparison.p_value, comparison.interval) == (0, 1, None)
    assert comparison.pairs.unmatched_seeds == (0, 1)
    assert comparison.verdict.word == "inconclusive"


def normal_pairs(seed, num_pairs, mean=0.01, std=0.004):
    random = np.random.default_rng(seed)
    baseline = pd.Series(random.normal(0.94, std, num_pairs))
    return baseline + random.normal(mean, std, num_pairs), baseline


def test_the_evidence_is_that_of_the_differences():
    arm, baseline = normal_pairs(0, 8)
    comparison = compare_pairs(arm, baseline, higher_is_better=True)
    differences = (arm - baseline).to_numpy()
    assert comparison.pairs.differences == tuple(differences)
    assert comparison.pairs.seeds == tuple(range(8))
    assert comparison.std == pytest.approx(differences.std(ddof=1))
    assert comparison.pairs.d_z == pytest.approx(differences.mean() / differences.std(ddof=1))
    assert comparison.interval == over_seeds(differences).interval()
    assert (comparison.interval_over, comparison.interval_p, comparison.floor_error) == ("seeds", None, 0)


def test_with_a_known_example_error_the_interval_is_over_seeds_and_examples():
    arm, baseline = normal_pairs(1, 8)
    comparison = compare_pairs(arm, baseline, higher_is_better=True, example_error=0.002)
    estimate = over_seeds_and_examples((arm - baseline).to_numpy(), 0.002)
    assert (comparison.interval_over, comparison.floor_error) == ("seeds and examples", 0.002)
    assert comparison.interval == estimate.interval()
    assert comparison.interval_p == estimate.p_value()


def test_with_redrawn_splits_the_interval_is_the_corrected_one():
    arm, baseline = normal_pairs(2, 8)
    comparison = compare_pairs(arm, baseline, higher_is_better=True, split_ratio=0.2)
    estimate = over_redrawn_splits((arm - baseline).to_numpy(), 0.2)
    assert (comparison.interval_over, comparison.interval) == ("redrawn splits", estimate.interval())
    assert comparison.interval_p == estimate.p_value()


def test_a_small_p_over_seeds_says_nothing_about_other_test_examples():
    """Ten of ten seeds agree, but on a test set so small that another could reverse the result."""
    baseline = pd.Series(np.full(10, 0.94))
    arm = baseline + np.linspace(0.004, 0.006, 10)
    on_these, on_any = (
        compare_pairs(arm, baseline, higher_is_better=True, example_error=error) for error in (None, 0.004)
    )
    assert on_these.p_value == on_any.p_value == 2 / 2**10
    assert on_these.verdict.word == "helped"
    assert on_any.verdict.word == "inconclusive"
    assert on_any.verdict.corrected_p == on_any.interval_p > 0.05


def test_equal_differences_have_no_d_z():
    comparison = compare_pairs(by_seed(s0=0.902, s1=0.938), by_seed(s0=0.901, s1=0.937), higher_is_better=True)
    assert math.isnan(comparison.pairs.d_z)
    assert comparison.std == 0


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_exchanging_the_arms_mirrors_everything(higher_is_better):
    arm, baseline = normal_pairs(3, 10)
    one = compare_pairs(arm, baseline, higher_is_better=higher_is_better, smallest_effect=0.002)
    other = compare_pairs(baseline, arm, higher_is_better=higher_is_better, smallest_effect=0.002)
    assert one.difference == pytest.approx(-other.difference)
    assert one.interval == pytest.approx((-other.interval[1], -other.interval[0]))
    assert (one.p_value, one.pairs.wins) == (other.p_value, other.pairs.losses)
    assert one.pairs.d_z == pytest.approx(-other.pairs.d_z)
    assert {one.verdict.word, other.verdict.word} == {"helped", "hurt"}


def test_a_family_is_judged_by_holms_p():
    family = [compare_pairs(*normal_pairs(seed, 10, mean=0.004), higher_is_better=True) for seed in range(6)]
    judged = judge(family)
    expected = multipletests([one.p_value for one in family], method="holm")[1]
    assert [one.verdict.corrected_p for one in judged] == pytest.approx(list(expected))
    assert {one.verdict.family_size for one in judged} == {6}
    assert [one.verdict.word for one in family] != [one.verdict.word for one in judged]


def test_the_family_changes_the_verdict_but_not_the_evidence():
    alone = compare_pairs(*normal_pairs(4, 6), higher_is_better=True, smallest_effect=0.002)
    assert (alone.p_value, alone.verdict.word) == (2 / 2**6, "helped")
    both = judge([alone, alone])
    assert [one.verdict.word for one in both] == ["inconclusive"] * 2
    assert both[0].verdict.corrected_p == 4 / 2**6
    assert judge(both[:1]) == [alone]


def test_a_comparison_without_pairs_does_not_count_in_the_family():
    empty = compare_pairs(by_seed(s0=0.9), by_seed(s1=0.8), higher_is_better=True)
    full = compare_pairs(*normal_pairs(4, 6), higher_is_better=True)
    assert judge([empty, full])[1] == full
    assert judge([empty, full])[0].verdict.corrected_p == 1


def test_a_family_uses_the_larger_p_of_each_comparison():
    """If the test examples count, the sign flips alone would claim too much."""
    arm, baseline = normal_pairs(0, 10, mean=0.004, std=0.001)
    one = compare_pairs(arm, baseline, higher_is_better=True, example_error=0.0018)
    assert one.interval_p > 2 * one.p_value
    assert [each.verdict.corrected_p for each in judge([one, one])] == pytest.approx([2 * one.interval_p] * 2)


def test_seeds_that_diverged_are_counted_and_left_out():
    """The difference is that of the seeds in which both networks trained."""
    arm, baseline = normal_pairs(5, 10)
    found = compare_pairs(arm, baseline, higher_is_better=True, diverged=[1, 2, 3, 99], baseline_diverged=[3])
    assert found.pairs.seeds == (0, 4, 5, 6, 7, 8, 9)
    assert found.difference == pytest.approx((arm - baseline)[[0, 4, 5, 6, 7, 8, 9]].mean())
    assert (found.divergence.num_arm, found.divergence.num_baseline) == (3, 1)
    assert found.divergence.p_value == 0.5  # two coins of one side
    assert found.pairs.unmatched_seeds == ()
    nothing = compare_pairs(arm, baseline, higher_is_better=True, diverged=arm.index)
    assert (nothing.num_pairs, nothing.is_tested, nothing.divergence.num_arm) == (0, False, 10)


def test_at_every_look_interval_and_p_are_those_that_hold_there():
    """The interval also contains the usual one, which may cover more than the seeds."""
    arm, baseline = normal_pairs(6, 20)
    differences = arm - baseline
    found = compare_pairs(arm, baseline, higher_is_better=True, anytime=True)
    assert found.is_anytime
    assert found.p_value == anytime_p_value(differences)
    assert found.interval == confidence_sequence(differences)
    wide = compare_pairs(arm, baseline, higher_is_better=True, anytime=True, example_error=0.1)
    assert wide.interval == over_seeds_and_examples(differences, 0.1).interval()
    assert wide.verdict.word == "inconclusive"
    few = compare_pairs(arm[:5], baseline[:5], higher_is_better=True, anytime=True)
    assert few.interval == (-math.inf, math.inf)


def test_at_every_look_equivalence_needs_the_whole_confidence_sequence():
    differences = pd.Series([0.0008 * (-1) ** seed for seed in range(16)])
    zero = differences * 0
    for number, expected in ((8, "equivalent"), (16, "equivalent")):
        fixed = compare_pairs(differences[:number], zero, higher_is_better=True, smallest_effect=0.002)
        assert fixed.verdict.word == expected
    for number in range(4, 17):
        found = compare_pairs(differences[:number], zero, higher_is_better=True, smallest_effect=0.002, anytime=True)
        low, high = found.interval
        assert (found.verdict.word == "equivalent") == (low > -0.002 and high < 0.002), number
    assert found.verdict.word == "equivalent"


@pytest.mark.parametrize(("wins", "expected"), [(10, (1.0, 0.692, 1.0)), (8, (0.8, 0.444, 0.975))])
def test_the_share_of_better_seeds_has_an_exact_interval(wins, expected):
    """Clopper and Pearson's, from their tables."""
    differences = dict(enumerate([0.01] * wins + [-0.01] * (10 - wins)))
    better = compare_pairs(differences, dict.fromkeys(differences, 0.0), higher_is_better=True).pairs.better
    assert (better.value, better.low, better.high) == pytest.approx(expected, abs=5e-4)


def test_an_infinite_value_is_a_missing_one():
    arm, baseline = by_seed(s0=math.inf, s1=0.1, s2=0.3), by_seed(s0=0.0, s1=0.1, s2=0.2)
    found = compare_pairs(arm, baseline, higher_is_better=True)
    assert (found.pairs.seeds, found.pairs.unmatched_seeds) == ((1, 2), (0,))
    assert found.difference == pytest.approx(0.05)
