"""The table of further tests."""

import math
from collections.abc import Sequence

from bnreg.analysis.judged import Judged
from bnreg.analysis.secondary import secondary_p_values
from bnreg.report.comparison.numbers import number, p_text
from bnreg.report.grid import Grid
from bnreg.wording import MISSING


def tests_grid(judged: Sequence[Judged], headers: list[str], names: Sequence[Sequence[str]]) -> Grid:
    """Cohen's d of the differences and the p of each test, uncorrected, one row per comparison.

    Args:
        judged: The comparisons, all by one metric.
        headers: Headers of the columns of names.
        names: Cells of these columns, one row per comparison.
    """
    rows = [
        [*name, _d_z(one), *(MISSING if math.isnan(p) else p_text(p) for p in secondary_p_values(one).values())]
        for name, one in zip(names, judged, strict=True)
    ]
    return Grid([*headers, "d_z", "sign flip p", "t", "Wilcoxon", "TOST", "McNemar"], rows, num_names=len(headers))


def _d_z(judged: Judged) -> str:
    pairs = judged.evidence.pairs
    return number(pairs.d_z, 2) if pairs else MISSING
