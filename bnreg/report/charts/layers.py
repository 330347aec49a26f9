"""Rows of panels over the steps, a panel for each layer: what all charts of diagnostics are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from bnreg.analysis.run_view import RunView
from bnreg.report.charts.style import arm_color, arm_toggle, decades, evenly, faded, heading
from bnreg.wording import told_apart

MAX_LAYERS = 6
MAX_ROWS = 3
ROW_WIDTH = 960  # pixels, for the panels of a row
MAX_LINEAR_RATIO = 100  # values farther apart than this have a logarithmic axis


@dataclass(frozen=True, eq=False)
class Row:
    """The panels side by side.

    Attributes:
        heading: Stands above it; may be empty.
        title: That of the vertical axis.
        seen: One row per arm, layer and step: ``middle``, and the band from ``low`` to ``high``.
        may_be_log: Whether values far apart have a logarithmic axis.
    """

    heading: str
    title: str
    seen: pd.DataFrame
    may_be_log: bool = False


def layer_rows(view: RunView, rows: Sequence[Row]) -> alt.VConcatChart:
    """The first rows one under the other; of many layers, the first, the last, and some between."""
    toggle = arm_toggle()
    first, *others = (_panel(view, row, toggle) for row in rows[:MAX_ROWS])
    panels = [first.add_params(toggle), *others]
    return alt.vconcat(*(_by_layer(panel, row) for panel, row in zip(panels, rows, strict=False)), spacing=28)


def left_out(rows: Sequence[Row]) -> list[str]:
    """How many rows are not drawn, if any."""
    return [f"the first {MAX_ROWS} of {len(rows)} rows"] if len(rows) > MAX_ROWS else []


def _shown(row: Row) -> list[int]:
    return evenly(sorted({*row.seen["layer"]}), MAX_LAYERS)


def _name(layer: int) -> str:
    return f"layer {layer}" if layer else "whole network"


def _by_layer(panel: alt.LayerChart, row: Row) -> alt.FacetChart:
    names = [_name(layer) for layer in _shown(row)]
    faceted = panel.facet(alt.Facet("layer:N", sort=names, title=None), columns=MAX_LAYERS, spacing=20)
    if row.heading:
        faceted.title = heading(row.heading)
    return faceted


def _panel(view: RunView, row: Row, toggle: alt.Parameter) -> alt.LayerChart:
    """Band, line, and invisible marks that have the numbers, of all layers at once."""
    shown, values = _shown(row), ["low", "middle", "high"]
    seen = row.seen[row.seen["layer"].isin(shown)]
    data = seen[["arm", "layer", "step"]].join(seen[values].map(lambda value: float(f"{value:.5g}")))
    data["arm"] = data["arm"].map(dict(zip(view.arms, told_apart(view.arms), strict=True)))
    data["layer"] = data["layer"].map(_name)
    steps, y = sorted({*seen["step"]}), _y_axis(row, seen)
    low, middle = (alt.Y(f"{name}:Q", **y) for name in ("low", "middle"))
    tooltip = [alt.Tooltip("arm:N"), alt.Tooltip("step:Q", format=",d")]
    tooltip += [alt.Tooltip(f"{name}:Q", format=".4~g") for name in values]
    chart = alt.Chart(data).encode(x=_x_axis(steps), color=arm_color(told_apart(view.arms)))
    layers = [
        chart.mark_area(aria=False).encode(y=low, y2="high:Q", opacity=faded(toggle, 0.2)),
        chart.mark_line(strokeWidth=2, point=len(steps) == 1).encode(y=middle, opacity=faded(toggle, 1)),
        chart.mark_circle(size=120, aria=False).encode(y=middle, tooltip=tooltip, opacity=alt.value(0)),
    ]
    return alt.LayerChart(layer=layers, data=data, width=min(300, ROW_WIDTH // len(shown)), height=170)


def _y_axis(row: Row, seen: pd.DataFrame) -> dict[str, Any]:
    smallest, largest = seen["low"].min(), seen["high"].max()
    if row.may_be_log and smallest > 0 and largest > MAX_LINEAR_RATIO * smallest:
        return {"title": f"{row.title}, logarithmic", "scale": {"type": "log"}, "axis": decades(smallest, largest)}
    return {"title": row.title}


def _x_axis(steps: Sequence[int]) -> alt.X:
    """Linear, unless the steps between looks grow."""
    is_even = len(steps) < 3 or steps[-1] - steps[-2] <= 2 * (steps[2] - steps[1])
    powers = [0, *(10**power for power in range(len(str(steps[-1]))))]
    ticks: dict[str, Any] = {"tickCount": 4, "tickMinStep": 1} if is_even else {"values": powers}
    axis = {"format": ",d", "grid": False, "labelOverlap": "greedy", **ticks}
    return alt.X("step:Q", axis=axis, scale={"type": "linear" if is_even else "symlog", "nice": False})
