"""Charts of diagnostics: some of their quantities over the steps, a panel for each layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import altair as alt

    from bnreg.analysis.run_view import RunView


@dataclass(frozen=True)
class Quantities:
    """What a chart shows of a diagnostic.

    Attributes:
        help: What it shows, in a line.
        diagnostic: The diagnostic that a run must have watched.
        titles: Name of a quantity in the table of diagnostics → title of its axis.
        may_be_log: Whether values far apart have a logarithmic axis.
    """

    help: str
    diagnostic: str
    titles: Mapping[str, str]
    may_be_log: bool = False

    def lacking(self, view: RunView) -> str | None:
        """What the run lacks for this chart: the diagnostic."""
        from bnreg.analysis.charts.over_steps import unseen

        return unseen(view, self.diagnostic, [*self.titles])

    def draw(self, view: RunView) -> alt.VConcatChart:
        """A row of panels for each quantity, and for each point of a sweep; at most three rows."""
        from bnreg.analysis.charts.over_steps import over_steps
        from bnreg.report.charts.layers import Row, layer_rows, left_out
        from bnreg.report.charts.style import headed, reading_notes
        from bnreg.wording import brief_label

        rows = [
            Row(brief_label(point), self.titles[name], seen, self.may_be_log)
            for point, name, seen in over_steps(view, [*self.titles])
        ]
        notes = reading_notes(view, "; band: lowest to highest seed", diverged="seen while finite")
        what = f"{self.help[0].upper()}{self.help[1:]}, a panel for each layer."
        return headed(layer_rows(view, rows), view, what, [f"{self.help}: {notes[0]}", *notes[1:], *left_out(rows)])


QUANTITIES = {
    "saturation": Quantities(
        "saturated and dead units over the steps",
        "saturation",
        {"saturated": "share that is saturated", "dead_units": "share of dead units"},
    ),
    "gradients": Quantities(
        "norm of each layer's gradient over the steps",
        "weights",
        {"gradient_norm": "‖gradient‖"},
        may_be_log=True,
    ),
    "smoothness": Quantities(
        "smoothness of the loss along the gradient over the steps",
        "smoothness",
        {"beta": "effective β", "gradient_high": "largest change of the gradient", "loss_high": "highest loss"},
        may_be_log=True,
    ),
    "norms": Quantities(
        "mean γ and β of each norm over the steps", "norms", {"gamma_mean": "mean γ", "beta_mean": "mean β"}
    ),
    "calibration": Quantities(
        "expected calibration error over the steps", "calibration", {"calibration_error": "calibration error"}
    ),
}
