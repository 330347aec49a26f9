"""A page that holds one chart, as wide as the window."""

import altair as alt

from bnreg.report.page.figure import figure
from bnreg.report.page.frame import rendered


def chart_page(chart: alt.TopLevelMixin) -> bytes:
    """The page of a chart, under the chart's own heading.

    Raises:
        RunError: If the libraries that draw it cannot be put together.
    """
    shown = figure("chart", "", {"": chart})
    return rendered("chart.html", {"title": shown.finding, "figure": shown})
