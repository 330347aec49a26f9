"""``bnreg activations``: draw every activation function with its derivative."""

from pathlib import Path

import typer

from bnreg.cli.common.options import DrawingFile, Force, Json
from bnreg.cli.common.printing import print_json, print_parts

EXAMPLES = ("bnreg activations -o activations.png",)


def activations(output: DrawingFile = Path("activations.svg"), force: Force = False, json: Json = False) -> None:
    """Draw every activation function with its derivative, and mark where it saturates."""
    from bnreg.lecture.activations import activation_views
    from bnreg.report.charts.drawing import save_chart
    from bnreg.report.lecture.activations import activation_figure, activation_records, activation_table

    views = activation_views()
    save_chart(activation_figure(views), output, force=force)
    if json:
        print_json({"chart": str(output), "activations": activation_records(views)})
        return
    print_parts(activation_table(views), "")
    typer.echo(output)
