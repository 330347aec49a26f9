"""The power of the verdict: the number of seeds that would decide it."""

import math

import numpy as np
import numpy.typing as npt

from bnreg.statistics.sign_flip import MAX_EXACT_PAIRS, TIE_TOLERANCE, smallest_p_value

SIGNIFICANCE = 0.05
MIN_SEEDS = 6  # the fewest with which the sign-flip test can reach p < 0.05
MAX_SEEDS = 10_000
NUM_NODES = 64


def seeds_needed(
    difference: float,
    std: float,
    smallest_effect: float | None,
    *,
    floor_error: float = 0.0,
    family_size: int = 1,
    power: float = 0.8,
) -> int | None:
    """The smallest number of pairs that decides in the given share of experiments, if the truth is as observed.

    To decide means to reach helped, hurt or equivalent. The observed difference is itself uncertain, so the number is
    a guide: it holds for a true difference and spread of this size.

    Args:
        difference: The true mean difference.
        std: Standard deviation of the differences between seeds.
        smallest_effect: In the metric's unit; None without one.
        floor_error: Standard error that more seeds cannot reduce, such as that from the test examples.
        family_size: Number of comparisons that p is corrected for; each is assumed to get the smallest p's
            correction.
        power: The share of experiments, in (0, 1).

    Returns:
        From 6 to 10,000; None if not even 10,000 are enough, or if the difference or its spread is unknown.
    """
    # Seeds that all differ by the same amount are assumed to vary a little: a spread of zero has no power function.
    std = max(std, TIE_TOLERANCE * abs(difference))
    if not std > 0:
        return None

    def decides(num_pairs: int) -> bool:
        return decided_share(num_pairs, difference, std, smallest_effect, floor_error, family_size) >= power

    if not decides(MAX_SEEDS):
        return None
    too_few, enough = MIN_SEEDS - 1, MIN_SEEDS
    while not decides(enough):
        too_few, enough = enough, min(2 * enough, MAX_SEEDS)
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if decides(middle) else (middle, enough)
    return enough


def decided_share(
    num_pairs: int,
    difference: float,
    std: float,
    smallest_effect: float | None,
    floor_error: float = 0.0,
    family_size: int = 1,
) -> float:
    """The share of experiments with this number of pairs that end in helped, hurt or equivalent: their power.

    It assumes normal differences. The spread that an experiment sees is a χ variable; the normal probability of the
    mean is averaged over its quantiles. The sign-flip test is as powerful as Student's at the level that sign flips of
    this number of pairs can attain.

    Args:
        num_pairs: Two or more.
        difference: The true mean difference.
        std: The true standard deviation of the differences, positive.
        smallest_effect: In the metric's unit; None without one.
        floor_error: Standard error that more seeds cannot reduce.
        family_size: Number of comparisons that p is corrected for.

    References:
        Hoeffding, The Large-Sample Power of Tests Based on Permutations of Observations, Ann. Math. Stat. 23 (1952)
    """
    from scipy.special import chdtri, ndtr, stdtrit

    upper_tails = (np.arange(NUM_NODES) + 0.5) / NUM_NODES
    seen_std = std * np.sqrt(chdtri(num_pairs - 1, upper_tails) / (num_pairs - 1))
    from_seeds = seen_std / math.sqrt(num_pairs)
    std_error = np.hypot(from_seeds, floor_error)
    degrees_of_freedom = (num_pairs - 1) * (std_error / from_seeds) ** 4
    reach = stdtrit(degrees_of_freedom, 1 - SIGNIFICANCE / 2) * std_error

    level = SIGNIFICANCE / family_size
    to_differ = np.maximum(reach, stdtrit(num_pairs - 1, 1 - attainable_level(num_pairs, level) / 2) * from_seeds)
    if floor_error > 0:
        to_differ = np.maximum(to_differ, stdtrit(degrees_of_freedom, 1 - level / 2) * std_error)
    to_agree = np.minimum((smallest_effect or 0.0) - reach, to_differ)

    true_error = math.hypot(std / math.sqrt(num_pairs), floor_error)

    def share_within(bound: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        inside: npt.NDArray[np.float64] = ndtr((bound - difference) / true_error)
        return inside - ndtr((-bound - difference) / true_error)

    differs = 1 - share_within(to_differ)
    agrees = np.where(to_agree > 0, share_within(np.maximum(to_agree, 0)), 0.0)
    return float((differs + agrees).mean())


def fewest_pairs(family_size: int = 1) -> int | None:
    """The smallest number of pairs whose sign-flip test can reach p < 0.05, corrected for the family.

    Returns:
        From 6 to 20; None if the family is so large that no number of pairs can.
    """
    numbers = range(MIN_SEEDS, MAX_EXACT_PAIRS + 1)
    return next((number for number in numbers if family_size * smallest_p_value(number) < SIGNIFICANCE), None)


def attainable_level(num_pairs: int, level: float = SIGNIFICANCE) -> float:
    """The largest p below the level that a sign-flip test of this number of pairs can give; 0 if no p is below it.

    p comes in steps of 2 / 2^n: with six pairs, 1/32 is the only one below 0.05.
    """
    step = 2.0 ** (1 - min(num_pairs, 60))
    return (math.ceil(level / step) - 1) * step
