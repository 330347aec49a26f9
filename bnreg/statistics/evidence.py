"""The evidence on one arm compared with the baseline, and the verdicts on a family of comparisons."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bnreg.statistics.families import holm
from bnreg.statistics.intervals import Estimate
from bnreg.statistics.verdict import Verdict, reach_verdict

Basis = Literal["seeds", "seeds and examples", "redrawn splits", "unpaired seeds"]


@dataclass(frozen=True)
class Pairs:
    """Seeds that the arm and the baseline both have, and how the two differ in each.

    Attributes:
        seeds: Ascending.
        differences: Arm minus baseline for each of them, in the metric's unit.
        smallest_p: The smallest p that this number of pairs can reach, whatever their values.
        d_z: Mean of the differences over their standard deviation; NaN for fewer than two pairs or equal differences.
        wins: Number of seeds in which the arm was better.
        losses: Number of seeds in which the baseline was better.
        ties: Number of seeds in which both were equal.
        unmatched_seeds: Seeds that only one of the two has, ascending; they are not used.
        diverged_seeds: Paired seeds whose arm diverged; they count, with the metric of a random guess.
        diverged_baseline_seeds: Paired seeds whose baseline diverged; they count in the same way.
    """

    seeds: tuple[int, ...]
    differences: tuple[float, ...]
    smallest_p: float
    d_z: float
    wins: int
    losses: int
    ties: int
    unmatched_seeds: tuple[int, ...]
    diverged_seeds: tuple[int, ...] = ()
    diverged_baseline_seeds: tuple[int, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """One arm compared with the baseline: seed by seed, or unpaired if their seeds share no stream.

    Attributes:
        difference: Mean of arm minus baseline, in the metric's unit; NaN if one of them has no value.
        interval: 95 % interval of the difference; None if there are too few values for one.
        interval_over: What the interval assumes was drawn at random.
        p_value: Two-sided p: of the sign-flip test if paired, of Welch's if unpaired; 1 without values.
        interval_p: The interval's two-sided p if the interval covers more than the seeds, otherwise None; the verdict
            uses the larger of the two p values.
        std: Standard deviation of a difference between two seeds; NaN for fewer than two.
        floor_error: The part of the mean's standard error that more seeds cannot reduce.
        higher_is_better: Whether a positive difference is a win.
        num_seeds: Number of seeds used from the arm and from the baseline.
        verdict: The verdict.
        pairs: The seeds that both have; None if unpaired.
    """

    difference: float
    interval: tuple[float, float] | None
    interval_over: Basis
    p_value: float
    interval_p: float | None
    std: float
    floor_error: float
    higher_is_better: bool
    num_seeds: tuple[int, int]
    verdict: Verdict
    pairs: Pairs | None

    @property
    def num_pairs(self) -> int:
        """Number of paired seeds."""
        return len(self.pairs.seeds) if self.pairs else 0

    @property
    def is_tested(self) -> bool:
        """Whether there is anything to judge by: a pair or, if unpaired, an interval."""
        return self.num_pairs > 0 or (self.pairs is None and self.interval is not None)


def weigh(
    *,
    difference: float,
    estimate: Estimate | None,
    interval_over: Basis,
    p_value: float,
    std: float,
    higher_is_better: bool,
    smallest_effect: float | None,
    num_seeds: tuple[int, int],
    pairs: Pairs | None,
) -> Evidence:
    """The evidence with the verdict on this comparison alone; ``judge`` corrects it for a family.

    Args:
        difference: See ``Evidence``.
        estimate: The estimate behind the interval; None if there are too few values for one.
        interval_over: See ``Evidence``.
        p_value: See ``Evidence``.
        std: See ``Evidence``.
        higher_is_better: See ``Evidence``.
        smallest_effect: The smallest effect of interest, in the metric's unit; without one nothing is equivalent.
        num_seeds: See ``Evidence``.
        pairs: See ``Evidence``.
    """
    interval = estimate.interval() if estimate else None
    interval_p = estimate.p_value() if estimate and interval_over != "seeds" else None
    floor_error = estimate.floor_error if estimate else 0.0
    verdict = reach_verdict(
        difference=difference,
        interval=interval,
        corrected_p=max(p_value, interval_p or 0.0),
        family_size=1,
        smallest_effect=smallest_effect,
        higher_is_better=higher_is_better,
        num_pairs=min(num_seeds),
        std=std,
        floor_error=floor_error,
    )
    return Evidence(
        difference,
        interval,
        interval_over,
        p_value,
        interval_p,
        std,
        floor_error,
        higher_is_better,
        num_seeds,
        verdict,
        pairs,
    )


def judge(comparisons: Sequence[Evidence]) -> list[Evidence]:
    """Judge comparisons as one family: p is corrected by Holm's method.

    Args:
        comparisons: All comparisons that one conclusion is drawn from: several arms, points, metrics. Those that test
            nothing do not count, and keep their verdict.
    """
    family = [comparison for comparison in comparisons if comparison.is_tested]
    corrected = holm([max(comparison.p_value, comparison.interval_p or 0.0) for comparison in family])
    judged = (_judged(one, float(p), len(family)) for one, p in zip(family, corrected, strict=True))
    return [next(judged) if comparison.is_tested else comparison for comparison in comparisons]


def _judged(one: Evidence, corrected_p: float, family_size: int) -> Evidence:
    if (one.verdict.corrected_p, one.verdict.family_size) == (corrected_p, family_size):
        return one
    verdict = reach_verdict(
        difference=one.difference,
        interval=one.interval,
        corrected_p=corrected_p,
        family_size=family_size,
        smallest_effect=one.verdict.smallest_effect,
        higher_is_better=one.higher_is_better,
        num_pairs=min(one.num_seeds),
        std=one.std,
        floor_error=one.floor_error,
    )
    return replace(one, verdict=verdict)
