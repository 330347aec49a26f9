"""``bnreg show``: everything about one run on a screen."""

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.options import RunsRoot, read_one_run


def show(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run folder, a run's name or its beginning.", show_default=False)
    ],
    *,
    root: RunsRoot = Path("runs"),
    json: Annotated[bool, typer.Option("--json", help="Print plain data instead of the page.")] = False,
) -> None:
    """Show one run: how it came about, what was trained, whether pairs are pairs, what is unfair, its files.

    All of its files are held to their checksums.
    """
    from bnreg.report.show import run_page, run_record

    record = run_record(read_one_run(run, "one is shown at a time", root))
    if json:
        typer.echo(json_module.dumps(record, indent=2, allow_nan=False))
        return
    from rich.console import Console

    Console(highlight=False).print(run_page(record), crop=False)
