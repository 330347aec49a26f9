"""``bnreg plot``: draw a run's chart into a file."""

from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.common.options import DrawingFile, OneRun, RunsRoot, read_one_run

PANEL = "Compare"
EXAMPLES = (
    "bnreg plot verdicts -o curves.png",
    "bnreg plot c14_capacity --runs runs/lecture --chart response -o capacity.svg",
)


def plot(
    run: OneRun,
    output: DrawingFile = Path("curves.svg"),
    chart: Annotated[str, typer.Option(metavar="NAME", help="Which chart; see below.")] = "curves",
    root: RunsRoot = Path("runs"),
) -> None:
    """Draw a chart of a run: what its arms did, in the mean over the seeds, with their range.

    The charts are curves: loss and accuracy over the epochs or steps; distributions: what each layer reads over the
    steps, of a run that watched pre_activations; response: final loss and accuracy against a swept number.
    """
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
