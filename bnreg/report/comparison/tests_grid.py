"""The table of further tests."""

import math
from collections.abc import Sequence

from bnreg.analysis.judged import Judged
from bnreg.analysis.secondary import secondary_p_values
from bnreg.report.comparison.numbers import p_text
from bnreg.report.grid import Grid
from bnreg.wording import MISSING


def tests_grid(judged: Sequence[Judged], headers: list[str], names: Sequence[Sequence[str]]) -> Grid:
    """The p of each test, uncorrected, one row per comparison.

    Args:
        judged: The comparisons, all by one metric.
        headers: Headers of the columns of names.
        names: Cells of these columns, one row per comparison.
    """
    rows = [
        [*name, *(MISSING if math.isnan(p_value) else p_text(p_value) for p_value in secondary_p_values(one).values())]
        for name, one in zip(names, judged, strict=True)
    ]
    return Grid([*headers, "sign flip p", "t", "Wilcoxon", "TOST", "McNemar"], rows, num_names=len(headers))
