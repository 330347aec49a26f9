"""Learning curves: the lecture's figure."""

import math
from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from bnreg.analysis.curves import SPREAD, learning_curves
from bnreg.analysis.run_view import RunView
from bnreg.config.key_paths import Point
from bnreg.metrics import METRICS
from bnreg.report.charts.drawing import (
    DASHES,
    SHAPES,
    arm_color,
    measure_title,
    reading_notes,
    row_of,
    split_dash,
    themed,
)
from bnreg.wording import told_apart

MAX_POINTS = 12
MAX_TIMES_WITH_MARKS = 12
MAX_LINEAR_RATIO = 1e4  # on a linear axis, curves farther apart than this lie on the axis
MAX_DECADES = 8  # ticks on a logarithmic axis


def lacking(view: RunView) -> str | None:
    """What the run lacks for this chart: something that could be measured."""
    return None if learning_curves(view) else "every replica diverged before its first evaluation"


def draw(view: RunView) -> alt.VConcatChart:
    """The lecture's figure: loss and accuracy by epoch or step for each arm, on each split.

    A line is the mean over the seeds; its band reaches from the lowest seed to the highest. A sweep has a row of
    panels for each of its first 12 points.
    """
    points = learning_curves(view)
    shown = points[:MAX_POINTS]
    figure = alt.vconcat(*(_row(view, point, spreads) for point, spreads in shown), spacing=28)
    notes = reading_notes(view, "; band: lowest to highest seed", diverged="drawn while finite")
    if len(shown) < len(points):
        notes.append(f"the first {len(shown)} of {len(points)} points")
    return themed(figure, f"{view.name}: {view.dataset_label}", notes)


def _row(view: RunView, point: Point, spreads: pd.DataFrame) -> alt.HConcatChart:
    return row_of((_panel(view, spreads, measure) for measure in METRICS), point, spacing=32)


def _panel(view: RunView, spreads: pd.DataFrame, measure: str) -> alt.LayerChart | alt.FacetChart:
    data = spreads[spreads["measure"] == measure].drop(columns="measure")
    data[SPREAD] = data[SPREAD] * METRICS[measure].scale
    names = dict(zip(view.arms, told_apart(view.arms), strict=True))
    data["arm"] = data["arm"].map(names)
    title = measure_title(measure)
    smallest, largest = data["mean"][data["mean"] > 0].min(), data["mean"].max()
    if not METRICS[measure].is_share and largest > MAX_LINEAR_RATIO * smallest:
        data[SPREAD] = data[SPREAD].clip(lower=smallest / 2).map(lambda value: float(f"{value:.6g}"))  # 0 has no log
        y: dict[str, Any] = {
            "title": f"{title}, logarithmic",
            "scale": alt.Scale(type="log"),
            "axis": _decades(smallest, largest),
        }
    else:
        data[SPREAD] = data[SPREAD].round(5)
        y = {"title": title, "scale": alt.Scale(zero=False)}
    is_bars = view.metrics[view.clock].nunique() == 1
    layers = _bars(view, data, _split_scale(view, SHAPES), [*names.values()]) if is_bars else _lines(view, data)
    low, mean = (alt.Y(f"{name}:Q", **y) for name in ("low", "mean"))
    color = arm_color([*names.values()])
    spread, *means = (layer.encode(color=color) for layer in layers)
    panel = alt.layer(spread.encode(y=low, y2="high:Q", detail="split:N"), *(layer.encode(y=mean) for layer in means))
    return panel.properties(width=320, height=250)


def _decades(smallest: float, largest: float) -> alt.Axis:
    """Ticks at powers of ten, not more than fit."""
    first, last = math.floor(math.log10(smallest)), math.ceil(math.log10(largest))
    step = -(-(last - first) // MAX_DECADES)
    return alt.Axis(format=",~g", values=[10.0**power for power in range(first, last + 1, step)])


def _lines(view: RunView, data: pd.DataFrame) -> list[alt.Chart]:
    """A band and a line over the epochs or steps, with marks if there are few or if a line would be just a dot."""
    times = sorted(view.metrics[view.clock].unique().tolist())
    has_few = len(times) <= MAX_TIMES_WITH_MARKS
    # By default, Vega puts ticks on half epochs if there are two or three epochs, and rounds their labels.
    ticks: dict[str, Any] = {"values": times} if has_few and view.is_by_epochs else {"tickMinStep": 1}
    scale = alt.Scale(domain=[times[0], times[-1]], nice=False, padding=8)
    if view.is_logarithmic:
        scale.type = "log"
        decades = range(math.ceil(math.log10(times[-1])))
        ticks = {"values": [factor * 10**power for power in decades for factor in (1, 3)]}
    x = alt.X("time:Q", title=view.clock, axis=alt.Axis(format=",d", grid=False, **ticks), scale=scale)
    dash = split_dash(_split_scale(view, DASHES))
    marked = data if has_few else data[data["num_times"] == 1]
    chart = alt.Chart(data.drop(columns="num_times")).encode(x=x)
    marks = alt.Chart(marked.drop(columns="num_times")).encode(x=x, detail="split:N")
    return [
        chart.mark_area(opacity=0.15, aria=False),
        chart.mark_line(strokeWidth=2).encode(strokeDash=dash),
        marks.mark_circle(size=30, opacity=1, aria=False),
    ]


def _bars(view: RunView, data: pd.DataFrame, splits: alt.Scale, arms: list[str]) -> list[alt.Chart]:
    """For a single evaluation: a bar and a mark, the arms side by side."""
    chart = alt.Chart(data.drop(columns="num_times")).encode(
        x=alt.X("time:O", title=view.clock, axis=alt.Axis(labelAngle=0)), xOffset=alt.XOffset("arm:N", sort=arms)
    )
    shape = alt.Shape("split:N", scale=splits)
    return [
        chart.mark_rule(opacity=0.25, strokeWidth=8, aria=False),
        chart.mark_point(filled=True, opacity=1, size=50).encode(shape=shape),
    ]


def _split_scale(view: RunView, looks: Mapping[str, Any]) -> alt.Scale:
    """The run's splits, the same for all panels even if a panel lacks one, because they share a legend."""
    measured = view.metrics.dropna(axis="columns", how="all").columns
    splits = [split for split in looks if any(f"{split}_{measure}" in measured for measure in METRICS)]
    return alt.Scale(domain=splits, range=[looks[split] for split in splits])
