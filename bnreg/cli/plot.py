"""``bnreg plot``: draw a run's chart into a file."""

from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.options import read_one_run


def plot(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to draw it: .svg, .png or .html.")
    ] = Path("curves.svg"),
    chart: Annotated[str, typer.Option(metavar="NAME", help="Which chart.")] = "curves",
) -> None:
    """Draw loss and accuracy of all arms over the epochs: the mean over seeds and their band."""
    from bnreg.errors import UserError
    from bnreg.report.charts import CHARTS
    from bnreg.report.drawing import save_chart
    from bnreg.report.run_view import view_of_run

    if chart not in CHARTS:
        raise UserError(f"--chart: unknown chart {chart!r} (choices: {', '.join(sorted(CHARTS))})")
    view = view_of_run(read_one_run(run, "a chart is drawn of one"))
    save_chart(CHARTS[chart](view), output)
    typer.echo(output)
