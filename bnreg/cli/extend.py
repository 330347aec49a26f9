"""``bnreg extend``: add seeds to a finished run."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.options import OUTPUT, DataRoot, MaxSeeds, OneRun, RunsRoot, UntilDecided

PANEL = "Train"
EXAMPLES = (
    "bnreg extend trained seeds=30",
    "bnreg extend trained --until-decided --max-seeds 60",
)


def extend(
    run: OneRun,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="seeds=N", help="The number of seeds, or a list that contains the run's own."),
    ] = None,
    *,
    until_decided: UntilDecided = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be trained, and stop.")] = False,
    max_seeds: MaxSeeds = None,
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", help="Number of worker processes; short for jobs=N.", rich_help_panel="Machine"),
    ] = None,
    progress: Annotated[bool, typer.Option(help="Show progress.", rich_help_panel=OUTPUT)] = True,
    json: Annotated[
        bool, typer.Option("--json", help="Print the comparison, or the plan, as JSON.", rich_help_panel=OUTPUT)
    ] = False,
    runs: RunsRoot = Path("runs"),
    data_root: DataRoot = None,
) -> None:
    """Add seeds to a finished run: train only those that it lacks, and write a new run folder with all of them.

    The verdicts of the new run hold at every look, because its results were looked at before: seeds may be added until
    everything is decided. The old folder stays as it is. Stopped, it is resumed like any run.
    """
    from dataclasses import replace

    from rich.console import Console

    from bnreg.analysis.run_view import view_of_run
    from bnreg.cli.options import read_one_run
    from bnreg.cli.train import conclude, print_plan, train_and_watch
    from bnreg.errors import UserError
    from bnreg.experiment.beginning import describe_beginning
    from bnreg.experiment.extension import plan_extension
    from bnreg.experiment.story import begin_experiment
    from bnreg.report.looks import look_lines
    from bnreg.wording import printable

    log = Console(stderr=True, highlight=False)

    def say(line: str) -> None:
        log.print(printable(line), markup=False, soft_wrap=True)

    words = [*(overrides or []), *([f"jobs={jobs}"] if jobs is not None else [])]
    asks_for_seeds = any(word.startswith("seeds=") for word in words)
    if asks_for_seeds == until_decided:
        raise UserError("extend: give either seeds=N, more than the run has, or --until-decided")
    if max_seeds is not None and not until_decided:
        raise UserError("--max-seeds: only with --until-decided; without it, give seeds=N")
    base = read_one_run(run, "extend one run at a time", runs)
    if until_decided:
        view = view_of_run(base)
        looked = replace(view, info=replace(view.info, looks=(*view.info.looks, len(view.seeds), len(view.seeds))))
        lines, is_decided = look_lines(looked)
        if is_decided:
            raise UserError(f"{base.info.id}: nothing is left to decide: {'; '.join(map(str.strip, lines))}")
    plan = plan_extension(
        base,
        words,
        decide=until_decided,
        max_seeds=max_seeds,
        data_folder=data_root,
        log=say,
        load_data=not dry_run,
    )
    for notice in plan.notices:
        say(f"note: {notice}")
    if dry_run:
        print_plan((plan.next_round() if until_decided else None) or plan, as_json=json)
        return
    beginning = describe_beginning(plan, command=["bnreg", *sys.argv[1:]], data_folder=data_root, extends=base.info)
    unfinished = begin_experiment(plan, beginning, runs, base)
    conclude(train_and_watch(plan, unfinished, say, progress=progress), as_json=json)
