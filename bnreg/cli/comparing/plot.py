"""``bnreg plot``: draw a run's chart into a file."""

from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.common.completion import one_of
from bnreg.cli.common.options import OUTPUT, Force, OneRun, RunsRoot, read_one_run
from bnreg.report.charts.table import CHARTS, default_chart, draw_chart

EXAMPLES = (
    "bnreg plot verdicts -o curves.png",
    "bnreg plot c14_capacity --runs runs/lecture --chart response -o capacity.svg",
)
_LINES = [f"{name}: {chart.help}" for name, chart in CHARTS.items()]


def plot(
    run: OneRun,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Chart file: .svg, .png or .html. Default: the chart's name with .svg.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    force: Force = False,
    chart: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Which chart; see above. Default: curves, or of a large sweep response.",
            autocompletion=one_of(CHARTS),
        ),
    ] = None,
    root: RunsRoot = Path("runs"),
) -> None:
    """Draw a chart of a run: what it found, what its arms did, and how its seeds vary."""
    from bnreg.analysis.run_view import view_of_run
    from bnreg.errors import UserError
    from bnreg.report.charts.drawing import save_chart
    from bnreg.wording import did_you_mean, show

    if chart not in {None, *CHARTS}:
        raise UserError(f"--chart: unknown chart {show(chart)}{did_you_mean(str(chart), CHARTS)}", *_indented(_LINES))
    view = view_of_run(read_one_run(run, "give one to draw", root))
    name = chart or default_chart(view)
    file = output or Path(f"{name}.svg")
    save_chart(draw_chart(view, name), file, force=force)
    typer.echo(file)


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


plot.__doc__ = f"{plot.__doc__}\n\nThe charts are {'; '.join(_LINES)}."
