"""``bnreg plot``: draw a run's chart into a file."""

from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.common.options import DrawingFile, OneRun, RunsRoot, read_one_run
from bnreg.report.charts.table import CHARTS, charts_of

PANEL = "Compare"
EXAMPLES = (
    "bnreg plot verdicts -o curves.png",
    "bnreg plot c14_capacity --runs runs/lecture --chart response -o capacity.svg",
)

_LINES = [f"{name}: {chart.help}" for name, chart in CHARTS.items()]


def plot(
    run: OneRun,
    output: DrawingFile = Path("curves.svg"),
    chart: Annotated[str, typer.Option(metavar="NAME", help="Which chart; see below.")] = "curves",
    root: RunsRoot = Path("runs"),
) -> None:
    """Draw a chart of a run: what its arms did, in the mean over the seeds, with their range."""
    from bnreg.analysis.run_view import view_of_run
    from bnreg.errors import UserError
    from bnreg.report.charts.drawing import save_chart
    from bnreg.wording import did_you_mean, show

    if chart not in CHARTS:
        raise UserError(
            f"--chart: unknown chart {show(chart)}{did_you_mean(chart, CHARTS)}", *(f"  {line}" for line in _LINES)
        )
    view = view_of_run(read_one_run(run, "give one to draw", root))
    if reason := CHARTS[chart].lacking(view):
        others = f"; it can have --chart {', '.join(found)}" if (found := charts_of(view)) else ""
        raise UserError(f"{view.id}: no {chart} to draw: {reason}{others}")
    save_chart(CHARTS[chart].draw(view), output)
    typer.echo(output)


plot.__doc__ = f"{plot.__doc__}\n\nThe charts are {'; '.join(_LINES)}."
