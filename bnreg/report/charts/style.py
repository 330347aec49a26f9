"""What all charts look like: colours, fonts, legends and headings."""

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import altair as alt

from bnreg.analysis.charts.best import choosing_metric
from bnreg.analysis.comparison import block_of, declared_metric
from bnreg.analysis.run_view import RunView
from bnreg.config.source.key_paths import Point
from bnreg.metrics import ACCURACY, METRICS, label_of, measure_of
from bnreg.report.finding import finding
from bnreg.wording import brief_label, counted

Item = TypeVar("Item")
Figure = TypeVar("Figure", alt.VConcatChart, alt.HConcatChart, alt.ConcatChart, alt.LayerChart, alt.FacetChart)

# Colour-blind readers can tell the first eight apart as well as those of Okabe & Ito, of which four are taken, and each
# is readable on a white and on a dark page. Then twelve more for the many arms of a survey.
NUM_READABLE = 8
PALETTE = [
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#69693C", "#871EFF", "#FF0F5A", "#8778FF"),
    *("#882255", "#808080", "#7A4A1E", "#7CB518", "#E69F00", "#56B4E9", "#1B2A6B", "#F0C808"),
    *("#FF9DA7", "#1DE0D0", "#BFB5E8", "#0B4F3A"),
]
GREY = "#767676"  # of lines and labels that belong to no arm; it is readable on both pages, too

# The style of each split, in every chart that shows it.
DASHES: dict[str, list[float]] = {"train": [5, 4], "validation": [1.5, 2.5], "test": [1, 0]}
SHAPES = {"train": "square", "validation": "triangle-up", "test": "circle"}

MAX_LEGEND_ROWS = 25  # longer legends have columns
MAX_DECADES = 8  # ticks on a logarithmic axis
FADED = 8  # the factor by which arms fade that are not chosen in the legend
FONT = "Helvetica, Arial, sans-serif"
TITLE_WIDTH = 110  # characters


def arm_color(arms: Sequence[str], **legend: Any) -> alt.Color:
    """The colour of each arm and its legend, which lists all arms in the config's order.

    Args:
        arms: As in the column ``arm``: see ``told_apart``.
        legend: More settings of the legend.
    """
    return alt.Color(
        "arm:N",
        sort=None,
        scale=arm_scale(arms),
        legend={
            "symbolType": "stroke",
            "symbolOpacity": 1,
            "symbolStrokeWidth": 4,
            "symbolLimit": 0,
            "columns": -(-len(arms) // MAX_LEGEND_ROWS),
            **legend,
        },
    )


def arm_scale(arms: Sequence[str]) -> dict[str, Any]:
    """The colour of each arm."""
    colors = [*PALETTE, *map(_paler, PALETTE)] if len(arms) > len(PALETTE) else PALETTE
    return {"domain": list(arms), "range": colors}


def _paler(color: str) -> str:
    """The colour mixed with as much white, for arms beyond the palette."""
    return "#" + "".join(f"{(int(color[i : i + 2], 16) + 255) // 2:02X}" for i in (1, 3, 5))


def arm_toggle() -> alt.Parameter:
    """A click on an arm in the legend keeps this arm and fades the others; with shift, several."""
    return alt.selection_point(name="chosen", fields=["arm"], bind="legend")


def faded(toggle: alt.Parameter, opacity: float) -> Any:
    """The opacity of what belongs to an arm."""
    return alt.condition(toggle, alt.value(opacity), alt.value(opacity / FADED))


def evenly(items: Sequence[Item], number: int) -> list[Item]:
    """At most so many of the items, at even distances, with the first and the last."""
    if len(items) <= number:
        return [*items]
    return [items[round(place * (len(items) - 1) / (number - 1))] for place in range(number)]


def row_of(panels: Iterable[alt.LayerChart | alt.FacetChart], point: Point, *, spacing: int) -> alt.HConcatChart:
    """Panels side by side, under the point of a sweep that they show, if there is one."""
    row = alt.hconcat(*panels, spacing=spacing)
    if point:
        row.title = heading(brief_label(point))
    return row


def heading(text: str) -> dict[str, Any]:
    """The heading of a part of a chart."""
    return {"text": text, "anchor": "start", "fontSize": 14}


def drawn_measure(view: RunView) -> str:
    """What is drawn where there is room for one measure: that of the declared metric, or else the accuracy."""
    measure = measure_of(declared_metric(view))
    return measure if measure in METRICS else ACCURACY


def measure_title(measure: str) -> str:
    """The title of an axis: a measure with its unit."""
    unit = METRICS[measure].unit
    return f"{measure}, {unit}" if unit else measure


def decades(smallest: float, largest: float) -> dict[str, Any]:
    """Ticks at powers of ten, not more than fit."""
    first, last = math.floor(math.log10(smallest)), math.ceil(math.log10(largest))
    step = -(-(last - first) // MAX_DECADES)
    return {"format": ",~g", "values": [10.0**power for power in range(first, last + 1, step)]}


def split_dash(scale: dict[str, Any]) -> alt.StrokeDash:
    """The line of each split, and its legend."""
    return alt.StrokeDash("split:N", scale=scale, legend={"symbolSize": 350})


def reading_notes(view: RunView, band: str, *, diverged: str) -> list[str]:
    """How to read a chart: over how many seeds its lines are averaged, and what becomes of diverged networks.

    Args:
        view: The run.
        band: What the band is, after the number of seeds, if there are several.
        diverged: What the chart does with diverged networks.
    """
    notes = ["one seed"] if view.num_seeds == 1 else [f"mean of {view.num_seeds} seeds{band}"]
    num_diverged = view.summary["status"].count("diverged")
    return [*notes, *([f"{counted(num_diverged, 'diverged replica')}: {diverged}"] if num_diverged else [])]


def best_note(view: RunView, mark: str) -> str:
    """What marks an arm's best point, and by which split it is the best."""
    by = choosing_metric(view)
    honest = ", which flatters it: the same images choose and judge" if by.startswith("test_") else ""
    return f"{mark}: the best by {label_of(by)}{honest}"


def headed(figure: Figure, view: RunView, what: str, notes: Sequence[str], *, width: int = TITLE_WIDTH) -> Figure:
    """A chart of a run under what the run found, with this and what is drawn as its text for readers who cannot see it.

    Args:
        figure: Panels, not yet configured.
        view: The run.
        what: What is drawn, in a sentence.
        notes: How to read it, one line each.
        width: Characters in a line of the title.
    """
    found = finding(block_of(view))
    about = f"{view.name}: {view.dataset_label}"
    subtitle = [one for one in (about, *notes) if one != found]
    return themed(figure, found, subtitle, f"{found}. {what}", width=width)


def themed(
    figure: Figure, title: str, subtitle: Sequence[str], description: str = "", *, width: int = TITLE_WIDTH
) -> Figure:
    """The figure with its heading, in the common style of all figures.

    Args:
        figure: Panels, not yet configured.
        title: What is drawn, in one line.
        subtitle: How to read it, one line each.
        description: The text for readers who cannot see it; the title if there is none.
        width: Characters in a line of the title.
    """
    lines = textwrap.wrap(title, width)
    heading = {
        "text": lines if len(lines) > 1 else title,
        "subtitle": list(subtitle),
        "anchor": "start",
        "fontSize": 17,
        "subtitleFontSize": 13,
        "offset": 14,
    }
    config = {
        "font": FONT,
        "view": {"stroke": None},
        "axis": {"labelFontSize": 12, "titleFontSize": 13, "titleFontWeight": "normal", "gridColor": "#e4e4e4"},
        "axisY": {"titlePadding": 10},
        "header": {"labelFontSize": 13, "labelAnchor": "start", "labelLimit": 0, "title": None},
        "legend": {
            "labelFontSize": 13,
            "titleFontSize": 13,
            "titleFontWeight": "normal",
            "labelLimit": 0,
            "symbolStrokeWidth": 2,
        },
    }
    return figure.properties(
        description=description or title, title=heading, background="white", padding=16, config=config
    )
