"""The sign-flip test: exact for any distribution of the differences that is symmetric about zero.

scipy.stats offers it as a permutation test, which the tests use as an oracle; this version uses numpy because importing
scipy.stats takes longer than all the rest of ``bnreg compare``.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from bnreg.streams import stream

Vector = npt.NDArray[np.float64]

MAX_EXACT_PAIRS = 20
NUM_SAMPLED_SIGNS = 200_000
MAX_SIGNS = 1_000

# 0.902 - 0.901 and 0.938 - 0.937 are the same difference up to rounding; such ties must count as ties.
TIE_TOLERANCE = 1e-9


def sign_flip_p_value(differences: npt.ArrayLike) -> float:
    """Two-sided p of the sign-flip test: if coins decided the signs, how often would the sum be this far from zero?

    Up to 20 differences, all 2^n sign vectors are counted, so p is exact. Beyond that, 200,000 sign vectors are drawn
    from their own random stream, and p is (k + 1) / (m + 1), which never understates p. Beyond 1,000, neighbours share
    a sign: these flips are a group, too, so the test keeps its promise, and its time does not grow.

    Args:
        differences: Shape (pairs,).

    Returns:
        p in [2 / 2^n, 1]; 1 if there are no differences or all are zero.

    Raises:
        ValueError: If a difference is not finite.

    References:
        Fisher, The Design of Experiments, 1935, section 21;
        Phipson & Smyth, Permutation p-values should never be zero, arXiv:1603.05766
    """
    values = finite(differences)
    threshold = abs(values.sum()) - TIE_TOLERANCE * np.abs(values).sum()
    if threshold <= 0:
        return 1.0
    if len(values) <= MAX_EXACT_PAIRS:
        return _share_as_extreme(values, float(threshold))
    if len(values) > MAX_SIGNS:
        values = np.add.reduceat(values, np.arange(MAX_SIGNS) * len(values) // MAX_SIGNS)
    num_as_extreme = int((np.abs(_sampled_signed_sums(values)) >= threshold).sum())
    return (num_as_extreme + 1) / (NUM_SAMPLED_SIGNS + 1)


def smallest_p_value(num_pairs: int) -> float:
    """The smallest p that the sign-flip test can give for this number of pairs: the p of differences of equal sign."""
    if num_pairs <= MAX_EXACT_PAIRS:
        return min(1.0, 2.0 ** (1 - num_pairs))
    return 1 / (NUM_SAMPLED_SIGNS + 1)


def _share_as_extreme(values: Vector, threshold: float) -> float:
    """The share of all signed sums whose distance from zero is at least the threshold, which must be positive.

    A signed sum is one of the first half of the values plus one of the second half. The sums of
    the second half are sorted, so one search for each sum of the first half counts those that reach the threshold,
    without visiting all 2^n. By symmetry, as many reach it below zero.
    """
    middle = len(values) // 2
    first, second = _signed_sums(values[:middle]), np.sort(_signed_sums(values[middle:]))
    num_short = np.searchsorted(second, threshold - first)
    return 2 * float((len(second) - num_short).sum()) / (len(first) * len(second))


def _signed_sums(values: Vector) -> Vector:
    """The sums of the values under each choice of signs, shape (2^pairs,)."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _sampled_signed_sums(values: Vector) -> Vector:
    """The signed sums for the drawn signs, shape (drawn,).

    Eight values at a time: the sum of those that a byte flips is one of 256, which are computed once.
    """
    flipped: Vector = np.zeros(NUM_SAMPLED_SIGNS)
    for eight, bytes_ in enumerate(_sampled_flips(len(values))):
        sums = np.zeros(1)
        for value in values[8 * eight : 8 * eight + 8]:
            sums = np.concatenate([sums, sums + value])
        flipped += sums[bytes_]
    signed: Vector = values.sum() - 2 * flipped
    return signed


@lru_cache(maxsize=2)
def _sampled_flips(num_values: int) -> npt.NDArray[np.uint8]:
    """Which values change their sign in each draw, shape (values / 8, drawn); the first value is a byte's lowest bit.

    They are the same for all differences of as many pairs, so a large sweep draws them once.
    """
    generator = stream(0, "sign_flip")
    num_rows = max(1, 2**21 // num_values)
    chunks = []
    for start in range(0, NUM_SAMPLED_SIGNS, num_rows):
        shape = (min(num_rows, NUM_SAMPLED_SIGNS - start), num_values)
        flips = generator.integers(0, 2, shape, dtype=np.bool_)
        chunks.append(np.packbits(flips, axis=1, bitorder="little"))
    return np.ascontiguousarray(np.concatenate(chunks).T)


def finite(differences: npt.ArrayLike) -> Vector:
    """The differences as an array, which must be finite."""
    values = np.asarray(differences, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"differences must be finite, got {values.tolist()}")
    return values
