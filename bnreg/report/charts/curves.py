"""Learning curves: the lecture's figure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from bnreg.analysis.charts.clocks import EPOCH
from bnreg.analysis.charts.curves import SPREAD, has_curves, learning_curves, seed_curves
from bnreg.analysis.run_view import RunView
from bnreg.config.source.key_paths import Point
from bnreg.metrics import METRICS
from bnreg.report.charts.labels import can_label, end_labels
from bnreg.report.charts.style import (
    DASHES,
    SHAPES,
    arm_color,
    arm_toggle,
    decades,
    drawn_measure,
    evenly,
    faded,
    headed,
    measure_title,
    reading_notes,
    split_dash,
)
from bnreg.wording import brief_label, told_apart

MAX_POINTS = 12
MAX_TIMES_WITH_MARKS = 12
MAX_HOVERED = 60  # invisible marks of a panel, which have the numbers
MAX_SEED_LINES = 30
TIME_FORMAT = ",.3~r"
MAX_LINEAR_RATIO = 1e4  # on a linear axis, curves farther apart than this lie on the axis


@dataclass(frozen=True)
class Panel:
    """The size of a panel of curves."""

    width: int
    height: int


def lacking(view: RunView) -> str | None:
    """What the run lacks for this chart: something that could be measured."""
    return None if has_curves(view) else "every replica diverged before its first evaluation"


def draw(view: RunView) -> alt.VConcatChart:
    """The lecture's figure: loss and accuracy by epoch or step for each arm, on each split.

    A line is the mean over the seeds; its band reaches from the lowest seed to the highest. A sweep has a panel for
    each point, of at most 12, with the accuracy alone.
    """
    points = learning_curves(view)
    toggle = arm_toggle()
    notes = reading_notes(view, "; band: lowest to highest seed", diverged="drawn while finite")
    if len(points) == 1:
        figure, what = alt.vconcat(_pair(view, points[0][1], toggle)), " and ".join(METRICS).capitalize()
        notes += ["thin: each seed on the test split"] if _shows_seeds(view) else []
    else:
        measure = drawn_measure(view)
        figure, what = alt.vconcat(_grid(view, evenly(points, MAX_POINTS), measure, toggle)), measure.capitalize()
        notes.append(f"{measure} at {_which(len(points))}")
    return headed(figure, view, f"{what} over the {view.clock.removesuffix('s')}s, a line for each arm.", notes)


def _which(num_points: int) -> str:
    if num_points <= MAX_POINTS:
        return "each point of the sweep"
    return f"{MAX_POINTS} of {num_points} points, evenly chosen; other charts show all of them"


def _pair(view: RunView, spreads: pd.DataFrame, toggle: alt.Parameter) -> alt.HConcatChart:
    """A panel for each measure; the seeds are drawn, too, if there are few."""
    panels = [_panel(view, spreads, measure, toggle, Panel(340, 270)) for measure in METRICS]
    panels[0] = panels[0].add_params(toggle)
    return alt.hconcat(*panels, spacing=32)


def _panel(
    view: RunView, spreads: pd.DataFrame, measure: str, toggle: alt.Parameter, size: Panel
) -> alt.LayerChart | alt.FacetChart:
    data = _with_marks(view, _in_units(view, spreads, measure))
    arms = told_apart(view.arms)
    is_labelled = can_label(len(arms), size.height) and not _is_single(view)
    if is_labelled:
        data.loc[data["split"] != "test", ["low", "high"]] = math.nan
    y, domain = _y_axis(data, measure)
    layers = _layers(view, data, y, toggle)
    if _shows_seeds(view):
        layers.insert(1, _seeds(view, measure, y, toggle))
    if is_labelled:
        test = data[(data["split"] == "test") & data["mean"].notna()]
        ends = test.sort_values("time").groupby("arm", sort=False).tail(1)
        layers.append(end_labels(ends, arms, y, domain, size.height))
    return alt.layer(*layers).properties(width=size.width, height=size.height)


def _grid(
    view: RunView, points: Sequence[tuple[Point, pd.DataFrame]], measure: str, toggle: alt.Parameter
) -> alt.FacetChart:
    """Small multiples of one measure with shared axes."""
    labels = told_apart([brief_label(point) for point, _ in points])
    named = [spreads.assign(point=label) for label, (_, spreads) in zip(labels, points, strict=True)]
    data = _with_marks(view, _in_units(view, pd.concat(named), measure))
    data.loc[data["split"] != "test", ["low", "high"]] = math.nan
    columns = 4 if len(points) > 6 else 3
    size = Panel(230, 150) if len(points) > 3 else Panel(300, 220)
    y, _ = _y_axis(data, measure)
    panel = (
        alt.layer(*_layers(view, data, y, toggle), data=data)
        .add_params(toggle)
        .properties(width=size.width, height=size.height)
    )
    facet = alt.Facet("point:N", sort=labels, title=None)
    return panel.facet(facet, columns=columns, spacing=18)


def _in_units(
    view: RunView, curves: pd.DataFrame, measure: str, columns: Sequence[str] = tuple(SPREAD)
) -> pd.DataFrame:
    """The rows of a measure, as they are shown, with names of arms that can be told apart."""
    data = curves[curves["measure"] == measure].drop(columns="measure").reset_index(drop=True)
    data[[*columns]] = data[[*columns]] * METRICS[measure].scale
    data["arm"] = data["arm"].map(dict(zip(view.arms, told_apart(view.arms), strict=True)))
    return data


def _y_axis(data: pd.DataFrame, measure: str) -> tuple[dict[str, Any], tuple[float, float]]:
    """The axis of a measure, and its ends; the data are rounded, and fitted to a logarithmic axis if they need one."""
    title = measure_title(measure)
    smallest, largest = data["mean"][data["mean"] > 0].min(), data["mean"].max()
    if not METRICS[measure].is_share and largest > MAX_LINEAR_RATIO * smallest:
        data[SPREAD] = data[SPREAD].clip(lower=smallest / 2).map(lambda value: float(f"{value:.6g}"))  # 0 has no log
        y = {"title": f"{title}, logarithmic", "scale": {"type": "log"}, "axis": decades(smallest, largest)}
    else:
        data[SPREAD] = data[SPREAD].round(5)
        y = {"title": title, "scale": {"zero": False}}
    return y, (float(data[SPREAD].min().min()), float(data[SPREAD].max().max()))


def _is_single(view: RunView) -> bool:
    return bool(view.metrics[view.clock].nunique() == 1)


def _layers(view: RunView, data: pd.DataFrame, y: Mapping[str, Any], toggle: alt.Parameter) -> list[alt.Chart]:
    """The spread, the means, and the marks that have the numbers, all of the same data."""
    arms = told_apart(view.arms)
    low, mean = (alt.Y(f"{name}:Q", **y) for name in ("low", "mean"))
    color = arm_color(arms)
    tooltip = [
        alt.Tooltip("arm:N"),
        alt.Tooltip("split:N"),
        alt.Tooltip("time:Q", title=view.clock, format=TIME_FORMAT),
        *(alt.Tooltip(f"{name}:Q", format=".5~g") for name in SPREAD),
    ]
    is_single = _is_single(view)
    chart = alt.Chart(data).encode(x=_bar_axis(view) if is_single else _time_axis(view), color=color)
    if is_single:
        chart = chart.encode(xOffset=alt.XOffset("arm:N", sort=arms))
        spread = chart.mark_rule(strokeWidth=8, aria=False).encode(opacity=faded(toggle, 0.25))
        shape = alt.Shape("split:N", scale=_split_scale(view, SHAPES))
        points = chart.mark_point(filled=True, size=50).encode(y=mean, shape=shape, tooltip=tooltip)
        return [spread.encode(y=low, y2="high:Q", detail="split:N"), points.encode(opacity=faded(toggle, 1))]
    band = chart.mark_area(aria=False).encode(y=low, y2="high:Q", detail="split:N", opacity=faded(toggle, 0.15))
    dash = split_dash(_split_scale(view, DASHES))
    line = chart.mark_line(strokeWidth=2).encode(y=mean, strokeDash=dash, opacity=faded(toggle, 1))
    marks = chart.mark_circle(size=30, aria=False).encode(y=mean, detail="split:N", tooltip=tooltip)
    visible = marks.transform_filter("datum.marked").encode(opacity=faded(toggle, 1))
    hidden = marks.transform_filter("datum.hovered").encode(opacity=alt.value(0), size=alt.value(120))
    # Vega warns of a layer without rows.
    return [band, line, *([visible] if data["marked"].any() else []), *([hidden] if data["hovered"].any() else [])]


def _with_marks(view: RunView, data: pd.DataFrame) -> pd.DataFrame:
    """Which rows have a mark: all if there are few times, and where a line would be just a dot.

    Of the others, some only show their numbers under the pointer.
    """
    times = _times(view)
    marked = (data["num_times"] == 1) | (len(times) <= MAX_TIMES_WITH_MARKS)
    num_lines = len(data.drop_duplicates(["arm", "split", *({"point"} & {*data})]))
    hovered = data["time"].isin(evenly(times, max(2, MAX_HOVERED // max(1, num_lines)))) & ~marked
    return data.drop(columns="num_times").assign(marked=marked, hovered=hovered)


def _seeds(view: RunView, measure: str, y: Mapping[str, Any], toggle: alt.Parameter) -> alt.Chart:
    """Thin lines of single seeds on the test split."""
    (data,) = (seeds for _, seeds in seed_curves(view))
    data = _in_units(view, data, measure, ["value"])
    line = alt.Chart(data.round(5)).mark_line(strokeWidth=0.7, aria=False).encode(detail="seed:N")
    lines: alt.Chart = line.encode(
        x=_time_axis(view),
        y=alt.Y("value:Q", **y),
        color=arm_color(told_apart(view.arms)),
        opacity=faded(toggle, 0.45),
    )
    return lines


def _shows_seeds(view: RunView) -> bool:
    """Whether there are so few seeds that each can be seen."""
    return 1 < view.num_seeds <= MAX_SEED_LINES // len(view.arms) and not _is_single(view)


def _times(view: RunView) -> list[float]:
    return sorted(view.metrics[view.clock].unique().tolist())


def _time_axis(view: RunView) -> alt.X:
    times = _times(view)
    # By default, Vega puts ticks on half epochs if there are two or three epochs, and rounds their labels.
    ticks: dict[str, Any] = {"tickMinStep": 1, "tickCount": 5}
    if len(times) <= MAX_TIMES_WITH_MARKS and view.clock == EPOCH:
        ticks = {"values": times}
    scale = {"domain": [times[0], times[-1]], "nice": False, "padding": 8}
    if view.is_logarithmic:
        scale["type"] = "log"
        decades = range(math.floor(math.log10(times[0])), math.ceil(math.log10(times[-1])))
        ticks = {"values": [factor * 10**power for power in decades for factor in (1, 3)]}
    return alt.X("time:Q", title=view.clock, axis={"format": TIME_FORMAT, "grid": False, **ticks}, scale=scale)


def _bar_axis(view: RunView) -> alt.X:
    return alt.X("time:O", title=view.clock, axis={"labelAngle": 0})


def _split_scale(view: RunView, looks: Mapping[str, Any]) -> dict[str, Any]:
    """The run's splits, the same for all panels even if a panel lacks one, because they share a legend."""
    measured = view.metrics.dropna(axis="columns", how="all").columns
    splits = [split for split in looks if any(f"{split}_{measure}" in measured for measure in METRICS)]
    return {"domain": splits, "range": [looks[split] for split in splits]}
