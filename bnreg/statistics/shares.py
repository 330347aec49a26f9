"""Shares of seeds: how often an arm is better, how often it diverges, and how sure one can be of either."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bnreg.statistics.anytime import anytime_p_value

LEVEL = 0.95


@dataclass(frozen=True)
class Share:
    """A share of independent cases, such as seeds.

    Attributes:
        value: The share that was seen; NaN without cases.
        low: Lower bound of its exact 95 % interval.
        high: Upper bound.
    """

    value: float
    low: float
    high: float


def share_of(number: float, cases: int) -> Share:
    """A share with the exact interval of Clopper and Pearson.

    Args:
        number: Number of cases that count, or half of one more: a tie is half a win. The interval then is the one of
            the whole numbers on both sides.
        cases: Number of cases.

    References:
        Clopper & Pearson, The Use of Confidence or Fiducial Limits Illustrated in the Case of the Binomial, Biometrika
        26 (1934)
    """
    from scipy.special import betaincinv

    if not cases:
        return Share(math.nan, 0.0, 1.0)
    tail = (1 - LEVEL) / 2
    least, most = math.floor(number), math.ceil(number)
    low = float(betaincinv(least, cases - least + 1, tail)) if least else 0.0
    high = float(betaincinv(most + 1, cases - most, 1 - tail)) if most < cases else 1.0
    return Share(number / cases, low, high)


@dataclass(frozen=True)
class Divergence:
    """How often each of two arms diverged.

    Attributes:
        num_arm: Number of the arm's seeds that diverged.
        num_baseline: The same for the baseline.
        arm: The arm's share of seeds that diverged.
        baseline: The same for the baseline.
        p_value: Two-sided p for equal shares: of the exact sign test if the seeds are paired, of the test that holds at
            every look if it is to, else of Fisher's.
        cases: Number of seeds of the arm and of the baseline.
    """

    num_arm: int
    num_baseline: int
    arm: Share
    baseline: Share
    p_value: float
    cases: tuple[int, int]

    @property
    def differs(self) -> bool:
        """Whether one of them diverged more often."""
        return self.num_arm != self.num_baseline


def paired_divergence(
    seeds: Sequence[int], arm: frozenset[int], baseline: frozenset[int], *, anytime: bool = False
) -> Divergence:
    """How often two arms diverged over the same seeds.

    Args:
        seeds: The seeds that both have, in the order in which they were added.
        arm: Those in which the arm diverged.
        baseline: Those in which the baseline diverged.
        anytime: Whether the p is to hold at every look, instead of the sign test's.

    References:
        McNemar, Note on the Sampling Error of the Difference between Correlated Proportions, Psychometrika 12 (1947)
    """
    only_arm, only_baseline = len(arm - baseline), len(baseline - arm)
    if anytime:
        p_value = anytime_p_value([(seed in arm) - (seed in baseline) for seed in seeds])
    else:
        p_value = sign_test_p_value(only_arm, only_baseline)
    return _divergence(len(arm), len(seeds), len(baseline), len(seeds), p_value)


def unpaired_divergence(num_arm: int, arm_seeds: int, num_baseline: int, baseline_seeds: int) -> Divergence:
    """How often two arms diverged over seeds of their own.

    Args:
        num_arm: Number of the arm's seeds that diverged.
        arm_seeds: Number of the arm's seeds.
        num_baseline: The same for the baseline.
        baseline_seeds: The same for the baseline.

    References:
        Fisher, The Logic of Inductive Inference, Journal of the Royal Statistical Society 98 (1935)
    """
    diverged = num_arm + num_baseline
    ways = [
        math.comb(arm_seeds, number) * math.comb(baseline_seeds, diverged - number)
        for number in range(max(0, diverged - baseline_seeds), min(diverged, arm_seeds) + 1)
    ]
    seen = math.comb(arm_seeds, num_arm) * math.comb(baseline_seeds, num_baseline)
    p_value = sum(way for way in ways if way <= seen) / sum(ways)
    return _divergence(num_arm, arm_seeds, num_baseline, baseline_seeds, p_value)


def divergence_over(several: Sequence[Divergence]) -> Divergence:
    """How often two arms diverged over several data sets together: each seed of each counts."""
    arm, baseline = sum(one.num_arm for one in several), sum(one.num_baseline for one in several)
    cases, baseline_cases = (sum(one.cases[side] for one in several) for side in (0, 1))
    return _divergence(arm, cases, baseline, baseline_cases, sign_test_p_value(arm, baseline))


def sign_test_p_value(wins: int, losses: int) -> float:
    """Two-sided exact p of the sign test; ties do not count.

    References:
        Arbuthnot, An Argument for Divine Providence, Philosophical Transactions 27 (1710)
    """
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(wins, losses), wins + losses, 0.5)))


def _divergence(num_arm: int, arm_seeds: int, num_baseline: int, baseline_seeds: int, p_value: float) -> Divergence:
    shares = share_of(num_arm, arm_seeds), share_of(num_baseline, baseline_seeds)
    return Divergence(num_arm, num_baseline, *shares, p_value, (arm_seeds, baseline_seeds))
