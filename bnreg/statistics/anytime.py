"""Evidence that stays valid however often one looks: a bet on the sign of each difference, in the order of the seeds.

If nothing differs, each difference is as likely to be positive as negative, whatever its size. A gambler who bets on
the next sign with a stake chosen before it is seen then cannot expect to gain: the capital M is a martingale that
starts at 1, and it ever reaches 1/α with a probability of at most α (Ville). So one may look after every seed, and stop
at will.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bnreg.statistics.sign_flip import TIE_TOLERANCE, Vector, finite

# The capital is split evenly over these bets, each on both signs: small ones win on small effects seen in many seeds,
# large ones on effects that every seed shows.
STAKES = (0.25, 0.5, 1.0, 2.0, 4.0)
_NUM_PROBES = 160  # on either side of the mean, from the rounding error to far beyond the differences
_FAR = 1e3


class ConfidenceSequence(NamedTuple):
    """A confidence sequence at its last seed: an interval that holds at every look.

    Attributes:
        low: Lower bound; −∞ while there are too few differences to exclude anything.
        high: Upper bound.
    """

    low: float
    high: float


def log_capital(differences: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The logarithm of the gambler's capital after each difference.

    zᵢ = dᵢ / RMS(d₁ … dᵢ) and Mₙ = mean over λ of Πᵢ exp(λzᵢ) / cosh(λzᵢ). Given the sizes of all differences, only
    the signs are random, and E[exp(±λ|z|)] = cosh(λz): each factor has the mean 1.

    Args:
        differences: In the order of the seeds, shape (…, pairs).

    Returns:
        ln M₁ … ln Mₙ, shape (…, pairs).

    References:
        Ville, Étude critique de la notion de collectif, 1939;
        Ramdas, Grünwald, Vovk & Shafer, Game-Theoretic Statistics and Safe Anytime-Valid Inference, arXiv:2210.01948
    """
    values = np.asarray(differences, np.float64)
    sizes = np.sqrt(np.cumsum(values**2, axis=-1) / np.arange(1, values.shape[-1] + 1))
    scaled = np.divide(values, sizes, out=np.zeros_like(values), where=sizes > 0)
    capitals = []
    for stake in STAKES:
        bet = 2 * stake * scaled
        even = np.cumsum(np.log1p(np.exp(-np.abs(bet))) - math.log(2), axis=-1)
        # exp(x) / cosh(x) = 2 / (1 + exp(-2x)), and the same with -x
        capitals += [np.cumsum(np.minimum(sign * bet, 0), axis=-1) - even for sign in (1, -1)]
    capital: npt.NDArray[np.float64] = np.logaddexp.reduce(capitals) - math.log(len(capitals))
    return capital


def log_evidence(differences: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The logarithm of the capital that counts as evidence after each difference: that of equal ones at most.

    A factor is 1 + tanh(λzᵢ). With −λ beside λ, M is a sum of products of an even number of tanh(λzᵢ), and |zᵢ| ≤ √i,
    so M is largest where zᵢ = √i: where each difference dwarfs those before. Six such differences reach 20.8, equal
    ones 16.5. But a shift δ far away makes all dᵢ − δ nearly equal, so that six exclude no far shift, and their
    confidence sequence has no end. What equal differences cannot show is therefore not counted at all: p and confidence
    sequence then need the same number of pairs. Less capital keeps the promise.

    Args:
        differences: In the order of the seeds, shape (…, pairs).

    Returns:
        Shape (…, pairs).
    """
    values = np.asarray(differences, np.float64)
    evidence: npt.NDArray[np.float64] = np.minimum(log_capital(values), log_capital(np.ones(values.shape[-1])))
    return evidence


def anytime_p_value(differences: npt.ArrayLike) -> float:
    """Two-sided p that holds at every look: one over the largest capital so far.

    Args:
        differences: In the order of the seeds, shape (pairs,).

    Returns:
        p in (0, 1]; 1 if there are no differences.

    Raises:
        ValueError: If a difference is not finite.
    """
    values = finite(differences)
    if not len(values):
        return 1.0
    return min(1.0, math.exp(-float(log_evidence(values).max())))


def smallest_anytime_p_value(num_pairs: int) -> float:
    """The smallest p that the test can give for this number of pairs: the p of equal differences."""
    return anytime_p_value(np.ones(num_pairs))


def confidence_sequence(differences: npt.ArrayLike, level: float = 0.95) -> ConfidenceSequence:
    """All shifts δ that the test of dᵢ − δ has not excluded at any look, from the smallest to the largest.

    Args:
        differences: In the order of the seeds, shape (pairs,).
        level: The probability with which it contains the centre of symmetry at all looks.

    Returns:
        The bounds, in the differences' unit; infinite for fewer than seven differences at the level of 95 %.
    """
    values = finite(differences)
    threshold = -math.log(1 - level)
    if smallest_anytime_p_value(len(values)) > 1 - level:
        return ConfidenceSequence(-math.inf, math.inf)
    centre = float(values.mean())
    reach = max(float(np.abs(values - centre).max()), TIE_TOLERANCE * max(abs(centre), 1e-300))

    def is_excluded(shifts: Vector) -> npt.NDArray[np.bool_]:
        excluded: npt.NDArray[np.bool_] = log_evidence(values - shifts[:, None]).max(axis=-1) >= threshold
        return excluded

    bounds = []
    for sign in (-1, 1):
        steps = np.concatenate([[0.0], reach * np.geomspace(TIE_TOLERANCE, _FAR, _NUM_PROBES)])
        # What is excluded need not be everything beyond a bound: take the farthest shift that is not.
        inside = int(np.flatnonzero(~is_excluded(centre + sign * steps)).max(initial=0))
        near, far = steps[inside], steps[min(inside + 1, len(steps) - 1)]
        for _ in range(4):
            between = np.linspace(near, far, 12)
            kept = np.flatnonzero(~is_excluded(centre + sign * between[1:-1]))
            last = int(kept.max()) + 1 if len(kept) else 0
            near, far = between[last], between[last + 1]
        bounds.append(float(centre + sign * far))
    return ConfidenceSequence(*bounds)
