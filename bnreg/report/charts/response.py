"""How the final results depend on a swept number, such as a width: the lecture's figure of capacity."""

from typing import Any

import altair as alt
import pandas as pd

from bnreg.analysis.replicas import metric_names, replicas_of
from bnreg.analysis.run_view import RunView
from bnreg.errors import UserError
from bnreg.metrics import METRICS
from bnreg.report.charts.drawing import DASHES, arm_color, themed
from bnreg.wording import counted, point_label, told_apart

MAX_ROWS = 6
MIN_RATIO_FOR_LOG = 20  # on a linear axis, values that grow this much crowd at one end


def response(view: RunView) -> alt.VConcatChart:
    """Final loss and accuracy against the swept setting that has the most numbers, for each arm and split.

    A line is the mean over the seeds; its band reaches from the lowest seed to the highest. A list of widths counts as
    its sum. The other settings of a sweep have a row of panels for each of their first 6 combinations.

    Raises:
        UserError: If no numbers are swept.
    """
    key = _key(view)
    results = _results(view, key)
    rows = [*results.groupby("row", sort=False)]
    figure = alt.vconcat(*(_row(view, key, str(name), row) for name, row in rows[:MAX_ROWS]), spacing=28)
    num_seeds = view.num_seeds
    notes = ["one seed"] if num_seeds == 1 else [f"mean of {num_seeds} seeds; band: lowest to highest seed"]
    if len(rows) > MAX_ROWS:
        notes.append(f"the first {MAX_ROWS} of {counted(len(rows), 'combination')} of the other settings")
    return themed(figure, f"{view.name}: {view.dataset_label}", notes)


def _number(value: Any) -> float | None:
    """A number, or the sum of a list of numbers; None for anything else."""
    if isinstance(value, list | tuple):
        numbers = [*map(_number, value)]
        return None if None in numbers or not numbers else sum(number for number in numbers if number is not None)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _key(view: RunView) -> str:
    """The swept key with the most numbers."""
    numbers = {key: [_number(point[key]) for point in view.points] for key in view.point_keys}
    counts = {key: len({*found}) for key, found in numbers.items() if None not in found}
    best = max(counts, key=counts.__getitem__, default=None)
    if best is None or counts[best] < 2:
        raise UserError(f"{view.id}: no response to draw: it sweeps no numbers; another chart is --chart curves")
    return best


def _results(view: RunView, key: str) -> pd.DataFrame:
    """One row per row of panels, measure, split, arm and value of the key: the mean, lowest and highest value."""
    names = [name for name in metric_names(view) if name.partition("_")[2] in METRICS]
    shown = dict(zip(view.arms, told_apart(view.arms), strict=True))
    found = []
    for one in replicas_of(view, names):
        point = view.points[one.id.point_index]
        row = point_label({other: value for other, value in point.items() if other != key})
        for name in names:
            split, _, measure = name.partition("_")
            value = one.values[name] * METRICS[measure].scale
            found.append((row, measure, split, shown[one.id.arm], _number(point[key]), value))
    columns = ["row", "measure", "split", "arm", "x"]
    values = pd.DataFrame(found, columns=[*columns, "value"]).dropna().groupby(columns, sort=False)["value"]
    return values.agg(mean="mean", low="min", high="max").round(5).reset_index()


def _row(view: RunView, key: str, name: str, results: pd.DataFrame) -> alt.HConcatChart:
    panels = (_panel(view, key, results[results["measure"] == measure], measure) for measure in METRICS)
    row = alt.hconcat(*panels, spacing=32)
    if name:
        row.title = alt.TitleParams(name, anchor="start", fontSize=14)
    return row


def _panel(view: RunView, key: str, results: pd.DataFrame, measure: str) -> alt.LayerChart | alt.FacetChart:
    values = sorted({*results["x"]})
    scale = alt.Scale(nice=False, padding=8, zero=False)
    if values[0] > 0 and values[-1] >= MIN_RATIO_FOR_LOG * values[0]:
        scale = alt.Scale(type="log", nice=False, padding=8)
    axis = alt.Axis(format=".2~g", grid=False, values=values, labelOverlap="greedy")
    unit = METRICS[measure].unit
    splits = [split for split in DASHES if split in set(results["split"])]
    dash = alt.StrokeDash(
        "split:N",
        scale=alt.Scale(domain=splits, range=[DASHES[split] for split in splits]),
        legend=alt.Legend(symbolSize=350),
    )
    y: dict[str, Any] = {"title": f"{measure}, {unit}" if unit else measure, "scale": alt.Scale(zero=False)}
    chart = alt.Chart(results.drop(columns=["row", "measure"])).encode(
        x=alt.X("x:Q", title=key, axis=axis, scale=scale),
        color=arm_color(told_apart(view.arms)),
    )
    band = chart.mark_area(opacity=0.15, aria=False).encode(y=alt.Y("low:Q", **y), y2="high:Q", detail="split:N")
    line = chart.mark_line(strokeWidth=2).encode(y=alt.Y("mean:Q", **y), strokeDash=dash)
    marks = chart.mark_circle(size=30, opacity=1, aria=False).encode(y=alt.Y("mean:Q", **y), detail="split:N")
    return alt.layer(band, line, marks).properties(width=320, height=250)
