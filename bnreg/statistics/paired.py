"""Two arms over the same seeds: the mean difference, how sure it is, and how often it went which way.

scipy.stats has both procedures and is their oracle in the tests; here they are written in numpy, because importing
it takes longer than all the rest of ``bnreg compare``.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bnreg.streams import stream

if TYPE_CHECKING:
    import pandas as pd

Vector = npt.NDArray[np.float64]

MAX_EXACT_PAIRS = 20
NUM_SAMPLED_SIGNS = 200_000
MIN_BOOTSTRAP_PAIRS = 6

# 0.902 - 0.901 and 0.938 - 0.937 are the same difference up to rounding; such ties must count as ties.
TIE_TOLERANCE = 1e-9


@dataclass(frozen=True)
class PairedComparison:
    """One arm against the baseline over the seeds that both have.

    Attributes:
        num_pairs: Seeds that both arms have.
        difference: Mean of arm minus baseline, in the metric's unit; NaN without a pair.
        interval: 95 % interval of the difference; None for fewer than two pairs.
        p_value: Two-sided, of the sign-flip test; 1 without a pair.
        smallest_p: The smallest p that so many pairs can reach, whatever their values.
        wins: Seeds in which the arm was better.
        losses: Seeds in which the baseline was better.
        ties: Seeds in which both were equal.
        unmatched_seeds: Seeds that only one of the two has, ascending; they take no part.
    """

    num_pairs: int
    difference: float
    interval: tuple[float, float] | None
    p_value: float
    smallest_p: float
    wins: int
    losses: int
    ties: int
    unmatched_seeds: tuple[int, ...]


def compare_pairs(arm: "pd.Series[float]", baseline: "pd.Series[float]", *, higher_is_better: bool) -> PairedComparison:
    """Compare an arm with the baseline, seed by seed.

    Args:
        arm: The arm's metric, indexed by seed; a missing value counts as a missing seed.
        baseline: The baseline's, likewise.
        higher_is_better: Which sign of the difference is a win.
    """
    arm, baseline = arm.dropna(), baseline.dropna()
    paired = arm.index.intersection(baseline.index).sort_values()
    differences = arm.loc[paired].to_numpy(np.float64) - baseline.loc[paired].to_numpy(np.float64)
    gains = differences if higher_is_better else -differences
    return PairedComparison(
        num_pairs=len(differences),
        difference=float(differences.mean()) if len(differences) else float("nan"),
        interval=interval_of_mean(differences),
        p_value=sign_flip_p_value(differences),
        smallest_p=smallest_p_value(len(differences)),
        wins=int((gains > 0).sum()),
        losses=int((gains < 0).sum()),
        ties=int((gains == 0).sum()),
        unmatched_seeds=tuple(sorted(int(seed) for seed in arm.index.symmetric_difference(baseline.index))),
    )


def sign_flip_p_value(differences: npt.ArrayLike) -> float:
    """Two-sided p of the sign-flip test: were the sign of each difference a coin's, would their sum lie so far out?

    Up to 20 differences all 2^n signs are tried, so p is exact. Beyond, 200,000 sign vectors are drawn from a stream
    of their own, and p is (k + 1) / (m + 1), which never understates.

    Args:
        differences: Shape (pairs,).

    Returns:
        p in [2 / 2^n, 1]; 1 where all differences are zero or there are none.

    Raises:
        ValueError: If a difference is not finite.

    References:
        Fisher, The Design of Experiments, 1935, section 21;
        Phipson & Smyth, Permutation p-values should never be zero, arXiv:1603.05766
    """
    values = _finite(differences)
    threshold = abs(values.sum()) - TIE_TOLERANCE * np.abs(values).sum()
    if len(values) <= MAX_EXACT_PAIRS:
        return float(np.mean(np.abs(_all_signed_sums(values)) >= threshold))
    num_as_extreme = sum(int((np.abs(sums) >= threshold).sum()) for sums in _sampled_signed_sums(values))
    return (num_as_extreme + 1) / (NUM_SAMPLED_SIGNS + 1)


def smallest_p_value(num_pairs: int) -> float:
    """The smallest p that the sign-flip test of so many pairs can give, which it does when all have one sign."""
    if num_pairs <= MAX_EXACT_PAIRS:
        return min(1.0, 2.0 ** (1 - num_pairs))
    return 1 / (NUM_SAMPLED_SIGNS + 1)


def _all_signed_sums(values: Vector) -> Vector:
    """The sums of the values under each choice of signs, shape (2^pairs,): 8 MB at the most."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _sampled_signed_sums(values: Vector) -> Iterator[Vector]:
    """The same for randomly drawn signs, in parts that bound the memory."""
    generator = stream(0, "sign_flip")
    num_rows = max(1, 2**21 // len(values))
    for start in range(0, NUM_SAMPLED_SIGNS, num_rows):
        shape = (min(num_rows, NUM_SAMPLED_SIGNS - start), len(values))
        flipped = generator.integers(0, 2, shape, dtype=np.bool_)
        yield values.sum() - 2 * (flipped @ values)


def interval_of_mean(differences: npt.ArrayLike) -> tuple[float, float] | None:
    """95 % interval of the mean difference over pairs: the bootstrap's, or Student's where there are few.

    Below six pairs the resampled means cannot leave the range of the data far enough: the bootstrap would hold the
    truth in half of all cases for two pairs, and in nine of ten for five.

    Args:
        differences: Shape (pairs,).

    Returns:
        Lower and upper bound; None for fewer than two pairs.
    """
    values = _finite(differences)
    if len(values) >= MIN_BOOTSTRAP_PAIRS:
        return bootstrap_interval(values)
    return student_interval(values) if len(values) > 1 else None


def student_interval(differences: npt.ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Student's interval of the mean difference, exact for normal differences.

    Args:
        differences: Shape (pairs,), two pairs or more.
        level: Coverage, in (0, 1).

    References:
        Student, The Probable Error of a Mean, Biometrika 6 (1908)
    """
    values = _finite(differences)
    mean = float(values.mean())
    reach = _student_quantile(len(values), level) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return mean - reach, mean + reach


def _student_quantile(num_pairs: int, level: float) -> float:
    from scipy.special import stdtrit  # takes a third of a second, and only a comparison needs it

    return float(stdtrit(num_pairs - 1, (1 + level) / 2))


def bootstrap_interval(
    differences: npt.ArrayLike, level: float = 0.95, num_resamples: int = 9999
) -> tuple[float, float] | None:
    """Bias-corrected and accelerated (BCa) bootstrap interval of the mean difference, over pairs, expanded.

    A bootstrap of n values spreads like their biased variance and knows no Student: for ten pairs the plain interval
    holds the truth in 90 % of cases, not 95 %. So the level is raised such that for normal differences the interval
    would be Student's; that makes it 92 to 95 % from six pairs on.

    Args:
        differences: Shape (pairs,).
        level: Nominal coverage, in (0, 1).
        num_resamples: Bootstrap resamples.

    Returns:
        Lower and upper bound; both are the mean where all differences are equal; None for fewer than two.

    Raises:
        ValueError: If a difference is not finite.

    References:
        Efron, Better Bootstrap Confidence Intervals, JASA 82 (1987) 171-185;
        Hesterberg, What Teachers Should Know about the Bootstrap, arXiv:1411.5279, section 5.3
    """
    values = _finite(differences)
    if len(values) < 2:
        return None
    mean = float(values.mean())
    if np.ptp(values) <= TIE_TOLERANCE * np.abs(values).max():
        return mean, mean
    rows = stream(0, "bootstrap").integers(0, len(values), (num_resamples, len(values)))
    means = values[rows].mean(axis=-1)

    normal = NormalDist()
    tolerance = TIE_TOLERANCE * np.ptp(values)
    share_below = ((means < mean - tolerance).mean() + (means <= mean + tolerance).mean()) / 2
    bias = normal.inv_cdf(float(share_below))
    # For a mean, the jackknife's influence of a value is its distance from the mean, up to a factor that cancels.
    influence = values - mean
    acceleration = float((influence**3).sum() / (6 * (influence**2).sum() ** 1.5))

    def corrected(probability: float) -> float:
        shifted = bias + normal.inv_cdf(probability)
        return normal.cdf(bias + shifted / (1 - acceleration * shifted))

    tail = expanded_tail(len(values), level, num_resamples)
    low, high = np.quantile(means, [corrected(tail), corrected(1 - tail)])
    return float(low), float(high)


def expanded_tail(num_pairs: int, level: float, num_resamples: int) -> float:
    """The share of resampled means to leave out on each side, for Student's coverage of the given level."""
    quantile = _student_quantile(num_pairs, level) * math.sqrt(num_pairs / (num_pairs - 1))
    return max(NormalDist().cdf(-quantile), 0.5 / num_resamples)


def _finite(differences: npt.ArrayLike) -> Vector:
    values = np.asarray(differences, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"differences must be finite, got {values.tolist()}")
    return values
