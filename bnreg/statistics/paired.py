"""Two arms over the same seeds: the mean difference and its uncertainty."""

import math
from collections.abc import Collection, Mapping

import numpy as np

from bnreg.statistics.anytime import anytime_p_value, confidence_sequence, smallest_anytime_p_value
from bnreg.statistics.evidence import Basis, Evidence, Pairs, equivalence_p_value, judge, least_example_error
from bnreg.statistics.intervals import over_redrawn_splits, over_seeds, over_seeds_and_examples, spread
from bnreg.statistics.shares import paired_divergence
from bnreg.statistics.sign_flip import sign_flip_p_value, smallest_p_value


def compare_pairs(
    arm: Mapping[int, float],
    baseline: Mapping[int, float],
    *,
    higher_is_better: bool | None,
    names_direction: bool = True,
    smallest_effect: float | None = None,
    example_error: float | None = None,
    num_examples: int | None = None,
    split_ratio: float | None = None,
    diverged: Collection[int] = (),
    baseline_diverged: Collection[int] = (),
    anytime: bool = False,
) -> Evidence:
    """Compare an arm with the baseline, seed by seed.

    Args:
        arm: The arm's metric by seed, in the order in which seeds were added; NaN and infinity count as a missing
            seed.
        baseline: The baseline's metric, in the same form.
        higher_is_better: Whether a positive difference is a win; None if neither direction is better.
        names_direction: Whether a difference may be said to help or hurt, not only to be higher or lower.
        smallest_effect: The smallest effect of interest, in the metric's unit; without one nothing is equivalent.
        example_error: The standard error from the test examples, if it is known and all seeds share them; see
            ``intervals.example_error``.
        num_examples: Number of test examples, if the metric is a share of them.
        split_ratio: Test examples per training example, if each seed redraws both from one pool.
        diverged: Seeds in which the arm diverged; they are counted, and in no other number.
        baseline_diverged: The same for the baseline.
        anytime: Whether to use the test that holds at every look, because seeds were added after a first look.

    Returns:
        The evidence, with the verdict on this comparison alone; ``judge`` corrects it for a family.

    Raises:
        ValueError: If the smallest effect is not positive.
    """
    known, known_baseline = ({seed for seed, value in side.items() if math.isfinite(value)} for side in (arm, baseline))
    both = [seed for seed, _ in arm.items() if seed in baseline]
    fell, baseline_fell = frozenset(diverged) & {*both}, frozenset(baseline_diverged) & {*both}
    compared = (known & known_baseline) - fell - baseline_fell
    seeds = tuple(seed for seed in both if seed in compared)
    differences = np.array([arm[seed] - baseline[seed] for seed in seeds], np.float64)
    gains = -differences if higher_is_better is False else differences

    basis: Basis = "seeds"
    estimate = over_seeds(differences)
    if split_ratio is not None:
        basis, estimate = "redrawn splits", over_redrawn_splits(differences, split_ratio)
    elif example_error is not None:
        basis, estimate = "seeds and examples", over_seeds_and_examples(differences, example_error)
    num_seeds = len(seeds), len(seeds)
    interval = estimate.interval() if estimate else None
    equivalence_p = equivalence_p_value(estimate, smallest_effect, num_seeds, num_examples)
    if anytime and estimate and interval:
        # Both must hold: the test of the signs at every look, and what its signs do not cover, such as the examples.
        sequence = confidence_sequence(differences)
        interval = min(sequence.low, interval[0]), max(sequence.high, interval[1])
        if equivalence_p is not None and smallest_effect is not None:
            beyond = (anytime_p_value(differences - sign * smallest_effect) for sign in (-1, 1))
            equivalence_p = max(equivalence_p, *beyond)
    difference = float(differences.mean()) if len(differences) else math.nan
    std = spread(differences) if len(differences) > 1 else math.nan
    floor_error = estimate.floor_error if estimate else 0.0
    evidence = Evidence(
        difference=difference,
        interval=interval,
        interval_over=basis,
        is_anytime=anytime,
        p_value=anytime_p_value(differences) if anytime else sign_flip_p_value(differences),
        interval_p=estimate.p_value() if estimate and (anytime or basis != "seeds") else None,
        equivalence_p=equivalence_p,
        smallest_effect=smallest_effect,
        std=std,
        floor_error=floor_error,
        equivalence_floor=max(floor_error, least_example_error(smallest_effect, num_examples)),
        higher_is_better=higher_is_better,
        names_direction=names_direction,
        num_seeds=num_seeds,
        divergence=paired_divergence(both, fell, baseline_fell, anytime=anytime),
        pairs=Pairs(
            seeds=seeds,
            differences=tuple(differences.tolist()),
            smallest_p=(smallest_anytime_p_value if anytime else smallest_p_value)(len(differences)),
            d_z=difference / std if std > 0 else math.nan,
            wins=int(np.count_nonzero(gains > 0)),
            losses=int(np.count_nonzero(gains < 0)),
            ties=int(np.count_nonzero(gains == 0)),
            unmatched_seeds=tuple(sorted((known ^ known_baseline) - fell - baseline_fell)),
        ),
    )
    return judge([evidence])[0]
