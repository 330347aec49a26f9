"""What the layers read while a network trains: Ioffe & Szegedy's figure of the internal covariate shift."""

import altair as alt

from bnreg.analysis.charts.distributions import DIAGNOSTIC, PERCENTILES, distributions_of
from bnreg.analysis.charts.over_steps import unseen
from bnreg.analysis.run_view import RunView
from bnreg.report.charts.layers import Row, layer_rows, left_out
from bnreg.report.charts.style import headed, reading_notes
from bnreg.wording import brief_label


def lacking(view: RunView) -> str | None:
    """What the run lacks for this chart: the diagnostic that it draws."""
    return unseen(view, DIAGNOSTIC, [*PERCENTILES])


def draw(view: RunView) -> alt.VConcatChart:
    """The pre-activations of a fixed probe of images over the steps, a panel for each layer.

    A line is the median, and its band reaches from the 15th to the 85th percentile, each in the mean over the seeds. Of
    more than six layers, the first, the last, and four between them are drawn; of a sweep, the first three points.

    References:
        Ioffe & Szegedy, Batch Normalization, arXiv:1502.03167, figure 1 b and c
    """
    rows = [Row(brief_label(point), "pre-activation", seen) for point, seen in distributions_of(view)]
    notes = ["pre-activations by layer: the median, and from the 15th to the 85th percentile"]
    notes += [*reading_notes(view, "", diverged="seen while finite"), *left_out(rows)]
    what = "Percentiles of the pre-activations over the steps, a panel for each layer."
    return headed(layer_rows(view, rows), view, what, notes)
