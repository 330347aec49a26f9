"""Further tests beside the verdict, for a reader who expects them."""

import math
from collections.abc import Sequence

from bnreg.report.figures import MISSING, p_text
from bnreg.report.grid import Grid
from bnreg.report.judged import Judged, answers_of
from bnreg.statistics.secondary import mcnemar_p_value, paired_t_p_value, tost_p_value, wilcoxon_p_value


def tests_grid(judged: Sequence[Judged], headers: list[str], names: Sequence[Sequence[str]]) -> Grid:
    """The p of each test, uncorrected, a row per comparison.

    Args:
        judged: The comparisons, all by one metric.
        headers: Of the columns of names.
        names: The cells of those, a row per comparison.
    """
    rows = [
        [*name, *(MISSING if math.isnan(p_value) else p_text(p_value) for p_value in secondary_p_values(one).values())]
        for name, one in zip(names, judged, strict=True)
    ]
    return Grid([*headers, "sign flip p", "t", "Wilcoxon", "TOST", "McNemar"], rows, num_names=len(headers))


def secondary_p_values(judged: Judged) -> dict[str, float]:
    """The p of each test by its name; NaN where it cannot be had.

    McNemar's compares one pair of networks: those of the first seed of which both have answers.
    """
    differences = judged.comparison.differences
    p_values = {"sign_flip": judged.comparison.p_value if differences else math.nan, **dict.fromkeys(_NAMES, math.nan)}
    if not differences:
        return p_values
    p_values |= {"t": paired_t_p_value(differences), "wilcoxon": wilcoxon_p_value(differences)}
    effect = judged.comparison.verdict.smallest_effect
    if effect is not None:
        p_values["tost"] = tost_p_value(differences, effect)
    if judged.is_answered:
        answers = (answers_of(judged.arm, judged.baseline, seed) for seed in judged.comparison.seeds)
        if first := next(filter(None, answers), None):
            p_values["mcnemar"] = mcnemar_p_value(*first)
    return p_values


_NAMES = ("t", "wilcoxon", "tost", "mcnemar")
