"""The rules by which other tools decide if nothing else is asked of them, on the same differences as ours.

Each is a few lines after the tool's documentation and source, not the tool itself.
"""

import warnings
from collections.abc import Callable

import numpy as np
from scipy import stats
from tools.calibration.differences import EQUAL_ARMS, KNOWN_MISSES, NONE_KNOWN, Vector, differs, each_evidence
from tools.calibration.looks import Flags
from tools.calibration.tables import Table, aside, at_most

from bnreg.statistics.secondary import paired_t_p_value, wilcoxon_p_value
from bnreg.streams import stream

NUM_RESAMPLES = 200


def _normality_first(differences: Vector) -> Flags:
    """The paired t test, or Wilcoxon's if Shapiro and Wilk's test rejects that the differences are normal."""
    return np.array(
        [
            (paired_t_p_value if stats.shapiro(values).pvalue > 0.05 else wilcoxon_p_value)(values) < 0.05
            for values in differences
        ]
    )


def two_arms(differences: Vector) -> tuple[Vector, Vector]:
    """An arm and a baseline with these differences, for rules that see more than them.

    The baseline's spread is that of the differences.
    """
    baseline = stream(0, "calibration", "peers").normal(0, differences.std(), differences.shape)
    return baseline + differences, baseline


def _signed_ranks(differences: Vector) -> Flags:
    """Wilcoxon's test on one side, which the data choose: that of the arm with the larger median."""
    arm, baseline = two_arms(differences)
    sides = np.where(np.median(arm, axis=1) > np.median(baseline, axis=1), "greater", "less")
    pairs = zip(differences, sides, strict=True)
    return np.array([stats.wilcoxon(values, alternative=side).pvalue < 0.05 for values, side in pairs])


def _correlated_t(rope: float) -> Callable[[Vector], Flags]:
    """The Bayesian correlated t test: a probability above 95 % that the arm is better, or that it is worse."""

    def rule(differences: Vector) -> Flags:
        number = differences.shape[1]
        scale = differences.std(axis=1, ddof=1) * np.sqrt(1 / number + 1 / (number - 1))
        distance = (np.abs(differences.mean(axis=1)) - rope) / scale
        flags: Flags = stats.t.cdf(distance, number - 1) > 0.95
        return flags

    return rule


def _almost_stochastic_order(threshold: float) -> Callable[[Vector], Flags]:
    """Almost stochastic order in either direction: the upper bound of the violation ratio is below the threshold.

    The arms' values are compared unpaired, as it does. Each resample has as many values as there are seeds.
    """

    def rule(differences: Vector) -> Flags:
        number = differences.shape[1]
        arm, baseline = two_arms(differences)
        ratio = _violation(arm, baseline)
        draws = stream(0, "calibration", "aso").integers(0, number, (2, NUM_RESAMPLES, number))
        resampled = _violation(arm[:, draws[0]], baseline[:, draws[1]])
        reach = stats.norm.ppf(0.95) * np.sqrt(((resampled - ratio[:, None]) ** 2).mean(axis=1))
        flags: Flags = np.minimum(ratio, 1 - ratio) + reach < threshold
        return flags

    return rule


def _violation(arm: Vector, baseline: Vector) -> Vector:
    """The share of the squared distance of two quantile functions that is against the arm."""
    distance = np.sort(baseline, axis=-1) - np.sort(arm, axis=-1)
    against = (np.maximum(distance, 0) ** 2).sum(axis=-1)
    ratio: Vector = against / (distance**2).sum(axis=-1)
    return ratio


RULES: dict[str, Callable[[Vector], Flags]] = {
    "t or Wilcoxon, by Shapiro–Wilk (mlstats)": _normality_first,
    "Wilcoxon (autorank, if not normal)": _signed_ranks,
    "Bayesian correlated t > 95 % (baycomp)": _correlated_t(0.0),
    "the same with a rope of ½ sd (baycomp)": _correlated_t(0.5),
    "almost stochastic order, ε < 0.5 (deepsig)": _almost_stochastic_order(0.5),
    "almost stochastic order, ε < 0.2 (deepsig)": _almost_stochastic_order(0.2),
}


def peers(num_experiments: int) -> list[Table]:
    """Equal arms, judged by our rule and by others'."""
    shape = num_experiments, 20
    drawn = {kind: draw(stream(0, "calibration", "equal", kind), shape) for kind, draw in EQUAL_ARMS.items()}
    rows = []
    for number in (6, 20):
        ours = [
            at_most(
                float(np.mean([*map(differs, each_evidence(differences[:, :number]))])),
                0.05,
                num_experiments,
                known=KNOWN_MISSES.get(kind, NONE_KNOWN)[0],
            )
            for kind, differences in drawn.items()
        ]
        rows.append([f"bnreg, {number} pairs", *ours])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name, rule in RULES.items():
                shares = [aside(float(rule(differences[:, :number]).mean())) for differences in drawn.values()]
                rows.append([f"({name}), {number} pairs", *shares])
    title = "Other tools' default rules on the same equal arms: called better or worse, %"
    return [Table(title, ["rule", *EQUAL_ARMS], rows)]
