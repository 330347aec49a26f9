"""``bnreg rm``: remove runs and nothing else."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.common.options import AnyRuns, RunsRoot

EXAMPLES = ("bnreg rm 'my_sweep-*'",)


def rm(
    runs: AnyRuns,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove without asking.")] = False,
    root: RunsRoot = Path("runs"),
) -> None:
    """Remove runs, after listing them and asking.

    Only runs in the runs folder are removed, finished or not, and never through a symbolic link. If any argument is
    something else, nothing is removed.
    """
    from bnreg.errors import UserError
    from bnreg.report.listing import removal_lines
    from bnreg.runs.finding.removal import removable_runs, remove_run
    from bnreg.wording import counted

    found = removable_runs(runs, root)
    if not yes and not sys.stdin.isatty():
        raise UserError("rm: no terminal to ask on, so nothing was removed; --yes removes without asking")
    for line in removal_lines(found):
        typer.echo(line)
    if not yes and not typer.confirm(f"Remove {'it' if len(found) == 1 else f'these {len(found)}'}?"):
        typer.echo("nothing was removed")
        return
    for one in found:
        remove_run(one.path)
    typer.echo(f"removed {counted(len(found), 'run')}")
