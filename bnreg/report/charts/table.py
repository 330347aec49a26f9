"""The table of charts; reading it imports no chart."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from bnreg.errors import UserError
from bnreg.report.charts.quantities import QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Callable

    import altair as alt

    from bnreg.analysis.run_view import RunView


@dataclass(frozen=True)
class Chart:
    """One kind of chart.

    Attributes:
        help: What it shows, in a line.
        lacking: Run → what it lacks for this chart, in words; None if it can be drawn.
        draw: Run → the chart, if the run lacks nothing.
    """

    help: str
    lacking: Callable[[RunView], str | None]
    draw: Callable[[RunView], alt.TopLevelMixin]


def _chart(module: str, help: str) -> Chart:  # noqa: A002 # as the field
    """The chart whose functions are in a module of this folder, which is imported when one of them is called."""

    def lacking(view: RunView) -> str | None:
        reason: str | None = import_module(place).lacking(view)
        return reason

    def draw(view: RunView) -> alt.TopLevelMixin:
        drawn: alt.TopLevelMixin = import_module(place).draw(view)
        return drawn

    place = f"{__package__}.{module}"
    return Chart(help, lacking, draw)


CHARTS: dict[str, Chart] = {
    "curves": _chart("curves", "loss and accuracy over the epochs or steps"),
    "differences": _chart("differences", "paired differences from the baseline, a dot for each seed"),
    "forest": _chart("forest", "differences from the baseline at each point of a sweep"),
    "looks": _chart("looks", "how the evidence grew with the seeds, of a run in rounds"),
    "heat": _chart("heat", "final results by two swept settings, with each arm's best"),
    "distributions": _chart("distributions", "what each layer reads over the steps"),
    "response": _chart("response", "final loss and accuracy against a swept number"),
} | {name: Chart(one.help, one.lacking, one.draw) for name, one in QUANTITIES.items()}


MAX_CURVES = 12  # points whose learning curves fit on a screen


def default_chart(view: RunView) -> str:
    """The chart that shows a run best: its curves, unless it is a sweep of too many points, or has no curves."""
    is_read_at_once = len(view.points) <= MAX_CURVES and (
        len(view.points) == 1 or view.metrics[view.clock].nunique() > 1
    )
    names = ("curves",) if is_read_at_once else ("response", "forest", "curves")
    return next((name for name in names if CHARTS[name].lacking(view) is None), "curves")


def charts_of(view: RunView) -> list[str]:
    """The names of the charts that a run can have."""
    return [name for name, chart in CHARTS.items() if chart.lacking(view) is None]


def draw_chart(view: RunView, name: str) -> alt.TopLevelMixin:
    """A chart of a run.

    Raises:
        UserError: If the run lacks what it shows; it names the charts that the run can have.
    """
    if reason := CHARTS[name].lacking(view):
        others = f"; it can have --chart {', '.join(found)}" if (found := charts_of(view)) else ""
        raise UserError(f"{view.id}: no {name} to draw: {reason}{others}")
    return CHARTS[name].draw(view)
