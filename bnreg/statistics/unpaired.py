"""Two arms whose seeds share no stream: the difference of their means, unpaired."""

import math
from collections.abc import Sequence

from bnreg.statistics.evidence import Evidence, weigh
from bnreg.statistics.intervals import Estimate, spread
from bnreg.statistics.sign_flip import TIE_TOLERANCE, finite


def compare_unpaired(
    arm: Sequence[float], baseline: Sequence[float], *, higher_is_better: bool, smallest_effect: float | None = None
) -> Evidence:
    """Compare an arm with a baseline that saw other batches or other data, by Welch's interval and test.

    Args:
        arm: The arm's metric, one value per seed.
        baseline: The baseline's metric, in the same form; the numbers of seeds may differ.
        higher_is_better: Whether a positive difference is a win.
        smallest_effect: The smallest effect of interest, in the metric's unit.

    Returns:
        A comparison without pairs: no wins are counted, and the only p is that of the interval. With fewer than two
        values on either side, it has no interval.

    References:
        Welch, The generalization of "Student's" problem, Biometrika 34 (1947)
    """
    sides = [finite(values) for values in (arm, baseline)]
    difference = math.nan
    if all(map(len, sides)):
        means = [float(values.mean()) for values in sides]
        # The means of equal values may differ in the last digit, and with no spread that would look certain.
        difference = 0.0 if math.isclose(*means, rel_tol=TIE_TOLERANCE) else means[0] - means[1]
    estimate = None
    std = math.nan
    if min(map(len, sides)) > 1:
        variances = [spread(values) ** 2 for values in sides]
        of_means = [variance / len(values) for variance, values in zip(variances, sides, strict=True)]
        std = math.sqrt(sum(variances))
        weights = [of_mean**2 / (len(values) - 1) for of_mean, values in zip(of_means, sides, strict=True)]
        degrees = sum(of_means) ** 2 / sum(weights) if sum(weights) > 0 else float(min(map(len, sides)) - 1)
        estimate = Estimate(difference, math.sqrt(sum(of_means)), degrees)
    return weigh(
        difference=difference,
        estimate=estimate,
        interval_over="unpaired seeds",
        p_value=estimate.p_value() if estimate else 1.0,
        std=std,
        higher_is_better=higher_is_better,
        smallest_effect=smallest_effect,
        num_seeds=(len(sides[0]), len(sides[1])),
        pairs=None,
    )
