"""How the final results depend on a swept number, such as a width: the lecture's figure of capacity."""

from typing import Any

import altair as alt
import pandas as pd

from bnreg.analysis.charts.curves import SPREAD
from bnreg.analysis.charts.responses import response_key, responses
from bnreg.analysis.run_view import RunView
from bnreg.metrics import METRICS
from bnreg.report.charts.style import (
    DASHES,
    arm_color,
    arm_toggle,
    best_note,
    drawn_measure,
    faded,
    headed,
    heading,
    measure_title,
    reading_notes,
    row_of,
    split_dash,
)
from bnreg.wording import brief_label, counted, told_apart

MAX_ROWS = 2  # of loss and accuracy
MAX_PANELS = 6
COLUMNS = 3
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
    its sum. The other settings of a sweep have a row of panels for each of their combinations, or if there are more
    than two, a panel with the declared metric alone for each of the first six.
    """
    key = response_key(view)
    assert key is not None
    found = responses(view, key)
    toggle = arm_toggle()
    notes = [*reading_notes(view, "; band: lowest to highest seed", diverged="left out"), best_note(view, "diamond")]
    what = f"Final loss and accuracy by {key}, a line for each arm."
    if len(found) <= MAX_ROWS:
        rows = [
            row_of((_panel(view, key, spreads, measure, toggle) for measure in METRICS), point, spacing=32)
            for point, spreads in found
        ]
        rows[0].hconcat[0] = rows[0].hconcat[0].add_params(toggle)
        return headed(alt.vconcat(*rows, spacing=28), view, what, notes, width=80)
    measure = drawn_measure(view)
    first, *panels = (
        _panel(view, key, spreads, measure, toggle).properties(title=heading(brief_label(point)))
        for point, spreads in found[:MAX_PANELS]
    )
    grid = alt.concat(first.add_params(toggle), *panels, columns=2 if len(found) == 4 else COLUMNS, spacing=28)
    if len(found) > MAX_PANELS:
        notes.append(f"the first {MAX_PANELS} of {counted(len(found), 'combination')} of the other settings")
    return headed(alt.vconcat(grid), view, what, notes)


def _panel(
    view: RunView, key: str, spreads: pd.DataFrame, measure: str, toggle: alt.Parameter
) -> alt.LayerChart | alt.FacetChart:
    data = spreads[spreads["measure"] == measure].drop(columns="measure")
    data[SPREAD] = (data[SPREAD] * METRICS[measure].scale).round(5)
    data["arm"] = data["arm"].map(dict(zip(view.arms, told_apart(view.arms), strict=True)))
    splits = [split for split in DASHES if split in set(data["split"])]
    dash = split_dash({"domain": splits, "range": [DASHES[split] for split in splits]})
    y: dict[str, Any] = {"title": measure_title(measure), "scale": {"zero": False}}
    low, mean = (alt.Y(f"{name}:Q", **y) for name in ("low", "mean"))
    tooltip = [alt.Tooltip("arm:N"), alt.Tooltip("split:N"), alt.Tooltip("x:Q", title=key, format=".4~g")]
    tooltip += [alt.Tooltip(f"{name}:Q", format=".5~g") for name in SPREAD]
    chart = alt.Chart(data).encode(x=_axis(key, sorted({*data["x"]})), color=arm_color(told_apart(view.arms)))
    band = chart.mark_area(aria=False).encode(y=low, y2="high:Q", detail="split:N", opacity=faded(toggle, 0.15))
    line = chart.mark_line(strokeWidth=2).encode(y=mean, strokeDash=dash, opacity=faded(toggle, 1))
    marks = chart.mark_circle(size=30, aria=False).encode(
        y=mean, detail="split:N", tooltip=tooltip, opacity=faded(toggle, 1)
    )
    layers = [band, line, marks]
    if data["is_best"].any():
        best = chart.transform_filter("datum.is_best").mark_point(shape="diamond", size=150, strokeWidth=2, aria=False)
        layers.append(best.encode(y=mean, opacity=faded(toggle, 1)))
    return alt.layer(*layers).properties(width=320, height=250)


def _axis(key: str, values: list[float]) -> alt.X:
    """The values of the key, on a logarithmic axis where a linear one would crowd them at one end."""
    positive = [value for value in values if value > 0]
    scale: dict[str, Any] = {"nice": False, "padding": 8, "zero": False}
    if values[:1] >= [0] and positive and positive[-1] >= MIN_RATIO_FOR_LOG * positive[0]:
        zero: dict[str, Any] = {"type": "symlog", "constant": positive[0]} if values[0] == 0 else {"type": "log"}
        scale = {**zero, "nice": False, "padding": 8}
    axis = {"format": ".3~g", "grid": False, "values": values, "labelOverlap": "greedy", "labelSeparation": 8}
    return alt.X("x:Q", title=key, axis=axis, scale=scale)
