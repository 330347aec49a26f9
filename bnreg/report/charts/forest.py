"""The forest plot of a sweep: the difference from the baseline at each point."""

import altair as alt

from bnreg.analysis.run_view import RunView
from bnreg.metrics import label_of
from bnreg.report.charts.effects import (
    ROW_HEIGHT,
    background,
    declared,
    equivalence_note,
    lacking_comparisons,
    means,
    rows_of,
)
from bnreg.report.charts.style import evenly, headed
from bnreg.wording import natural_order

MAX_ROWS = 40


def lacking(view: RunView) -> str | None:
    """What the run lacks for this chart: several points, and arms that are compared at them."""
    return lacking_comparisons(view) or (None if len(view.points) > 1 else "no setting is swept")


def draw(view: RunView) -> alt.LayerChart:
    """The mean difference and its 95 % interval at each point, in the order of the swept values."""
    judged = sorted(declared(view), key=lambda one: [natural_order(value) for value in one.arm.point.values()])
    rows = rows_of(view, evenly(judged, MAX_ROWS))
    one = rows[0].judged
    figure = alt.LayerChart(layer=[*background(one), *means(view, rows)], width=520, height=alt.Step(ROW_HEIGHT))
    notes = ["mean over the seeds with its 95 % interval", *equivalence_note(one)]
    if len(judged) > MAX_ROWS:
        notes.append(f"{MAX_ROWS} of {len(judged)} comparisons, evenly chosen")
    what = f"Differences of {label_of(one.metric)} from {one.baseline.side}, a row for each point of the sweep."
    return headed(figure, view, what, notes)
