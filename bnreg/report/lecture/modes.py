"""The cost of evaluation in the wrong mode, as a table and as a chart."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import altair as alt
import pandas as pd
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bnreg.report.charts.style import arm_color, themed
from bnreg.wording import counted, point_label, told_apart

Records = Sequence[Mapping[str, Any]]

# Number of arms that fit side by side into 80 columns.
ARMS_PER_TABLE = 2

MAX_POINTS = 12
COLUMNS = 2

EVAL = "eval mode"
CURVES = {"shuffled": "train mode, shuffled", "sorted": "train mode, sorted by class"}
DASHES: dict[str, list[float]] = {EVAL: [1.5, 2.5], CURVES["shuffled"]: [1, 0], CURVES["sorted"]: [7, 4]}

# On the logarithmic axis, the whole test set is one step, a factor of 4, to the right of the largest batch size.
STEP = 4


def modes_tables(records: Records) -> Group:
    """Test accuracy in percent by batch size, for each arm and order; one block per point of the sweep.

    Args:
        records: One for each arm at a point, from ``ArmModes.describe``.
    """
    parts: list[RenderableType] = [Text(f"test accuracy in %: {_seeds(records)} (lowest–highest)"), ""]
    for point, arms in _by_point(records):
        if point:
            parts += [Text(point_label(point), "bold"), ""]
        for first in range(0, len(arms), ARMS_PER_TABLE):
            parts += [_table(arms[first : first + ARMS_PER_TABLE]), ""]
    return Group(*parts, *(Text(note) for note in _missing(records)))


def _table(arms: Records) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("mode", justify="right", no_wrap=True)
    for arm in arms:
        for order in CURVES:
            table.add_column(Text(f"{arm['arm']}\n{order}"), justify="right", overflow="fold")
    table.add_row("eval", *(Text(_cell(arm["eval"])) for arm in arms for _ in CURVES), end_section=True)
    for index, size in enumerate(_batch_sizes(arms)):
        results = [_result(arm, order, size) for arm in arms for order in CURVES]
        table.add_row(f"train {size}" if index == 0 else str(size), *(Text(_cell(result)) for result in results))
    return table


def _cell(result: Mapping[str, Any]) -> str:
    mean, lowest, highest = (f"{result[name] * 100:.1f}" for name in ("mean", "lowest", "highest"))
    return mean if len(result["accuracies"]) == 1 else f"{mean} ({lowest}–{highest})"


def modes_chart(records: Records, title: str) -> alt.ConcatChart:
    """Test accuracy against the evaluation batch size, for each arm and order, together with that in eval mode.

    A line is the mean over the seeds; its band reaches from the lowest seed to the highest. A sweep has a panel for
    each of its first 12 points.

    Args:
        records: One for each arm at a point, from ``ArmModes.describe``.
        title: The run and its data.
    """
    points = _by_point(records)
    panels = [_panel(point, arms) for point, arms in points[:MAX_POINTS]]
    notes = [f"test accuracy in eval mode and, deliberately, in train mode; {_seeds(records)}"]
    if any(len(record["seeds"]) > 1 for record in records):
        notes[0] += "; band: lowest to highest"
    notes += _missing(records)
    if len(points) > MAX_POINTS:
        notes.append(f"the first {MAX_POINTS} of {len(points)} points")
    return themed(alt.concat(*panels, columns=COLUMNS, spacing=32), title, notes)


def _panel(point: Mapping[str, Any], arms: Records) -> alt.LayerChart | alt.FacetChart:
    sizes = [size for size in _batch_sizes(arms) if size != "all"]
    places = {**{size: size for size in sizes}, "all": sizes[-1] * STEP}
    arm_names = [arm["arm"] for arm in arms]
    names = dict(zip(arm_names, told_apart(arm_names), strict=True))
    rows = pd.DataFrame(
        {
            "arm": names[arm["arm"]],
            "curve": curve,
            "place": place,
            "batch size": str(size),
            **{name: round(result[name] * 100, 4) for name in ("mean", "lowest", "highest")},
        }
        for arm in arms
        for curve, size, place, result in _curves(arm, places)
    )
    x = alt.X(
        "place:Q",
        title="evaluation batch size",
        scale=alt.Scale(type="log", domain=[sizes[0], places["all"]], nice=False, padding=10),
        axis=alt.Axis(
            values=list(places.values()),
            grid=False,
            labelExpr=f"datum.value == {places['all']} ? 'all' : format(datum.value, 'd')",
        ),
    )
    color = arm_color([*names.values()])
    dash = alt.StrokeDash(
        "curve:N",
        title="mode and order",
        scale=alt.Scale(domain=list(DASHES), range=list(DASHES.values())),
        legend=alt.Legend(symbolSize=500),
    )
    y_scale = alt.Scale(domain=[0, 100], nice=False)
    low, mean = (alt.Y(f"{name}:Q", title="test accuracy, %", scale=y_scale) for name in ("lowest", "mean"))
    chart = alt.Chart(rows).encode(x=x, color=color)
    marked = alt.Chart(rows[rows["curve"] != EVAL]).encode(x=x, color=color)
    panel = alt.layer(
        chart.mark_area(opacity=0.15, aria=False).encode(y=low, y2="highest:Q", detail="curve:N"),
        chart.mark_line(strokeWidth=2).encode(y=mean, strokeDash=dash),
        marked.mark_circle(size=30, opacity=1, aria=False).encode(y=mean, detail="curve:N"),
    )
    heading = {"title": alt.TitleParams(point_label(point), anchor="start", fontSize=14)} if point else {}
    return panel.properties(width=420, height=300, **heading)


def _curves(arm: Mapping[str, Any], places: Mapping[Any, int]) -> list[tuple[str, Any, int, Mapping[str, Any]]]:
    """Each curve's name, batch size, place on the axis and result; eval mode is the same at every batch size."""
    rows = [(EVAL, size, place, arm["eval"]) for size, place in places.items()]
    for order, curve in CURVES.items():
        rows += [(curve, size, place, _result(arm, order, size)) for size, place in places.items()]
    return rows


def _by_point(records: Records) -> list[tuple[Mapping[str, Any], Records]]:
    return [(arms[0]["point"], arms) for _, group in groupby(records, lambda r: r["point_index"]) if (arms := [*group])]


def _batch_sizes(arms: Records) -> list[Any]:
    """The batch sizes of train mode, in the order measured: numbers, then ``all``."""
    return list(dict.fromkeys(result["batch_size"] for result in arms[0]["train"]))


def _result(arm: Mapping[str, Any], order: str, batch_size: Any) -> Mapping[str, Any]:
    results: Records = arm["train"]
    (result,) = (r for r in results if (r["order"], r["batch_size"]) == (order, batch_size))
    return result


def _seeds(records: Records) -> str:
    num_seeds = max(len(record["seeds"]) + len(record["missing_seeds"]) for record in records)
    return "one seed" if num_seeds == 1 else f"mean of {num_seeds} seeds"


def _missing(records: Records) -> list[str]:
    """A line for each arm with diverged networks."""
    return [
        f"{record['arm']}{', ' if record['point'] else ''}{point_label(record['point'])}: "
        f"{counted(len(record['missing_seeds']), 'diverged network')} left out"
        for record in records
        if record["missing_seeds"]
    ]
