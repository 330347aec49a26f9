"""Paired differences from the baseline, a dot for each seed."""

import altair as alt

from bnreg.analysis.run_view import RunView
from bnreg.metrics import label_of
from bnreg.report.charts.effects import (
    ROW_HEIGHT,
    arm_color_in_rows,
    background,
    declared,
    difference_axis,
    equivalence_note,
    lacking_comparisons,
    means,
    row_axis,
    rows_of,
)
from bnreg.report.charts.style import evenly, headed

MAX_ROWS = 24


def lacking(view: RunView) -> str | None:
    """What the run lacks for this chart: arms that are compared seed by seed."""
    if reason := lacking_comparisons(view):
        return reason
    return None if any(one.by_seed for one in declared(view)) else "its seeds are not paired"


def draw(view: RunView) -> alt.LayerChart:
    """The difference of each seed, their mean, and its 95 % interval, a row for each arm at each point."""
    judged = declared(view)
    rows = rows_of(view, evenly(judged, MAX_ROWS))
    one = rows[0].judged
    dots = alt.Chart(
        alt.InlineData(
            values=[
                {**row.place, "seed": seed, "difference": round(value * one.shown.scale, 6)}
                for row in rows
                for seed, value in row.judged.by_seed.items()
            ]
        )
    ).mark_circle(size=34, opacity=0.45)
    seeds = dots.encode(
        x=difference_axis("difference", one),
        y=row_axis(rows),
        color=arm_color_in_rows(view),
        tooltip=[alt.Tooltip("row:N"), alt.Tooltip("seed:N"), alt.Tooltip("difference:Q", format="+.3f")],
    )
    layers = [*background(one), seeds, *means(view, rows)]
    figure = alt.LayerChart(layer=layers, width=520, height=alt.Step(ROW_HEIGHT + 8))
    notes = ["dots: seeds; bars: their mean with its 95 % interval", *equivalence_note(one)]
    if len(judged) > MAX_ROWS:
        notes.append(f"{MAX_ROWS} of {len(judged)} comparisons, evenly chosen")
    what = f"Differences of {label_of(one.metric)} from {one.baseline.side}, a dot for each seed."
    return headed(figure, view, what, notes)
