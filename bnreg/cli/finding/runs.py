"""``bnreg runs``: list the runs with their states and results."""

from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.common.options import SELECTION, Json, RunsRoot
from bnreg.cli.common.printing import print_json, print_parts

EXAMPLES = ("bnreg runs 'bn_*' --state complete --sort accuracy",)


def runs(
    patterns: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATTERN", help="Starts of names, or patterns such as '*_lr-*'. Default: all."),
    ] = None,
    *,
    states: Annotated[
        list[str] | None,
        typer.Option(
            "--state",
            metavar="STATE",
            help="Only runs in this state, such as complete; may be repeated.",
            rich_help_panel=SELECTION,
        ),
    ] = None,
    sort: Annotated[
        str,
        typer.Option(
            metavar="KEY",
            help="when: newest first; name; accuracy: highest first, by the best arm.",
            rich_help_panel=SELECTION,
        ),
    ] = "when",
    json: Json = False,
    root: RunsRoot = Path("runs"),
) -> None:
    """List the runs: their state, start, arms, seeds and test accuracy.

    A run is complete only if its files match their checksums. Otherwise it is created, running, interrupted, failed,
    abandoned (its process died without recording why), damaged, or written by a newer bnreg; such runs are listed with
    the reason and are never compared.
    """
    from bnreg.report.listing import listing_lines, listing_records
    from bnreg.runs.finding.listing import list_runs, select_runs

    listed = list_runs(root)
    selected = select_runs(listed, patterns or [], states or [], sort)
    if json:
        print_json(listing_records(selected))
        return
    print_parts(listing_lines(selected, len(listed), root))
