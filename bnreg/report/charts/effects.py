"""Differences from the baseline as rows of a chart: the mean with its interval, zero, and what counts as equivalent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from bnreg.analysis.comparison import block_of
from bnreg.analysis.judged import Judged
from bnreg.analysis.run_view import RunView
from bnreg.metrics import label_of
from bnreg.report.charts.style import GREY, arm_scale
from bnreg.report.finding import difference_text, is_said
from bnreg.wording import brief_label, told_apart

ROW_HEIGHT = 20


@dataclass(frozen=True)
class Row:
    """A comparison and its name on the chart."""

    label: str
    arm: str
    judged: Judged

    @property
    def place(self) -> dict[str, Any]:
        """What says which row it is."""
        return {"row": self.label, "arm": self.arm}


def declared(view: RunView) -> list[Judged]:
    """The comparisons on the metric that the run declares; none without a baseline."""
    block = block_of(view)
    return [one for one in block.judged if one.metric == block.compared[0]]


def lacking_comparisons(view: RunView) -> str | None:
    """What a run lacks for a chart of differences: a baseline, or results of both sides."""
    judged = declared(view)
    if not judged:
        return "no baseline is declared" if view.baseline is None else "no arm is compared with the baseline"
    return None if any(one.evidence.is_tested for one in judged) else "no two seeds to compare"


def rows_of(view: RunView, judged: Sequence[Judged]) -> list[Row]:
    """The rows of a chart, named by what differs between them."""
    names = dict(zip(view.arms, told_apart(view.arms), strict=True))
    one_arm = len({one.arm.side for one in judged}) == 1
    labels = [_label(one, names[one.arm.side], one_arm) for one in judged]
    return [Row(label, names[one.arm.side], one) for label, one in zip(told_apart(labels), judged, strict=True)]


def _label(one: Judged, arm: str, one_arm: bool) -> str:
    if not one.arm.point:
        return arm
    return brief_label(one.arm.point) if one_arm else f"{arm}, {brief_label(one.arm.point)}"


def row_axis(rows: Sequence[Row]) -> alt.Y:
    """One row under the other, in their order."""
    axis = {"labelLimit": 0, "domain": False, "ticks": False, "labelPadding": 8}
    return alt.Y("row:N", title=None, sort=[row.label for row in rows], axis=axis)


def difference_axis(field: str, judged: Judged) -> alt.X:
    """The axis of a difference in the unit in which it is shown."""
    unit = f", {judged.shown.difference_unit}" if judged.shown.difference_unit else ""
    title = f"difference of {label_of(judged.metric)} from {judged.baseline.side}{unit}"
    return alt.X(f"{field}:Q", title=title, axis={"format": "~r", "grid": True, "tickCount": 7})


def background(judged: Judged, *, upwards: bool = False) -> list[alt.Chart]:
    """Zero as a line and, if a smallest effect was declared, the region of equivalence as a shade.

    Args:
        judged: One of the comparisons.
        upwards: Whether differences are read upwards instead of from left to right.
    """
    first, second = ("y", "y2") if upwards else ("x", "x2")
    zero: alt.Chart = alt.Chart(alt.InlineData(values=[{first: 0}])).mark_rule(color=GREY, strokeWidth=1.5)
    layers = [zero.encode(**{first: f"{first}:Q"})]
    if effect := judged.evidence.smallest_effect:
        edge = effect * judged.shown.scale
        shade = alt.Chart(alt.InlineData(values=[{first: -edge, second: edge}])).mark_rect(color=GREY, opacity=0.18)
        layers.insert(0, shade.encode(**{first: f"{first}:Q", second: f"{second}:Q"}))
    return layers


def equivalence_note(judged: Judged) -> list[str]:
    """What the shade is, if there is one."""
    effect = judged.evidence.smallest_effect
    unit = f" {judged.shown.difference_unit}" if judged.shown.difference_unit else ""
    return [f"grey: equivalent, less than {effect * judged.shown.scale:g}{unit} apart"] if effect else []


def means(view: RunView, rows: Sequence[Row]) -> list[alt.Chart]:
    """The mean and its interval in each row, and beside it both as text, and the verdict."""
    data = [row.place | _numbers(row.judged) for row in rows]
    chart = alt.Chart(alt.InlineData(values=data)).encode(
        y=row_axis(rows), tooltip=[alt.Tooltip(f"{name}:N") for name in ("row", "verdict", "difference")]
    )
    interval = chart.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=3)
    mean = chart.transform_filter("isValid(datum.mean)").mark_tick(thickness=3, size=15, opacity=1)
    color = arm_color_in_rows(view)
    text = (chart.mark_text(align="left", fontSize=12, dx=dx, color=GREY, aria=False) for dx in (14, 100))
    return [
        interval.encode(x=alt.X("low:Q"), x2="high:Q", color=color),
        mean.encode(x=difference_axis("mean", rows[0].judged), color=color),
        *(
            column.encode(x=alt.value("width"), text=f"{name}:N")
            for column, name in zip(text, ("verdict", "difference"), strict=True)
        ),
    ]


def arm_color_in_rows(view: RunView) -> alt.Color:
    """The colour of each arm, without a legend because the rows have names."""
    return alt.Color("arm:N", scale=arm_scale(told_apart(view.arms)), legend=None)


def _numbers(one: Judged) -> dict[str, Any]:
    """The numbers of a comparison, as they are shown; an end at infinity is no end of an interval."""
    evidence, scale = one.evidence, one.shown.scale
    interval = evidence.interval if evidence.interval and abs(evidence.interval[0]) < float("inf") else None
    low, high = interval or (None, None)
    scaled = {"mean": evidence.difference, "low": low, "high": high}
    return {
        **{
            name: None if value is None or value != value else round(value * scale, 6) for name, value in scaled.items()
        },
        "verdict": is_said(one).removeprefix("is "),
        "difference": difference_text(one) if evidence.is_tested else "",
    }
