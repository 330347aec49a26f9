"""The table of interactions: how an arm's advantage changes with the swept settings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bnreg.metrics import metric_of
from bnreg.report.comparison.numbers import differences, p_text, unit, verdict
from bnreg.report.grid import Grid
from bnreg.wording import MISSING, point_label, short_names

if TYPE_CHECKING:
    from bnreg.statistics.interaction import Interaction


def interactions_grid(interactions: Sequence["Interaction"], metric: str, styles: dict[str, str]) -> Grid:
    """A row for each interaction: how much greater the advantage is at the level than at the reference.

    Seeds in which either arm diverged count for the place where it did: at the level, or at the reference.
    """
    evidence = [one.evidence for one in interactions]
    names = [
        [one.arm, f"{short_names([one.factor])[0]} {one.level} vs {one.reference}", point_label(one.others)]
        for one in interactions
    ]
    shown = metric_of(metric)
    shift = differences(shown, [one.difference for one in evidence], [one.interval for one in evidence])
    words = [verdict(one) for one in evidence]
    p_values = [p_text(one.verdict.corrected_p) if one.is_tested else MISSING for one in evidence]
    rows = [[*name, *cells] for name, cells in zip(names, zip(words, shift, p_values, strict=True), strict=True)]
    headers = ["advantage of", "between", "at", "verdict", f"change [95 %]{unit(shown, of_difference=True)}", "p"]
    return Grid(headers, rows, num_names=4, styles=styles)
