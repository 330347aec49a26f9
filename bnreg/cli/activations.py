"""``bnreg activations``: draw every activation function with its derivative."""

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bnreg.report.activations import ActivationView


def activations(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to draw it: .svg, .png or .html.")
    ] = Path("activations.svg"),
    json: Annotated[bool, typer.Option("--json", help="Print plain data instead of the table.")] = False,
) -> None:
    """Draw every activation function with its derivative, and mark where it saturates."""
    from rich.console import Console

    from bnreg.nn.activations import ACTIVATIONS
    from bnreg.report.activations import activation_figure, activation_records, activation_table
    from bnreg.report.drawing import save_chart

    views = [_view_of(name) for name in ACTIVATIONS]
    save_chart(activation_figure(views), output)
    if json:
        typer.echo(json_module.dumps({"chart": str(output), "activations": activation_records(views)}, indent=2))
        return
    Console(highlight=False).print(activation_table(views), "")
    typer.echo(output)


def _view_of(name: str) -> "ActivationView":
    import numpy as np

    from bnreg.nn.activations import ACTIVATIONS
    from bnreg.nn.saturation import saturation, values_and_slopes
    from bnreg.report.activations import ActivationView, activation_note

    activation = ACTIVATIONS[name]
    z = np.linspace(-6, 6, 241)
    values, slopes = values_and_slopes(activation, z)
    return ActivationView(name, z, values, slopes, *saturation(activation), activation_note(activation))
