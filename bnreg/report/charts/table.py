"""The table of charts."""

from collections.abc import Callable

import altair as alt

from bnreg.analysis.run_view import RunView
from bnreg.report.charts.curves import curves

# Name → function that draws a run.
CHARTS: dict[str, Callable[[RunView], alt.TopLevelMixin]] = {"curves": curves}
