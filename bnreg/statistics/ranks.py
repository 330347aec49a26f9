"""Several arms over several data sets, by their ranks: Friedman's test and Nemenyi's critical difference."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bnreg.statistics.power import SIGNIFICANCE
from bnreg.statistics.sign_flip import Vector, finite

MIN_ARMS = 3
MIN_DATA_SETS = 2


@dataclass(frozen=True)
class Ranking:
    """The average ranks of arms over data sets; 1 is the best.

    Attributes:
        ranks: The average rank of each arm, in the order given.
        num_data_sets: Number of data sets.
        chi_square: Friedman's statistic, corrected for ties.
        p_value: Of Iman and Davenport's F, for arms that all do equally well.
        critical_difference: Two arms whose average ranks differ by less are not told apart by Nemenyi's test.
        cliques: The largest sets of arms, by their numbers from the best on, of which no two are told apart.
    """

    ranks: tuple[float, ...]
    num_data_sets: int
    chi_square: float
    p_value: float
    critical_difference: float
    cliques: tuple[tuple[int, ...], ...]


def rank_arms(values: npt.ArrayLike, *, higher_is_better: bool) -> Ranking:
    """Friedman's test over data sets, with Nemenyi's critical difference at 5 %.

    Args:
        values: One value per data set and arm, shape (data sets, arms); equal values share the mean of their ranks.
        higher_is_better: Whether the highest value has rank 1.

    Raises:
        ValueError: For fewer than three arms or two data sets, or a value that is not finite.

    References:
        Friedman, The Use of Ranks to Avoid the Assumption of Normality Implicit in the Analysis of Variance, Journal of
        the American Statistical Association 32 (1937);
        Iman & Davenport, Approximations of the critical region of the Friedman statistic, Communications in Statistics
        9 (1980);
        Demšar, Statistical Comparisons of Classifiers over Multiple Data Sets, Journal of Machine Learning Research 7
        (2006)
    """
    from scipy.special import fdtrc
    from scipy.stats import rankdata, studentized_range

    table = finite(values)
    num_data_sets, num_arms = table.shape
    if num_arms < MIN_ARMS or num_data_sets < MIN_DATA_SETS:
        raise ValueError(f"needs at least {MIN_ARMS} arms and {MIN_DATA_SETS} data sets, got shape {table.shape}")
    of_each: Vector = rankdata(-table if higher_is_better else table, axis=1)
    ranks = of_each.mean(axis=0)
    # Without ties the ranks of a data set spread as 1 … k do; chi-square is what the arms' means have of that spread.
    centre = (num_arms + 1) / 2
    within = float(((of_each - centre) ** 2).sum()) / (num_arms - 1)
    between = num_data_sets**2 * float(((ranks - centre) ** 2).sum())
    chi_square = between / within if within else 0.0
    rest = num_data_sets * (num_arms - 1) - chi_square
    statistic = (num_data_sets - 1) * chi_square / rest if rest > 0 else math.inf
    freedom = num_arms - 1, (num_arms - 1) * (num_data_sets - 1)
    quantile = float(studentized_range.ppf(1 - SIGNIFICANCE, num_arms, math.inf)) / math.sqrt(2)
    critical = quantile * math.sqrt(num_arms * (num_arms + 1) / (6 * num_data_sets))
    return Ranking(
        ranks=tuple(ranks.tolist()),
        num_data_sets=num_data_sets,
        chi_square=chi_square,
        p_value=float(fdtrc(*freedom, statistic)),
        critical_difference=critical,
        cliques=_cliques(ranks, critical),
    )


def _cliques(ranks: Vector, critical: float) -> tuple[tuple[int, ...], ...]:
    """The longest stretches of at least two arms, from the best on, that are closer than the critical difference."""
    order = np.argsort(ranks, kind="stable")
    found: list[tuple[int, ...]] = []
    reached = 0
    for start, first in enumerate(order):
        end = max(i for i, arm in enumerate(order) if ranks[arm] - ranks[first] < critical) + 1
        if end > reached and end - start > 1:
            found.append(tuple(order[start:end].tolist()))
            reached = end
    return tuple(found)
