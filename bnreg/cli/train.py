"""``bnreg train``: train an experiment's networks and compare its arms."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bnreg.cli.options import DataRoot

if TYPE_CHECKING:
    from bnreg.experiment import Results
    from bnreg.plan import Plan

RunsRoot = Annotated[Path, typer.Option("--runs", metavar="FOLDER", help="The folder that holds the runs.")]


def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The experiment's YAML file.", show_default=False)],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Settings that replace the file's, e.g. optimizer.lr=0.01."),
    ] = None,
    *,
    runs: RunsRoot = Path("runs"),
    data_root: DataRoot = None,
    device: Annotated[
        str | None, typer.Option(metavar="DEVICE", help="auto, cpu, cuda or cuda:N; short for device=DEVICE.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(metavar="N", help="How many worker processes; short for jobs=N.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be trained, and stop.")] = False,
    progress: Annotated[bool, typer.Option(help="Show how far it is.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print the comparison, or the plan, as JSON.")] = False,
) -> None:
    """Train paired networks over many seeds, write a run folder and compare the arms."""
    from rich.console import Console

    from bnreg.experiment import run_experiment
    from bnreg.plan import plan_experiment
    from bnreg.report.progress import Progress, Track

    log = Console(stderr=True, highlight=False)
    shortcuts = [f"{key}={value}" for key, value in (("device", device), ("jobs", jobs)) if value is not None]

    def say(line: str) -> None:
        log.print(line, markup=False, soft_wrap=True)

    plan = plan_experiment(
        config, [*(overrides or []), *shortcuts], data_folder=data_root, log=say, load_data=not dry_run
    )
    for notice in plan.notices:
        say(f"note: {notice}")
    if dry_run:
        _print_plan(plan, as_json=json)
        return

    tracks = [Track(s.num_replicas, s.settings.training.epochs, plan.num_steps(s)) for s in plan.shards]
    display = Console(stderr=True, highlight=False, quiet=not progress)
    with Progress(display, plan.experiment.name, plan.experiment.arms, tracks) as watch:
        folder = run_experiment(plan, runs, watch=watch, draw=_draw_curves, log=say, command=["bnreg", *sys.argv[1:]])

    from bnreg.cli.compare import print_comparison

    print_comparison([folder], as_json=json)
    if not json:
        typer.echo(f"{folder}{os.sep}")


def _draw_curves(results: "Results") -> Mapping[str, bytes]:
    import pandas as pd

    from bnreg.report.charts import CHARTS
    from bnreg.report.drawing import render_chart
    from bnreg.report.run_view import view_of

    view = view_of(results.info, pd.DataFrame(results.metrics), pd.DataFrame(results.summary))
    return {"curves.svg": render_chart(CHARTS["curves"](view), "svg")}


def _print_plan(plan: "Plan", *, as_json: bool) -> None:
    if as_json:
        import json

        typer.echo(json.dumps(plan.describe(), indent=2))
    else:
        from rich.console import Console

        from bnreg.report.plan import plan_table

        Console(highlight=False).print(plan_table(plan.describe()))
