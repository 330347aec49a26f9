"""``bnreg runs``: which runs there are, in which state, and what they found."""

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.options import RunsRoot


def runs(
    patterns: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATTERN", help="Only these: beginnings of names, or patterns such as '*_lr-*'. Default: all."
        ),
    ] = None,
    *,
    root: RunsRoot = Path("runs"),
    states: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="STATE", help="Only those in this state, such as complete; may be repeated."),
    ] = None,
    sort: Annotated[
        str,
        typer.Option(metavar="KEY", help="when: newest first; name; accuracy: by the best arm's, highest first."),
    ] = "when",
    json: Annotated[bool, typer.Option("--json", help="Print plain data instead of the list.")] = False,
) -> None:
    """List the runs: their state, when they began, their arms and seeds, and the test accuracy they found.

    A run is complete only if its files are what their checksums say. The others are created, running, interrupted,
    failed, abandoned (its process ended without a word), damaged or written by a newer bnreg; they are listed with the
    reason, and never compared.
    """
    from bnreg.report.listing import listing_lines, listing_records
    from bnreg.runs.listing import list_runs, select_runs

    listed = list_runs(root)
    selected = select_runs(listed, patterns or [], states or [], sort)
    if json:
        typer.echo(json_module.dumps(listing_records(selected), indent=2, allow_nan=False))
        return
    from rich.console import Console

    Console(highlight=False).print(listing_lines(selected, len(listed), root), crop=False)
