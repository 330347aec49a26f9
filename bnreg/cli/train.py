"""``bnreg train``: train an experiment's networks and compare its arms."""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bnreg.cli.options import DataRoot, RunsRoot

if TYPE_CHECKING:
    from bnreg.experiment import Results
    from bnreg.plan import Plan
    from bnreg.runs import UnfinishedRun


def train(
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="The experiment's YAML file.", show_default=False)
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Settings that replace the file's, e.g. optimizer.lr=0.01."),
    ] = None,
    *,
    runs: RunsRoot = Path("runs"),
    data_root: DataRoot = None,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Go on with a run that was stopped: its folder or name.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="DEVICE", help="auto, cpu, cuda or cuda:N; short for device=DEVICE.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(metavar="N", help="How many worker processes; short for jobs=N.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be trained, and stop.")] = False,
    progress: Annotated[bool, typer.Option(help="Show how far it is.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print the comparison, or the plan, as JSON.")] = False,
) -> None:
    """Train paired networks over many seeds, write a run folder and compare the arms.

    Ctrl-C stops it, and saves what was trained: --resume goes on from there, to the same figures. A second Ctrl-C stops
    it at once; what was saved before then remains.
    """
    from rich.console import Console

    from bnreg.errors import UserError, printable

    log = Console(stderr=True, highlight=False)
    settings = [f"{key}={value}" for key, value in (("device", device), ("jobs", jobs)) if value is not None]
    settings = [*(overrides or []), *settings]

    def say(line: str) -> None:
        log.print(printable(line), markup=False, soft_wrap=True)

    if resume is None:
        if config is None:
            raise UserError("train: no CONFIG; give a file, such as configs/bn_vs_plain.yaml, or --resume RUN")
        from bnreg.plan import plan_experiment

        plan = plan_experiment(config, settings, data_folder=data_root, log=say, load_data=not dry_run)
        run = None
    else:
        from bnreg.beginning import begin_again
        from bnreg.runs import find_unfinished

        if config is not None and "=" in config.name and not config.exists():
            settings, config = [str(config), *settings], None
        run = find_unfinished(resume, runs)
        if run.final.is_dir():
            say(f"{run.final}: is complete, there is nothing to go on with")
            run.discard()
            _conclude(run.final, as_json=json)
            return
        plan = begin_again(run, config, settings, data_folder=data_root, log=say, load_data=not dry_run)
    for notice in plan.notices:
        say(f"note: {notice}")
    if dry_run:
        _print_plan(plan, as_json=json)
        return
    if run is None:
        from bnreg.beginning import describe_beginning
        from bnreg.experiment import begin_experiment

        _tell_of_unfinished(plan, runs, say)
        beginning = describe_beginning(plan, command=["bnreg", *sys.argv[1:]], data_folder=data_root)
        run = begin_experiment(plan, beginning, runs)
    _conclude(_train(plan, run, say, progress=progress), as_json=json)


def _train(plan: "Plan", run: "UnfinishedRun", say: Callable[[str], None], *, progress: bool) -> Path:
    from rich.console import Console

    from bnreg.errors import UserError
    from bnreg.experiment import run_experiment
    from bnreg.report.progress import Progress, Track

    tracks = [Track(s.num_replicas, s.settings.training.epochs, plan.num_steps(s)) for s in plan.shards]
    display = Console(stderr=True, highlight=False, quiet=not progress)
    try:
        with Progress(display, plan.experiment.name, plan.experiment.arms, tracks) as watch:
            return run_experiment(plan, run, watch=watch, draw=_draw_curves, log=say)
    except UserError:
        raise
    except BaseException:
        if run.folder.is_dir():
            say(f"{run.folder}: what was trained is kept; go on with `bnreg train --resume {run.final}`")
        raise


def _conclude(folder: Path, *, as_json: bool) -> None:
    from bnreg.cli.compare import print_comparison

    print_comparison([folder], as_json=as_json)
    if not as_json:
        typer.echo(f"{folder}{os.sep}")


def _tell_of_unfinished(plan: "Plan", root: Path, say: Callable[[str], None]) -> None:
    """Say which runs of the same experiment were left unfinished, and how to go on with them."""
    from bnreg.errors import UserError
    from bnreg.runs import unfinished_runs

    for run in unfinished_runs(root):
        with suppress(UserError):  # a damaged one is told of by `bnreg runs`
            state, progress = run.state()
            if state != "running" and run.plan()["config"] == plan.experiment.resolved:
                way = f"`bnreg train --resume {run.final}` goes on with it"
                say(f"note: {run.final.name} is {state} ({progress}); {way}")


def _draw_curves(results: "Results") -> Mapping[str, bytes]:
    import pandas as pd

    from bnreg.report.charts import CHARTS
    from bnreg.report.drawing import render_chart
    from bnreg.report.run_view import view_of

    summary = {str(name): column.tolist() for name, column in pd.DataFrame(results.summary).items()}
    view = view_of(results.info, pd.DataFrame(results.metrics), summary)
    return {"curves.svg": render_chart(CHARTS["curves"](view), "svg")}


def _print_plan(plan: "Plan", *, as_json: bool) -> None:
    if as_json:
        import json

        typer.echo(json.dumps(plan.describe(), indent=2))
    else:
        from rich.console import Console

        from bnreg.report.plan import plan_table

        Console(highlight=False).print(plan_table(plan.describe()))
