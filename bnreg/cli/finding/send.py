"""``bnreg send``: hand finished runs to other tools."""

from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.common.completion import one_of
from bnreg.cli.common.options import PLACES, ManyRuns, RunsRoot
from bnreg.sinks.table import SINKS

EXAMPLES = (
    "bnreg send verdicts --to tensorboard",
    "bnreg send runs/* --to mlflow --to tensorboard",
)


def send(
    runs: ManyRuns,
    *,
    to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help=f"The tool: {' or '.join(SINKS)}; may be repeated.",
            show_default=False,
            autocompletion=one_of(SINKS),
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where to keep what a tool keeps on this machine. Default: beside the folder of the runs.",
            show_default=False,
            rich_help_panel=PLACES,
        ),
    ] = None,
    root: RunsRoot = Path("runs"),
) -> None:
    """Send finished runs to other tools: curves of arms and networks, settings, verdicts and files.

    A run that is already there is not sent again. The setting `sinks` of a config does the same after each training.
    """
    from bnreg.analysis.reading import read_runs
    from bnreg.api.sending import beside, check_sinks, send_run
    from bnreg.errors import UserError
    from bnreg.wording import listed, printable

    if not to:
        raise UserError(f"send: no tool; name one with --to ({listed(sorted(SINKS))})")
    names = list(dict.fromkeys(to))
    check_sinks(names, "--to")
    if folder is not None:
        _check_folder(folder)
    found, left_out = read_runs(runs, root)
    for line in left_out:
        typer.echo(printable(f"left out: {line}"), err=True)
    num_failed = 0
    for run in found:
        for name, line, failed in send_run(run, names, folder or beside(run.path.parent)):
            typer.echo(printable(f"{run.path}: {name}: {line}" if failed else f"{name}: {line}"), err=failed)
            num_failed += failed
    if num_failed:
        raise typer.Exit(1)


def _check_folder(folder: Path) -> None:
    from bnreg.errors import UserError
    from bnreg.runs.names import num_runs_in

    if folder.exists() and not folder.is_dir():
        raise UserError(f"--folder: {folder} is not a folder")
    if num_runs_in(folder):
        raise UserError(f"--folder: {folder} holds runs; choose another, such as {folder.parent}")


send.__doc__ = f"{send.__doc__}\n\nThe tools are {'; '.join(f'{name}: {sink.help}' for name, sink in SINKS.items())}."
