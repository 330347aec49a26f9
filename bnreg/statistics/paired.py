"""Two arms over the same seeds: the mean difference, how sure it is, and what that says."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bnreg.statistics.families import holm
from bnreg.statistics.intervals import over_redrawn_splits, over_seeds, over_seeds_and_examples, spread
from bnreg.statistics.sign_flip import sign_flip_p_value, smallest_p_value
from bnreg.statistics.verdict import Verdict, reach_verdict

Basis = Literal["seeds", "seeds and examples", "redrawn splits", "unpaired seeds"]


@dataclass(frozen=True)
class PairedComparison:
    """One arm against the baseline over the seeds that both have; or, of two strangers, over those that each has.

    Attributes:
        num_pairs: Seeds that both arms have.
        difference: Mean of arm minus baseline, in the metric's unit; NaN without a pair.
        interval: 95 % interval of the difference; None for fewer than two pairs.
        interval_over: What the interval takes to be drawn at random.
        p_value: Two-sided, of the sign-flip test over the seeds; 1 without a pair.
        interval_p: Two-sided p that belongs to the interval where that counts more than the seeds, else None; the
            verdict goes by the larger of the two.
        smallest_p: The smallest p that so many pairs can reach, whatever their values.
        std: Standard deviation of the differences; NaN for fewer than two pairs.
        floor_error: The part of the mean's standard error that no number of seeds takes away.
        d_z: Mean of the differences over their standard deviation; NaN for fewer than two pairs or equal differences.
        wins: Seeds in which the arm was better.
        losses: Seeds in which the baseline was better.
        ties: Seeds in which both were equal.
        higher_is_better: Which sign of the difference is a win.
        seeds: Those paired, ascending.
        differences: One for each of them.
        verdict: What all this says.
        unmatched_seeds: Seeds that only one of the two has, ascending; they take no part.
        diverged_seeds: Paired seeds whose arm diverged; they count, with the metric of a guess.
        diverged_baseline_seeds: Paired seeds whose baseline did.
        num_seeds: Of two strangers, how many seeds the arm and the baseline have; None where seeds are paired.
    """

    num_pairs: int
    difference: float
    interval: tuple[float, float] | None
    interval_over: Basis
    p_value: float
    interval_p: float | None
    smallest_p: float
    std: float
    floor_error: float
    d_z: float
    wins: int
    losses: int
    ties: int
    higher_is_better: bool
    seeds: tuple[int, ...]
    differences: tuple[float, ...]
    verdict: Verdict
    unmatched_seeds: tuple[int, ...]
    diverged_seeds: tuple[int, ...] = ()
    diverged_baseline_seeds: tuple[int, ...] = ()
    num_seeds: tuple[int, int] | None = None

    @property
    def is_tested(self) -> bool:
        """Whether there is anything to go by: a pair or, of two strangers, an interval."""
        return self.interval is not None if self.num_seeds else self.num_pairs > 0


def compare_pairs(
    arm: Mapping[int, float],
    baseline: Mapping[int, float],
    *,
    higher_is_better: bool,
    smallest_effect: float | None = None,
    example_error: float | None = None,
    split_ratio: float | None = None,
) -> PairedComparison:
    """Compare an arm with the baseline, seed by seed.

    Args:
        arm: The arm's metric by seed; NaN counts as a missing seed.
        baseline: The baseline's, likewise.
        higher_is_better: Which sign of the difference is a win.
        smallest_effect: The smallest effect of interest, in the metric's unit; without one nothing is equivalent.
        example_error: What the test examples add to the standard error, where that is known and all seeds share them:
            see ``intervals.example_error``.
        split_ratio: Test examples per training example, where each seed redraws both from one pool.

    Returns:
        The evidence, with the verdict on this comparison alone; ``judge`` corrects it for a family.
    """
    known = {seed for seed, value in arm.items() if not math.isnan(value)}
    known_baseline = {seed for seed, value in baseline.items() if not math.isnan(value)}
    seeds = tuple(sorted(known & known_baseline))
    differences = np.array([arm[seed] - baseline[seed] for seed in seeds], np.float64)
    gains = differences if higher_is_better else -differences

    basis: Basis = "seeds"
    estimate = over_seeds(differences)
    if split_ratio is not None:
        basis, estimate = "redrawn splits", over_redrawn_splits(differences, split_ratio)
    elif example_error is not None:
        basis, estimate = "seeds and examples", over_seeds_and_examples(differences, example_error)
    interval = estimate.interval() if estimate else None
    p_value = sign_flip_p_value(differences)
    interval_p = estimate.p_value() if estimate and basis != "seeds" else None
    difference = float(differences.mean()) if len(differences) else float("nan")
    std = spread(differences) if len(differences) > 1 else float("nan")
    floor_error = estimate.floor_error if estimate else 0.0

    return PairedComparison(
        num_pairs=len(differences),
        difference=difference,
        interval=interval,
        interval_over=basis,
        p_value=p_value,
        interval_p=interval_p,
        smallest_p=smallest_p_value(len(differences)),
        std=std,
        floor_error=floor_error,
        d_z=difference / std if std > 0 else float("nan"),
        wins=int((gains > 0).sum()),
        losses=int((gains < 0).sum()),
        ties=int((gains == 0).sum()),
        higher_is_better=higher_is_better,
        seeds=seeds,
        differences=tuple(differences.tolist()),
        verdict=reach_verdict(
            difference=difference,
            interval=interval,
            corrected_p=max(p_value, interval_p or 0.0),
            family_size=1,
            smallest_effect=smallest_effect,
            higher_is_better=higher_is_better,
            num_pairs=len(differences),
            std=std,
            floor_error=floor_error,
        ),
        unmatched_seeds=tuple(sorted(known ^ known_baseline)),
    )


def judge(comparisons: Sequence[PairedComparison]) -> list[PairedComparison]:
    """The same comparisons, with the verdicts that they get as one family: p corrected by Holm's method.

    Args:
        comparisons: All that one conclusion is drawn from: several arms, points, metrics. Those that test nothing do
            not count, and keep their verdict.
    """
    family = [comparison for comparison in comparisons if comparison.is_tested]
    corrected = holm([max(comparison.p_value, comparison.interval_p or 0.0) for comparison in family])
    judged = (_judged(one, float(p), len(family)) for one, p in zip(family, corrected, strict=True))
    return [next(judged) if comparison.is_tested else comparison for comparison in comparisons]


def _judged(one: PairedComparison, corrected_p: float, family_size: int) -> PairedComparison:
    if (one.verdict.corrected_p, one.verdict.family_size) == (corrected_p, family_size):
        return one
    verdict = reach_verdict(
        difference=one.difference,
        interval=one.interval,
        corrected_p=corrected_p,
        family_size=family_size,
        smallest_effect=one.verdict.smallest_effect,
        higher_is_better=one.higher_is_better,
        num_pairs=min(one.num_seeds) if one.num_seeds else one.num_pairs,
        std=one.std,
        floor_error=one.floor_error,
    )
    return replace(one, verdict=verdict)
