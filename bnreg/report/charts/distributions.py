"""What the layers read while a network trains: Ioffe & Szegedy's figure of the internal covariate shift."""

import altair as alt
import pandas as pd

from bnreg.analysis.distributions import DIAGNOSTIC, PERCENTILES, distributions_of, unwatched
from bnreg.analysis.run_view import RunView
from bnreg.config.key_paths import Point
from bnreg.report.charts.style import arm_color, reading_notes, row_of, themed
from bnreg.wording import counted, told_apart

MAX_POINTS = 4
MAX_LAYERS = 6


def lacking(view: RunView) -> str | None:
    """What the run lacks for this chart: the diagnostic that it draws."""
    return unwatched(view, DIAGNOSTIC)


def draw(view: RunView) -> alt.VConcatChart:
    """The pre-activations of a fixed probe of images over the steps, a panel for each layer.

    A line is the median, and its band reaches from the 15th to the 85th percentile, each in the mean over the seeds. Of
    more than six layers, the first, the last, and four between them are drawn; of a sweep, the first four points.

    References:
        Ioffe & Szegedy, Batch Normalization, arXiv:1502.03167, figure 1 b and c
    """
    points = distributions_of(view)
    rows = (_row(view, point, seen) for point, seen in points[:MAX_POINTS])
    notes = ["pre-activations by layer: the median, and from the 15th to the 85th percentile"]
    notes += reading_notes(view, "", diverged="seen while finite")
    if len(points) > MAX_POINTS:
        notes.append(f"the first {MAX_POINTS} of {counted(len(points), 'point')}")
    return themed(alt.vconcat(*rows, spacing=28), f"{view.name}: {view.dataset_label}", notes)


def _row(view: RunView, point: Point, seen: pd.DataFrame) -> alt.HConcatChart:
    layers = sorted({*seen["layer"]})
    step = max(1.0, (len(layers) - 1) / (MAX_LAYERS - 1))
    shown = dict.fromkeys(layers[round(number * step)] for number in range(min(MAX_LAYERS, len(layers))))
    panels = (_panel(view, seen[seen["layer"] == layer], f"layer {layer}") for layer in shown)
    row: alt.HConcatChart = row_of(panels, point, spacing=24).resolve_scale(y="shared")
    return row


def _panel(view: RunView, seen: pd.DataFrame, title: str) -> alt.LayerChart | alt.FacetChart:
    steps = sorted({*seen["step"]})
    is_even = len(steps) < 3 or steps[-1] - steps[-2] <= 2 * (steps[2] - steps[1])
    decades = [0, *(10**power for power in range(len(str(steps[-1]))))]
    data = seen[["arm", "step", *PERCENTILES.values()]].round(4)
    data["arm"] = data["arm"].map(dict(zip(view.arms, told_apart(view.arms), strict=True)))
    chart = alt.Chart(data).encode(
        x=alt.X(
            "step:Q",
            axis=alt.Axis(
                format=",d", grid=False, **({"tickCount": 5, "tickMinStep": 1} if is_even else {"values": decades})
            ),
            scale=alt.Scale(type="linear" if is_even else "symlog", nice=False),
        ),
        color=arm_color(told_apart(view.arms)),
    )
    y = alt.Y("low:Q", title="pre-activation")
    band = chart.mark_area(opacity=0.2, aria=False).encode(y=y, y2="high:Q")
    line = chart.mark_line(strokeWidth=2, point=len(steps) == 1).encode(y=alt.Y("middle:Q", title="pre-activation"))
    heading = alt.TitleParams(title, anchor="start", fontSize=13)
    return alt.layer(band, line).properties(width=230, height=210, title=heading)
