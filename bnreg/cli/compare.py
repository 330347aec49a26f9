"""``bnreg compare``: the arms of any number of runs, side by side."""

import json as json_module
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer


def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN", help="Run folders, or patterns of them.", show_default=False)
    ],
    json: Annotated[bool, typer.Option("--json", help="Print plain data instead of tables.")] = False,
) -> None:
    """Compare the arms of runs: mean and spread of each, and the paired difference from the baseline."""
    from bnreg.runs import expand_runs

    print_comparison(expand_runs(runs), as_json=json)


def print_comparison(folders: Sequence[Path], *, as_json: bool) -> None:
    """Read run folders and print their comparison to stdout."""
    from bnreg.errors import UserError
    from bnreg.report.run_view import RunView, view_of
    from bnreg.report.tables import comparison_records, comparison_tables
    from bnreg.runs import read_run

    views: list[RunView] = []
    mistakes: list[str] = []
    for folder in folders:
        try:
            run = read_run(folder)
        except UserError as error:
            mistakes += error.lines
        else:
            views.append(view_of(run.info, run.metrics, run.summary))
    if mistakes:
        raise UserError(*mistakes)
    if as_json:
        typer.echo(json_module.dumps(comparison_records(views), indent=2, allow_nan=False))
        return
    from rich.console import Console

    Console(highlight=False).print(comparison_tables(views), crop=False)
