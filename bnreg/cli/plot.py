"""``bnreg plot``: draw a run's chart into a file."""

from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.options import DrawingFile, OneRun, RunsRoot, read_one_run

PANEL = "Compare"
EXAMPLES = ("bnreg plot verdicts -o curves.png",)


def plot(
    run: OneRun,
    output: DrawingFile = Path("curves.svg"),
    chart: Annotated[str, typer.Option(metavar="NAME", help="Which chart.")] = "curves",
    root: RunsRoot = Path("runs"),
) -> None:
    """Draw loss and accuracy of all arms over the epochs or steps: the mean over the seeds and their range."""
    from bnreg.analysis.run_view import view_of_run
    from bnreg.errors import UserError
    from bnreg.report.charts.drawing import save_chart
    from bnreg.report.charts.table import CHARTS
    from bnreg.wording import unknown

    if chart not in CHARTS:
        raise UserError(f"--chart: {unknown('chart', chart, sorted(CHARTS))}")
    view = view_of_run(read_one_run(run, "give one to draw", root))
    save_chart(CHARTS[chart](view), output)
    typer.echo(output)
