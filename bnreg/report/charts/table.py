"""The table of charts."""

from collections.abc import Callable

import altair as alt

from bnreg.analysis.run_view import RunView
from bnreg.report.charts.curves import curves
from bnreg.report.charts.distributions import distributions
from bnreg.report.charts.response import response

# Name → function that draws a run; it raises ``UserError`` if the run lacks what is drawn.
CHARTS: dict[str, Callable[[RunView], alt.TopLevelMixin]] = {
    "curves": curves,
    "distributions": distributions,
    "response": response,
}
