"""Further tests on request, for readers who expect them. The verdict does not depend on them."""

import sys

import numpy as np
import numpy.typing as npt

from bnreg.statistics.intervals import Flags, over_seeds
from bnreg.statistics.shares import sign_test_p_value
from bnreg.statistics.sign_flip import TIE_TOLERANCE, finite


def paired_t_p_value(differences: npt.ArrayLike) -> float:
    """Two-sided p of the paired t test; 1 for fewer than two pairs.

    Args:
        differences: Shape (pairs,).

    References:
        Student, The Probable Error of a Mean, Biometrika 6 (1908)
    """
    estimate = over_seeds(differences)
    return estimate.p_value() if estimate else 1.0


def wilcoxon_p_value(differences: npt.ArrayLike) -> float:
    """Two-sided exact p of Wilcoxon's signed-rank test.

    Zeros are dropped before ranking, as Wilcoxon did; equal sizes share the mean of their ranks. p is exact in both
    cases: the distribution is computed from these ranks, rank by rank, not taken from a table for ranks without ties.

    Args:
        differences: Shape (pairs,).

    Returns:
        p in (0, 1]; 1 if there are no differences or all are zero.

    References:
        Wilcoxon, Individual Comparisons by Ranking Methods, Biometrics Bulletin 1 (1945)
    """
    values = finite(differences)
    values = values[np.abs(values) > TIE_TOLERANCE * np.abs(values).max(initial=0)]
    doubled = _doubled_ranks(np.abs(values))
    # shares[w]: the probability that the doubled ranks with a positive sign add up to w, if coins decide the signs.
    shares = np.ones(1)
    for rank in doubled:
        shares = (np.append(shares, np.zeros(rank)) + np.append(np.zeros(rank), shares)) / 2
    rank_sum = int(doubled[values > 0].sum())
    lower, upper = shares[: rank_sum + 1].sum(), shares[rank_sum:].sum()
    # With more than a thousand pairs, one sign vector of 2^n is less than any number here.
    return min(1.0, max(2 * float(min(lower, upper)), sys.float_info.min))


def _doubled_ranks(sizes: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Twice the mean ranks, which are integers; sizes that differ only by rounding are equal."""
    tolerance = TIE_TOLERANCE * sizes.max(initial=0)
    smaller = (sizes[None, :] < sizes[:, None] - tolerance).sum(axis=1)
    not_greater = (sizes[None, :] <= sizes[:, None] + tolerance).sum(axis=1)
    doubled: npt.NDArray[np.int64] = smaller + not_greater + 1
    return doubled


def mcnemar_p_value(correct_arm: Flags, correct_baseline: Flags) -> float:
    """Two-sided exact p of McNemar's test for one pair of networks on the same examples.

    It compares these two networks, not the two arms: another seed may reverse the result.

    Args:
        correct_arm: Which examples the arm's network gets right, shape (examples,).
        correct_baseline: The same for the baseline's network.

    Returns:
        p in (0, 1]; 1 if both get the same examples right.

    References:
        McNemar, Note on the Sampling Error of the Difference between Correlated Proportions, Psychometrika 12 (1947)
    """
    num_won = int((correct_arm & ~correct_baseline).sum())
    num_lost = int((correct_baseline & ~correct_arm).sum())
    return sign_test_p_value(num_won, num_lost)


def tost_p_value(differences: npt.ArrayLike, smallest_effect: float) -> float:
    """P of two one-sided t tests for the claim that the true difference is within ± the smallest effect.

    It is below 0.05 exactly when the 90 % interval is within these bounds; the verdict's *equivalent* requires this
    of the 95 % interval.

    Args:
        differences: Shape (pairs,).
        smallest_effect: In the metric's unit, positive.

    Returns:
        p in [0, 1]; 1 for fewer than two pairs.

    References:
        Schuirmann, A comparison of the two one-sided tests procedure and the power approach, Journal of
        Pharmacokinetics and Biopharmaceutics 15 (1987)
    """
    estimate = over_seeds(differences)
    if estimate is None:
        return 1.0
    return max(estimate.p_value_above(-smallest_effect), estimate.p_value_below(smallest_effect))
