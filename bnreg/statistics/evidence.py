"""The evidence on one arm compared with the baseline, and the verdicts on a family of comparisons."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bnreg.statistics.families import holm
from bnreg.statistics.intervals import Estimate, with_examples
from bnreg.statistics.shares import Divergence, Share, share_of
from bnreg.statistics.verdict import Verdict, decide, excludes_zero

Basis = Literal[
    "seeds", "seeds and examples", "redrawn splits", "unpaired seeds", "unpaired seeds and examples", "data sets"
]

UNJUDGED = Verdict("inconclusive", "", None, 1.0, None, 0)
MIN_EQUIVALENT = 4  # with fewer seeds on a side, nothing is equivalent: two may agree by chance


@dataclass(frozen=True)
class Pairs:
    """Seeds in which both networks trained to the end, and how the two differ in each.

    Attributes:
        seeds: In the order in which they were added.
        differences: Arm minus baseline for each of them, in the metric's unit.
        smallest_p: The smallest p that this number of pairs can reach, whatever their values.
        d_z: Mean of the differences over their standard deviation; NaN for fewer than two pairs or equal differences.
        wins: Number of seeds in which the arm was better; if no direction is better, in which it was higher.
        losses: Number of seeds in which the baseline was.
        ties: Number of seeds in which both were equal.
        unmatched_seeds: Seeds that only one of the two has, ascending; they are not used.
    """

    seeds: tuple[int, ...]
    differences: tuple[float, ...]
    smallest_p: float
    d_z: float
    wins: int
    losses: int
    ties: int
    unmatched_seeds: tuple[int, ...]

    @property
    def better(self) -> Share:
        """The share of new seeds in which the arm would be better; a tie counts as half a win."""
        return share_of(self.wins + self.ties / 2, len(self.seeds))


@dataclass(frozen=True)
class Evidence:
    """One arm compared with the baseline: seed by seed, or unpaired if their seeds share no stream.

    Attributes:
        difference: Mean of arm minus baseline, in the metric's unit; NaN if one of them has no value.
        interval: 95 % interval of the difference; None if there are too few values for one.
        interval_over: What the interval assumes was drawn at random.
        is_anytime: Whether interval and p hold at every look, so that seeds may be added until a verdict is reached.
        p_value: Two-sided p: of the sign-flip test if paired, at every look if it is anytime; of Welch's if unpaired; 1
            without values.
        interval_p: The usual interval's two-sided p where it covers more than ``p_value`` does, otherwise None; the
            verdict uses the larger of the two.
        equivalence_p: Two-sided p for a true difference as large as the smallest effect, in either direction; None if
            there is no smallest effect, or too little was seen for two arms to be equivalent.
        smallest_effect: The smallest effect of interest, in the metric's unit; None without one.
        std: Standard deviation of a difference between two seeds; NaN for fewer than two.
        floor_error: The part of the mean's standard error that more seeds cannot reduce.
        equivalence_floor: The same for a claim of equivalence; see ``least_example_error``.
        higher_is_better: Whether a positive difference is a win; None if neither direction is better.
        names_direction: Whether a difference may be said to help or hurt: it is not without a smallest effect.
        num_seeds: Number of seeds used from the arm and from the baseline.
        divergence: How often each of them diverged; these seeds are in no other number.
        pairs: The seeds that both have; None if unpaired.
        verdict: The verdict.
    """

    difference: float
    interval: tuple[float, float] | None
    interval_over: Basis
    is_anytime: bool
    p_value: float
    interval_p: float | None
    equivalence_p: float | None
    smallest_effect: float | None
    std: float
    floor_error: float
    equivalence_floor: float
    higher_is_better: bool | None
    names_direction: bool
    num_seeds: tuple[int, int]
    divergence: Divergence
    pairs: Pairs | None
    verdict: Verdict = UNJUDGED

    @property
    def num_pairs(self) -> int:
        """Number of paired seeds."""
        return len(self.pairs.seeds) if self.pairs else 0

    @property
    def is_tested(self) -> bool:
        """Whether there is anything to judge by: a pair or, if unpaired, an interval."""
        return self.num_pairs > 0 or (self.pairs is None and self.interval is not None)

    @property
    def noun(self) -> str:
        """What one value is of."""
        return "data set" if self.interval_over == "data sets" else "seed"

    @property
    def decisive_p(self) -> float:
        """The p that decides: the larger of the test's and the interval's."""
        return max(self.p_value, self.interval_p or 0.0)


def least_example_error(smallest_effect: float | None, num_examples: int | None) -> float:
    """The standard error from the examples that a claim of equivalence must count with at least.

    Arms that differ by s answer at least a share s of all examples differently. In N examples this share has the
    standard error √(s(1 − s)/N), even if the answers that were seen agree; a test set of fewer than about 4/s examples
    proves no equivalence.

    Args:
        smallest_effect: See ``Evidence``.
        num_examples: Number of test examples, if the metric is a share of them.
    """
    if smallest_effect is None or num_examples is None:
        return 0.0
    return math.sqrt(smallest_effect * (1 - smallest_effect) / num_examples)


def equivalence_p_value(
    estimate: Estimate | None, smallest_effect: float | None, num_seeds: tuple[int, int], num_examples: int | None
) -> float | None:
    """Two-sided p for a true difference as large as the smallest effect: below 0.05 if the 95 % interval is within ±.

    Args:
        estimate: The difference and its standard error, which is widened to ``least_example_error``; None if there are
            too few values.
        smallest_effect: See ``Evidence``.
        num_seeds: See ``Evidence``.
        num_examples: Number of test examples, if the metric is a share of them.

    Returns:
        Twice the p of two one-sided tests; None if nothing can be equivalent.

    Raises:
        ValueError: If the smallest effect is not positive.

    References:
        Schuirmann, A comparison of the two one-sided tests procedure and the power approach, Journal of
        Pharmacokinetics and Biopharmaceutics 15 (1987)
    """
    if smallest_effect is not None and not smallest_effect > 0:
        raise ValueError(f"the smallest effect of interest must be positive, got {smallest_effect}")
    if estimate is None or smallest_effect is None or min(num_seeds) < MIN_EQUIVALENT:
        return None
    least = least_example_error(smallest_effect, num_examples)
    if least > estimate.floor_error:
        estimate = with_examples(estimate, math.sqrt(least**2 - estimate.floor_error**2))
    one_sided = max(estimate.p_value_above(-smallest_effect), estimate.p_value_below(smallest_effect))
    return min(1.0, 2 * one_sided)


def judge(comparisons: Sequence[Evidence]) -> list[Evidence]:
    """Judge comparisons as one family: both kinds of p are corrected by Holm's method, each in a family of its own.

    Args:
        comparisons: All comparisons that one conclusion is drawn from: several arms, several points. Those that test
            nothing do not count.
    """
    family = [one for one in comparisons if one.is_tested]
    able = [one.equivalence_p for one in family if one.equivalence_p is not None]
    differ = iter(holm([one.decisive_p for one in family]).tolist())
    agree = iter(holm(able).tolist())
    judged = []
    for one in comparisons:
        corrected_p = next(differ) if one.is_tested else 1.0
        equivalence_p = next(agree) if one.is_tested and one.equivalence_p is not None else None
        better = one.higher_is_better if one.names_direction else None
        word = decide(one.interval, corrected_p, equivalence_p, higher_is_better=better)
        remark = ""
        if one.interval is None:
            remark = "too few seeds for an interval"
        elif word == "equivalent" and excludes_zero(one.interval):
            remark = "real, but smaller than what matters"
        elif word == "inconclusive" and one.smallest_effect and max(map(abs, one.interval)) <= one.smallest_effect:
            remark = "within ± the smallest effect, which too few seeds or test examples prove"
        verdict = Verdict(word, remark, one.smallest_effect, corrected_p, equivalence_p, len(family))
        judged.append(replace(one, verdict=verdict))
    return judged
