"""A sweep of two settings as a map: the final accuracy in each cell."""

import altair as alt
import pandas as pd

from bnreg.analysis.charts.grids import Grids, free_keys, grids_of
from bnreg.analysis.comparison import declared_metric
from bnreg.analysis.groups import distinct
from bnreg.analysis.run_view import RunView
from bnreg.metrics import label_of, metric_of
from bnreg.report.charts.style import best_note, headed, reading_notes
from bnreg.report.comparison.numbers import header, number
from bnreg.wording import brief_label, natural_order, short_names, told_apart

MAX_PANELS = 8
CELL = (58, 34)  # pixels
MAX_WIDTH = 1000  # of the maps in a row
DARK = 0.55  # beyond this share of the colours, a cell's text is white


def lacking(view: RunView) -> str | None:
    """What the run lacks for this chart: two swept settings, or results."""
    if len(free_keys(view)) < 2:
        return "fewer than two settings are swept"
    return None if {*view.summary["status"]} != {"diverged"} else "every replica diverged"


def draw(view: RunView) -> alt.VConcatChart:
    """A map for each arm; the settings beyond two have a map for each combination, of at most eight maps."""
    grids, metric = grids_of(view), declared_metric(view)
    cells = _cells(view, grids, metric)
    panels = distinct(cells["panel"])
    shown = cells[cells["panel"].isin(panels[:MAX_PANELS])]
    num_along = cells["along"].nunique()
    columns = max(1, min(len(view.arms), MAX_WIDTH // (num_along * CELL[0] + 60)))
    figure = alt.vconcat(_maps(shown, grids, metric, panels[:MAX_PANELS], columns))
    mean, *diverged = reading_notes(view, "", diverged="left out")
    notes = [f"{header(metric)}, {mean}", *diverged, best_note(view, "framed")]
    if len(panels) > MAX_PANELS:
        notes.append(f"the first {MAX_PANELS} of {len(panels)} maps")
    what = f"Mean {label_of(metric)} by {grids.along} and {grids.across}, a map for each arm."
    return headed(figure, view, what, notes, width=80)


def _cells(view: RunView, grids: Grids, metric: str) -> pd.DataFrame:
    """The cells with their places, as text, and their colours, as the share of the range."""
    cells, scale = grids.cells, metric_of(metric).scale
    names = dict(zip(view.arms, told_apart(view.arms), strict=True))
    points = [view.points[index] for index in cells["point"]]
    rest = [brief_label(grids.rest[index]) for index in cells["point"]]
    arms = [names[arm] if len(names) > 1 else "" for arm in cells["arm"]]
    value = cells["mean"] * scale
    share = (value - value.min()) / (value.max() - value.min() or 1)
    return pd.DataFrame(
        {
            "panel": [", ".join(filter(None, parts)) for parts in zip(arms, rest, strict=True)],
            "along": [brief_label({"": point[grids.along]}).removeprefix("=") for point in points],
            "across": [brief_label({"": point[grids.across]}).removeprefix("=") for point in points],
            "value": value.round(4),
            "text": [_text(one, all_fell, scale) for one, all_fell in zip(value, cells["mean"].isna(), strict=True)],
            "is_dark": share > DARK,
            "is_best": cells["is_best"],
            "diverged": [f"{n} of {of}" for n, of in zip(cells["num_diverged"], cells["num_seeds"], strict=True)],
        }
    )


def _text(value: float, has_diverged: bool, scale: float) -> str:
    return "div." if has_diverged else number(value, 1 if scale > 1 else 3)


def _maps(cells: pd.DataFrame, grids: Grids, metric: str, panels: list[str], columns: int) -> alt.FacetChart:
    along, across = short_names([grids.along, grids.across])
    tooltip = [alt.Tooltip("panel:N"), alt.Tooltip("along:N", title=along), alt.Tooltip("across:N", title=across)]
    tooltip += [alt.Tooltip("text:N", title=header(metric)), alt.Tooltip("diverged:N")]
    chart = alt.Chart(cells).encode(
        x=alt.X("along:O", title=along, sort=_order(cells["along"]), axis={"labelAngle": 0, "labelLimit": 0}),
        y=alt.Y("across:O", title=across, sort=_order(cells["across"]), axis={"labelLimit": 160}),
        tooltip=tooltip,
    )
    color = alt.Color("value:Q", title=header(metric), scale={"scheme": "blues"}, legend=None)
    frame = chart.transform_filter("datum.is_best").mark_rect(filled=False, stroke="#D55E00", strokeWidth=3)
    white_on_dark = alt.condition("datum.is_dark", alt.value("white"), alt.value("#222222"))
    layers = [
        chart.mark_rect(stroke="white").encode(color=color),
        frame,
        chart.mark_text(fontSize=12).encode(text="text:N", color=white_on_dark),
    ]
    width, height = map(alt.Step, CELL)
    facet = alt.Facet("panel:N", title=None, sort=panels)
    return alt.LayerChart(layer=layers, data=cells, width=width, height=height).facet(
        facet, columns=columns, spacing=20
    )


def _order(texts: pd.Series) -> list[str]:
    """Numbers by size, other values in the order of the config."""
    names = distinct(texts)
    return sorted(names, key=natural_order) if all(one[:1].isdigit() for one in names) else names
