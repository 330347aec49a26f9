"""The table of charts."""

from collections.abc import Callable
from typing import NamedTuple

import altair as alt

from bnreg.analysis.run_view import RunView
from bnreg.report.charts.curves import curves
from bnreg.report.charts.distributions import distributions
from bnreg.report.charts.response import response


class Chart(NamedTuple):
    """One kind of chart.

    Attributes:
        draw: Draws a run; it raises ``UserError`` if the run lacks what is drawn.
        help: What is drawn, in one line.
    """

    draw: Callable[[RunView], alt.TopLevelMixin]
    help: str


CHARTS: dict[str, Chart] = {
    "curves": Chart(curves, "loss and accuracy over the epochs or steps"),
    "distributions": Chart(
        distributions, "what each layer reads over the steps, of a run that watched pre_activations"
    ),
    "response": Chart(response, "final loss and accuracy against a swept number"),
}
