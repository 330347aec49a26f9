"""The activation functions with their derivatives, as a figure, as a table and as plain data."""

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from bnreg.lecture.activations import ActivationView
from bnreg.report.charts.style import PALETTE, themed

COLUMNS = 4
LEGEND = alt.Legend(orient="top", symbolSize=350)

FUNCTION, DERIVATIVE = "function τ(z)", "derivative τ′(z)"
SATURATED = "saturated"
BAND, BAND_OPACITY = "#a8a8a8", 0.35  # lets the grid through

# The drawn range of an unbounded function: in a larger one, its bend at 0 and its derivative would be too small.
LOWEST, HIGHEST = -2.0, 3.0


def activation_note(view: ActivationView) -> str:
    """What a reader must know besides the curves; empty if there is nothing to add."""
    if not view.trainable:
        return "drawn only: no gradient to train with"
    if view.learnt_slope is not None:
        return f"α learnt, starts at {view.learnt_slope:g}"
    return ""


def activation_figure(views: Sequence[ActivationView]) -> alt.ConcatChart:
    """A small panel for each function: the function, its derivative dashed, and a band where it saturates."""
    figure = alt.concat(*map(_panel, views), columns=COLUMNS, spacing=24)
    notes = [
        "Shaded: saturated. On that side the derivative tends to 0; in the shaded region it stays below 5 % of its",
        "largest value, so hardly any gradient passes.",
    ]
    return themed(figure, "Activation functions and their derivatives", notes)


def _panel(view: ActivationView) -> alt.LayerChart | alt.FacetChart:
    lowest, highest = float(view.z[0]), float(view.z[-1])
    kinds = [(FUNCTION, view.values), (DERIVATIVE, view.slopes)]
    curves = pd.concat(pd.DataFrame({"curve": kind, "z": view.z, "y": y}) for kind, y in kinds).round(5)
    bands = pd.DataFrame(
        [(SATURATED, max(low, lowest), min(high, highest)) for low, high in view.regions],
        columns=["band", "low", "high"],
    )
    x_scale = alt.Scale(domain=[lowest, highest], nice=False)
    y_scale = alt.Scale(domain=[max(curves["y"].min(), LOWEST), min(curves["y"].max(), HIGHEST)], nice=False, padding=4)
    band = (
        alt.Chart(bands)
        .mark_rect(opacity=BAND_OPACITY, aria=False)
        .encode(
            x=alt.X("low:Q", scale=x_scale),
            x2="high:Q",
            fill=alt.Fill("band:N", title=None, legend=LEGEND, scale=alt.Scale(domain=[SATURATED], range=[BAND])),
        )
    )
    names = [FUNCTION, DERIVATIVE]
    lines = (
        alt.Chart(curves)
        .mark_line(strokeWidth=2, clip=True)
        .encode(
            x=alt.X("z:Q", title="z", scale=x_scale, axis=alt.Axis(values=[-6, -3, 0, 3, 6], grid=False)),
            y=alt.Y("y:Q", title=None, scale=y_scale, axis=alt.Axis(tickCount=4)),
            color=alt.Color("curve:N", title=None, legend=LEGEND, scale=alt.Scale(domain=names, range=PALETTE[:2])),
            strokeDash=alt.StrokeDash(
                "curve:N", title=None, legend=LEGEND, scale=alt.Scale(domain=names, range=[[1, 0], [5, 3]])
            ),
        )
    )
    title = alt.TitleParams(
        view.name,
        subtitle=activation_note(view) or f"saturates: {saturation_text(view.regions)}",
        anchor="start",
        frame="group",
        fontSize=14,
        subtitleFontSize=12,
    )
    return alt.layer(band, lines).properties(width=190, height=140, title=title)


def activation_table(views: Sequence[ActivationView]) -> Table:
    """One row for each function, for the terminal."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("function", no_wrap=True)
    table.add_column("saturates", no_wrap=True)
    table.add_column("largest slope", justify="right", no_wrap=True)
    table.add_column("note")
    for view in views:
        table.add_row(
            *map(Text, (view.name, saturation_text(view.regions), f"{view.largest_slope:.2f}", activation_note(view)))
        )
    return table


def saturation_text(regions: Sequence[tuple[float, float]]) -> str:
    """The regions in words: ``|z| > 4.36``, ``z < 0``, ``everywhere`` or ``nowhere``."""
    if not regions:
        return "nowhere"
    ends = [f"z < {_place(high)}" for _, high in regions if math.isfinite(high)]
    ends += [f"z > {_place(low)}" for low, _ in regions if math.isfinite(low)]
    if len(regions) == 2 and math.isclose(-regions[0][1], regions[1][0], rel_tol=1e-9):
        ends = [f"|z| > {_place(regions[1][0])}"]
    return " or ".join(ends) or "everywhere"


def _place(z: float) -> str:
    return f"{z:.2f}" if z else "0"


def activation_records(views: Sequence[ActivationView]) -> list[dict[str, Any]]:
    """The table as plain data for JSON; an unbounded end of a region is None."""
    return [
        {
            "name": view.name,
            "saturated": [[end if math.isfinite(end) else None for end in region] for region in view.regions],
            "largest_slope": view.largest_slope,
            "note": activation_note(view) or None,
        }
        for view in views
    ]
