"""Two arms whose seeds share no stream: the difference of their means, unpaired."""

import math
from collections.abc import Sequence

import numpy as np

from bnreg.statistics.evidence import Evidence, equivalence_p_value, judge, least_example_error
from bnreg.statistics.intervals import Estimate, spread, with_examples
from bnreg.statistics.shares import unpaired_divergence
from bnreg.statistics.sign_flip import TIE_TOLERANCE

MIN_UNPAIRED = 4  # on each side: of equal arms, two against ten are called different in 10 % of cases


def compare_unpaired(
    arm: Sequence[float],
    baseline: Sequence[float],
    *,
    higher_is_better: bool | None,
    names_direction: bool = True,
    smallest_effect: float | None = None,
    example_error: float | None = None,
    num_examples: int | None = None,
    num_diverged: tuple[int, int] = (0, 0),
    anytime: bool = False,
) -> Evidence:
    """Compare an arm with a baseline that saw other batches or other data, by Welch's interval and test.

    Args:
        arm: The arm's metric, one value per seed that trained to the end; NaN and infinity are left out.
        baseline: The baseline's metric, in the same form; the numbers of seeds may differ.
        higher_is_better: Whether a positive difference is a win; None if neither direction is better.
        names_direction: Whether a difference may be said to help or hurt, not only to be higher or lower.
        smallest_effect: The smallest effect of interest, in the metric's unit.
        example_error: The standard error from the test examples, if it is known and both were tested on the same; see
            ``intervals.unpaired_example_error``.
        num_examples: Number of test examples, if the metric is a share of them.
        num_diverged: Number of further seeds of the arm and of the baseline, which diverged.
        anytime: Whether seeds were added after a first look: no test here holds then, so there is none.

    Returns:
        A comparison without pairs: no wins are counted, and the only p is that of the interval. With fewer than four
        values on either side, it has no interval.

    References:
        Welch, The generalization of "Student's" problem, Biometrika 34 (1947)
    """
    sides = [np.array([value for value in values if math.isfinite(value)]) for values in (arm, baseline)]
    difference = math.nan
    if all(map(len, sides)):
        means = [float(values.mean()) for values in sides]
        # The means of equal values may differ in the last digit, and with no spread that would look certain.
        difference = 0.0 if math.isclose(*means, rel_tol=TIE_TOLERANCE) else means[0] - means[1]
    estimate = None
    std = math.nan
    if min(map(len, sides)) >= MIN_UNPAIRED and not anytime:
        variances = [spread(values) ** 2 for values in sides]
        of_means = [variance / len(values) for variance, values in zip(variances, sides, strict=True)]
        std = math.sqrt(sum(variances))
        weights = [of_mean**2 / (len(values) - 1) for of_mean, values in zip(of_means, sides, strict=True)]
        degrees = sum(of_means) ** 2 / sum(weights) if sum(weights) > 0 else float(min(map(len, sides)) - 1)
        estimate = Estimate(difference, math.sqrt(sum(of_means)), degrees)
        if example_error is not None:
            estimate = with_examples(estimate, example_error)
    num_seeds = len(sides[0]), len(sides[1])
    num_all = [number + fell for number, fell in zip(num_seeds, num_diverged, strict=True)]
    floor_error = estimate.floor_error if estimate else 0.0
    evidence = Evidence(
        difference=difference,
        interval=estimate.interval() if estimate else None,
        interval_over="unpaired seeds" if example_error is None else "unpaired seeds and examples",
        is_anytime=anytime,
        # No test of exchanged labels gives a smaller p, however equal the values of a side are.
        p_value=max(estimate.p_value(), 2 / math.comb(sum(num_seeds), num_seeds[0])) if estimate else 1.0,
        interval_p=None,
        equivalence_p=equivalence_p_value(estimate, smallest_effect, num_seeds, num_examples),
        smallest_effect=smallest_effect,
        std=std,
        floor_error=floor_error,
        equivalence_floor=max(floor_error, least_example_error(smallest_effect, num_examples)),
        higher_is_better=higher_is_better,
        names_direction=names_direction,
        num_seeds=num_seeds,
        divergence=unpaired_divergence(num_diverged[0], num_all[0], num_diverged[1], num_all[1]),
        pairs=None,
    )
    return judge([evidence])[0]
