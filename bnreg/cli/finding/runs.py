"""``bnreg runs``: list the runs with their states and results."""

from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.common import completion
from bnreg.cli.common.options import SELECTION, Json, RunsRoot, Width
from bnreg.cli.common.printing import columns, line_printer, print_json, print_parts

EXAMPLES = (
    "bnreg runs 'bn_*' --state complete --sort accuracy",
    "bnreg runs --where 'optimizer.lr<0.1' --tag keep --tag -draft",
)


def runs(
    patterns: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATTERN",
            help="Starts of names, patterns such as '*_lr-*', or latest. Default: all.",
            autocompletion=completion.all_runs,
        ),
    ] = None,
    *,
    states: Annotated[
        list[str] | None,
        typer.Option(
            "--state",
            metavar="STATE",
            help="Only runs in this state, such as complete; may be repeated.",
            rich_help_panel=SELECTION,
            autocompletion=completion.states,
        ),
    ] = None,
    sort: Annotated[
        str,
        typer.Option(
            metavar="KEY",
            help="when: newest first; name; accuracy: highest first, by the best arm.",
            rich_help_panel=SELECTION,
            autocompletion=completion.sort_keys,
        ),
    ] = "when",
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILTER",
            help="Only runs of which an arm, at any point of the sweep, matches, such as 'optimizer.lr<0.1'; may be "
            "repeated. Also: arm, arms, seeds, device, engine, name, run.",
            rich_help_panel=SELECTION,
        ),
    ] = None,
    tags: Annotated[
        list[str] | None,
        typer.Option(
            "--tag",
            metavar="TAG",
            help="Only runs with this tag; -TAG: without it. May be repeated.",
            rich_help_panel=SELECTION,
        ),
    ] = None,
    json: Json = False,
    width: Width = None,
    root: RunsRoot = Path("runs"),
) -> None:
    """List the runs: their state, start, arms, seeds and test accuracy, and what tells them apart.

    These are the settings in which the listed runs of an experiment differ or that were typed, their tags and notes
    (see `bnreg tag` and `bnreg note`).

    A run is complete only if its files match their checksums. Otherwise it is created, running, interrupted, failed,
    abandoned (its process died without recording why), damaged, or written by a newer bnreg; such runs are listed with
    the reason and are never compared.
    """
    from bnreg.analysis.listed import told_apart, why_none, with_settings, with_tags
    from bnreg.report.listing import listing_lines, listing_records
    from bnreg.runs.finding.listing import list_marked_runs, select_runs

    listed, mistakes = list_marked_runs(root)
    selected = select_runs(listed, patterns or [], states or [], sort)
    selected = with_tags(with_settings(selected, where or [], listed), tags or [])
    told = told_apart(selected)
    say = line_printer()
    reasons = [] if selected else why_none(where or [], tags or [], listed)
    for line in [*mistakes, *reasons]:
        say(f"note: {line}")
    if json:
        print_json(listing_records(selected, told))
        return
    print_parts(listing_lines(selected, told, len(listed), root, columns(width)), width=width)
