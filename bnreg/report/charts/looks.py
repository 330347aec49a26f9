"""How the evidence grew with the seeds: the interval that holds at every look, and p."""

import math
from typing import Any

import altair as alt

from bnreg.analysis.charts.looks import LEVEL, evidence_by_seeds, fewest_seeds
from bnreg.analysis.comparison import block_of
from bnreg.analysis.judged import Judged
from bnreg.analysis.run_view import RunView
from bnreg.metrics import label_of
from bnreg.report.charts.effects import Row, background, declared, equivalence_note, lacking_comparisons, rows_of
from bnreg.report.charts.style import GREY, arm_scale, evenly, headed
from bnreg.report.comparison.numbers import p_text
from bnreg.report.finding import difference_text, is_said
from bnreg.wording import counted, told_apart

MAX_PANELS = 4
SIZES = {1: 560, 2: 400, 3: 300, 4: 230}  # number of panels in a row → width of each


def lacking(view: RunView) -> str | None:
    """What the run lacks for this chart: comparisons, seeds in rounds, and enough of them for an interval."""
    if not view.is_sequential:
        return "all of its seeds were planned before the first look"
    if reason := lacking_comparisons(view):
        return reason
    enough = max(one.evidence.num_pairs for one in declared(view)) >= fewest_seeds()
    return None if enough else f"fewer than {fewest_seeds()} pairs of seeds"


def draw(view: RunView) -> alt.VConcatChart:
    """The interval of the difference above, and p below, against the number of seeds; a panel for each comparison."""
    chosen = evenly(rows_of(view, declared(view)), MAX_PANELS)
    rows = _rows(view, chosen)
    width, one = SIZES[len(chosen)], chosen[0].judged
    chart = _chart(view)
    figure = alt.vconcat(
        _faceted(_intervals(chart, one), rows, chosen, width, 230),
        _faceted(_p_values(chart), rows, chosen, width, 110),
    )
    looks = f"; looked at with {', '.join(map(str, view.info.looks))} seeds" if view.info.looks else ""
    notes = [f"95 % interval that holds at every look, after each seed{looks}", *equivalence_note(one)]
    if len(chosen) < len(declared(view)):
        notes.append(f"{len(chosen)} of {counted(len(declared(view)), 'comparison')}, evenly chosen")
    what = f"Interval of the difference of {label_of(one.metric)} and p, against the number of seeds."
    return headed(figure, view, what, notes)


def _rows(view: RunView, chosen: list[Row]) -> list[dict[str, Any]]:
    """Where each comparison stood after each number of seeds."""
    shown = {(row.judged.arm.label): row for row in chosen}
    return [
        shown[one.arm.label].place | _standing(one) | {"seeds": number, "look": number in view.info.looks}
        for number, judged in evidence_by_seeds(block_of(view))
        for one in judged
        if one.arm.label in shown
    ]


def _standing(one: Judged) -> dict[str, Any]:
    evidence, scale = one.evidence, one.shown.scale
    low, high = evidence.interval or (math.inf, math.inf)
    numbers = {"mean": evidence.difference * scale, "low": low * scale, "high": high * scale}
    finite = {name: round(value, 6) if math.isfinite(value) else None for name, value in numbers.items()}
    p = evidence.verdict.corrected_p
    text = f"{is_said(one).removeprefix('is ')}: {difference_text(one)}" if evidence.is_tested else "untested"
    return finite | {"p": float(f"{p:.3g}"), "verdict": text, "p_text": p_text(p)}


def _chart(view: RunView) -> alt.Chart:
    axis = {"format": "d", "tickMinStep": 1, "grid": False}
    color = alt.Color("arm:N", scale=arm_scale(told_apart(view.arms)), legend=None)
    tooltip = [alt.Tooltip("seeds:Q"), alt.Tooltip("verdict:N"), alt.Tooltip("p_text:N", title="p")]
    chart: alt.Chart = alt.Chart().encode(
        x=alt.X("seeds:Q", title="number of seeds", axis=axis, scale={"zero": False, "nice": False, "padding": 8}),
        color=color,
        tooltip=tooltip,
    )
    return chart


def _intervals(chart: alt.Chart, one: Judged) -> list[alt.Chart]:
    unit = f", {one.shown.difference_unit}" if one.shown.difference_unit else ""
    title = f"difference from {one.baseline.side}{unit}"
    low, mean = (alt.Y(f"{name}:Q", title=title, axis={"format": "~r"}) for name in ("low", "mean"))
    finite = chart.transform_filter("isValid(datum.low) && isValid(datum.high)")
    return [
        *background(one, upwards=True),
        finite.mark_area(opacity=0.25).encode(y=low, y2="high:Q"),
        chart.mark_line(strokeWidth=2).encode(y=mean),
        chart.transform_filter("datum.look").mark_circle(size=70, opacity=1).encode(y=mean),
    ]


def _p_values(chart: alt.Chart) -> list[alt.Chart]:
    y = alt.Y("p:Q", title="p", scale={"type": "log"}, axis={"format": "~g", "tickCount": 4})
    level = alt.Chart(alt.InlineData(values=[{"p": LEVEL}])).mark_rule(color=GREY, strokeDash=[4, 3])
    return [
        level.encode(y=y),
        chart.mark_line(strokeWidth=2).encode(y=y),
        chart.transform_filter("datum.look").mark_circle(size=70, opacity=1).encode(y=y),
    ]


def _faceted(
    layers: list[alt.Chart], rows: list[dict[str, Any]], chosen: list[Row], width: int, height: int
) -> alt.FacetChart:
    """A panel for each comparison."""
    facet = alt.Facet("row:N", sort=[row.label for row in chosen], title=None)
    data = alt.InlineData(values=rows)
    return alt.LayerChart(layer=layers, data=data, width=width, height=height).facet(facet, columns=MAX_PANELS)
