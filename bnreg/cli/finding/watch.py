"""``bnreg watch``: follow a run that is being trained."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bnreg.cli.common.completion import all_runs
from bnreg.cli.common.options import RunsRoot, run_argument
from bnreg.cli.common.printing import line_printer, print_parts

if TYPE_CHECKING:
    from rich.console import Console

    from bnreg.analysis.live.watcher import Glance, Watcher
    from bnreg.runs import UnfinishedRun

EXAMPLES = ("bnreg watch", "bnreg watch verdicts --once")
LOOK_SECONDS = 1.0


def watch(
    run: Annotated[
        str | None,
        run_argument("A run: its name or folder, or latest. Default: the one that is running.", all_runs),
    ] = None,
    *,
    once: Annotated[bool, typer.Option("--once", help="Show it once, and stop.")] = False,
    root: RunsRoot = Path("runs"),
) -> None:
    """Follow a run while it is trained: progress, speed, time left, learning curves, and the verdicts so far.

    The verdicts are provisional until the run is complete. Watching changes nothing and slows nothing down; it ends
    when the training does, or with Ctrl-C. Without a terminal, the run is shown once.
    """
    from rich.console import Console

    from bnreg.analysis.live.watcher import Watcher
    from bnreg.report.live import frame
    from bnreg.runs import UnfinishedRun, read_run
    from bnreg.runs.names import unfinished_run

    folder = _newest_running(root) if run is None else _named(run, root)
    if unfinished_run(folder.name) is None:
        _say_complete(read_run(folder, only_results=True).path)
        return
    unfinished = UnfinishedRun(folder)
    watcher, console = Watcher(unfinished), Console(highlight=False)
    is_live = console.is_terminal and not console.is_dumb_terminal and not once
    glance = _follow(watcher, console) if is_live else watcher.look()
    if glance is None:
        _say_complete(read_run(unfinished.final, only_results=True).path)
        return
    if not is_live:
        print_parts(frame(glance, console))
    _say_state(unfinished, glance)


def _newest_running(root: Path) -> Path:
    """The run that is being trained; the newest if there are several, which is said."""
    from bnreg.errors import UserError
    from bnreg.runs import unfinished_runs
    from bnreg.runs.names import started_of

    running = [run for run in unfinished_runs(root) if run.is_running()]
    if not running:
        raise UserError(
            f"{root}: no run is being trained; train one with `bnreg train bn_vs_plain`, "
            "or name a run: `bnreg watch RUN`"
        )
    newest = max(running, key=lambda run: str(started_of(run.folder.name)))
    if len(running) > 1:
        line_printer()(f"note: {len(running)} runs are being trained; this is the newest, {newest.final.name}")
    return newest.folder


def _named(argument: str, root: Path) -> Path:
    """The run that an argument names; of several the one that is being trained. ``latest`` is the newest unfinished."""
    from bnreg.runs import UnfinishedRun, expand_runs, one_of
    from bnreg.runs.names import unfinished_run

    folders = expand_runs([argument], root, unfinished=True)
    running = [folder for folder in folders if unfinished_run(folder.name) and UnfinishedRun(folder).is_running()]
    return one_of(running if len(folders) > 1 and running else folders, argument, "give one to watch")


def _follow(watcher: "Watcher", console: "Console") -> "Glance | None":
    """Show a run again and again until it is no longer trained; return the last look at it."""
    from rich.live import Live

    from bnreg.report.live import frame

    with Live(console=console, auto_refresh=False) as live:
        while glance := watcher.look():
            live.update(frame(glance, console), refresh=True)
            if glance.standing.state != "running":
                break
            time.sleep(LOOK_SECONDS)
    return glance


def _say_complete(path: Path) -> None:
    typer.echo(f"complete: {path}/\nits verdicts: bnreg compare {path}")


def _say_state(run: "UnfinishedRun", glance: "Glance") -> None:
    """Say why a run is not being trained, and how to resume it."""
    standing = glance.standing
    if standing.state != "running":
        reason = f"{standing.state}: {standing.why}" if standing.why else standing.state
        typer.echo(f"{reason}; resume with `bnreg train --resume {run.final.name}`")
