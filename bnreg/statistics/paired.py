"""Two arms over the same seeds: the mean difference and its uncertainty."""

import math
from collections.abc import Mapping

import numpy as np

from bnreg.statistics.evidence import Basis, Evidence, Pairs, weigh
from bnreg.statistics.intervals import over_redrawn_splits, over_seeds, over_seeds_and_examples, spread
from bnreg.statistics.sign_flip import sign_flip_p_value, smallest_p_value


def compare_pairs(
    arm: Mapping[int, float],
    baseline: Mapping[int, float],
    *,
    higher_is_better: bool,
    smallest_effect: float | None = None,
    example_error: float | None = None,
    split_ratio: float | None = None,
) -> Evidence:
    """Compare an arm with the baseline, seed by seed.

    Args:
        arm: The arm's metric by seed; NaN counts as a missing seed.
        baseline: The baseline's metric, in the same form.
        higher_is_better: Whether a positive difference is a win.
        smallest_effect: The smallest effect of interest, in the metric's unit; without one nothing is equivalent.
        example_error: The standard error from the test examples, if it is known and all seeds share them; see
            ``intervals.example_error``.
        split_ratio: Test examples per training example, if each seed redraws both from one pool.

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
    difference = float(differences.mean()) if len(differences) else math.nan
    std = spread(differences) if len(differences) > 1 else math.nan

    return weigh(
        difference=difference,
        estimate=estimate,
        interval_over=basis,
        p_value=sign_flip_p_value(differences),
        std=std,
        higher_is_better=higher_is_better,
        smallest_effect=smallest_effect,
        num_seeds=(len(seeds), len(seeds)),
        pairs=Pairs(
            seeds=seeds,
            differences=tuple(differences.tolist()),
            smallest_p=smallest_p_value(len(differences)),
            d_z=difference / std if std > 0 else math.nan,
            wins=int((gains > 0).sum()),
            losses=int((gains < 0).sum()),
            ties=int((gains == 0).sum()),
            unmatched_seeds=tuple(sorted(known ^ known_baseline)),
        ),
    )
