"""How the final results depend on a swept number, such as a width: the lecture's figure of capacity."""

from typing import Any

import altair as alt
import pandas as pd

from bnreg.analysis.curves import SPREAD
from bnreg.analysis.responses import response_key, responses
from bnreg.analysis.run_view import RunView
from bnreg.config.key_paths import Point
from bnreg.metrics import METRICS
from bnreg.report.charts.style import DASHES, arm_color, measure_title, reading_notes, row_of, split_dash, themed
from bnreg.wording import counted, told_apart

MAX_ROWS = 6
MIN_RATIO_FOR_LOG = 20  # on a linear axis, values that grow this much crowd at one end


def lacking(view: RunView) -> str | None:
    """What the run lacks for this chart: a swept number, or results."""
    key = response_key(view)
    if key is None:
        return "no setting is swept over distinct numbers"
    return None if responses(view, key) else "every replica diverged"


def draw(view: RunView) -> alt.VConcatChart:
    """Final loss and accuracy against the swept setting that has the most numbers, for each arm and split.

    A line is the mean over the seeds; its band reaches from the lowest seed to the highest. A list of widths counts as
    its sum. The other settings of a sweep have a row of panels for each of their first 6 combinations.
    """
    key = response_key(view)
    assert key is not None
    found = responses(view, key)
    figure = alt.vconcat(*(_row(view, key, point, spreads) for point, spreads in found[:MAX_ROWS]), spacing=28)
    notes = reading_notes(view, "; band: lowest to highest seed", diverged="left out")
    if len(found) > MAX_ROWS:
        notes.append(f"the first {MAX_ROWS} of {counted(len(found), 'combination')} of the other settings")
    return themed(figure, f"{view.name}: {view.dataset_label}", notes)


def _row(view: RunView, key: str, point: Point, spreads: pd.DataFrame) -> alt.HConcatChart:
    return row_of((_panel(view, key, spreads, measure) for measure in METRICS), point, spacing=32)


def _panel(view: RunView, key: str, spreads: pd.DataFrame, measure: str) -> alt.LayerChart | alt.FacetChart:
    data = spreads[spreads["measure"] == measure].drop(columns="measure")
    data[SPREAD] = (data[SPREAD] * METRICS[measure].scale).round(5)
    data["arm"] = data["arm"].map(dict(zip(view.arms, told_apart(view.arms), strict=True)))
    values = sorted({*data["x"]})
    positive = [value for value in values if value > 0]
    scale = alt.Scale(nice=False, padding=8, zero=False)
    if values[:1] >= [0] and positive and positive[-1] >= MIN_RATIO_FOR_LOG * positive[0]:
        zero = {"type": "symlog", "constant": positive[0]} if values[0] == 0 else {"type": "log"}
        scale = alt.Scale(**zero, nice=False, padding=8)
    axis = alt.Axis(format=".4~g", grid=False, values=values, labelOverlap="greedy")
    splits = [split for split in DASHES if split in set(data["split"])]
    dash = split_dash(alt.Scale(domain=splits, range=[DASHES[split] for split in splits]))
    y: dict[str, Any] = {"title": measure_title(measure), "scale": alt.Scale(zero=False)}
    chart = alt.Chart(data).encode(
        x=alt.X("x:Q", title=key, axis=axis, scale=scale), color=arm_color(told_apart(view.arms))
    )
    band = chart.mark_area(opacity=0.15, aria=False).encode(y=alt.Y("low:Q", **y), y2="high:Q", detail="split:N")
    line = chart.mark_line(strokeWidth=2).encode(y=alt.Y("mean:Q", **y), strokeDash=dash)
    marks = chart.mark_circle(size=30, opacity=1, aria=False).encode(y=alt.Y("mean:Q", **y), detail="split:N")
    return alt.layer(band, line, marks).properties(width=320, height=250)
