"""Further tests beside the verdict, for readers who expect them."""

import math

import numpy as np

from bnreg.analysis.judged import Judged, answers_of
from bnreg.statistics.secondary import mcnemar_p_value, paired_t_p_value, tost_p_value, wilcoxon_p_value

TESTS = ("sign_flip", "t", "wilcoxon", "tost", "mcnemar")


def secondary_p_values(judged: Judged) -> dict[str, float]:
    """The p of each test, by name; NaN where it is undefined.

    McNemar's test compares one pair of networks: those of the first seed with one on each side, and both answers.
    """
    p_values = dict.fromkeys(TESTS, math.nan)
    pairs = judged.evidence.pairs
    if pairs is None or not pairs.differences:
        return p_values
    differences = pairs.differences
    p_values |= {
        "sign_flip": judged.evidence.p_value,
        "t": paired_t_p_value(differences),
        "wilcoxon": wilcoxon_p_value(differences),
    }
    effect = judged.evidence.verdict.smallest_effect
    if effect is not None:
        p_values["tost"] = tost_p_value(differences, effect)
    if judged.is_answered:
        answers = (answers_of(judged.arm, judged.baseline, seed) for seed in pairs.seeds)
        if first := next((one for one in answers if one and all(side.dtype == np.int8 for side in one)), None):
            p_values["mcnemar"] = mcnemar_p_value(*(side.astype(np.bool_) for side in first))
    return p_values
