"""The charts of a run, as a page holds them."""

from bnreg.analysis.charts.clocks import by_clock, clocks
from bnreg.analysis.run_view import RunView
from bnreg.report.charts.differences import MAX_ROWS
from bnreg.report.charts.table import CHARTS, charts_of
from bnreg.report.page.figure import Figure, figure

# The charts that answer a question, the most telling first.
MAIN_CHARTS = ("response", "heat", "distributions", "differences", "curves")


def figures(view: RunView) -> list[Figure]:
    """The charts that a run can have; of the two that show its differences, the one that has room for all of them."""
    num_comparisons = len(view.points) * (len(view.arms) - 1)
    left_out = "forest" if num_comparisons <= MAX_ROWS else "differences"
    names = charts_of(view)
    return [_figure_of(name, view) for name in names if name != left_out or "forest" not in names]


def main_figure(view: RunView) -> Figure | None:
    """The chart that says most about a run, None if it can have none of them."""
    possible = charts_of(view)
    name = next((name for name in MAIN_CHARTS if name in possible), None)
    return _figure_of(name, view) if name else None


def _figure_of(name: str, view: RunView) -> Figure:
    chart = CHARTS[name]
    views = [by_clock(view, clock) for clock in clocks(view)] if name == "curves" else [view]
    drawn = {one.clock: chart.draw(one) for one in views}
    return figure(name, f"{chart.help[0].upper()}{chart.help[1:]}", drawn)
