"""``bnreg extend``: add seeds to a finished run."""

from pathlib import Path
from typing import Annotated

import typer

from bnreg.cli.common.options import (
    Address,
    DataRoot,
    DryRun,
    Executor,
    Jobs,
    MaxSeeds,
    OneRun,
    ResultJson,
    RunsRoot,
    ShowProgress,
    UntilDecided,
    machine_settings,
    read_one_run,
)
from bnreg.cli.common.printing import command_caller

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
    dry_run: DryRun = False,
    max_seeds: MaxSeeds = None,
    executor: Executor = None,
    address: Address = None,
    jobs: Jobs = None,
    progress: ShowProgress = True,
    json: ResultJson = False,
    runs: RunsRoot = Path("runs"),
    data_root: DataRoot = None,
) -> None:
    """Add seeds to a finished run: train only those that it lacks, and write a new run folder with all of them.

    The verdicts of the new run hold at every look, because its results were looked at before: seeds may be added until
    everything is decided. The old folder stays as it is. Stopped, it is resumed like any run.
    """
    from dataclasses import replace

    from bnreg.analysis.run_view import view_of_run
    from bnreg.api.steps import begin, say_notices, send_to_sinks
    from bnreg.api.watching import train_and_watch
    from bnreg.cli.training.train import conclude, print_plan
    from bnreg.errors import UserError
    from bnreg.experiment.extension import is_of_seeds, plan_extension
    from bnreg.report.looks import look_lines

    caller = command_caller(runs, data_root, progress=progress)
    words = [*(overrides or []), *machine_settings(executor, address, jobs)]
    if any(map(is_of_seeds, words)) == until_decided:
        raise UserError("extend: give either seeds=N, more than the run has, or --until-decided")
    if max_seeds is not None and not until_decided:
        raise UserError("--max-seeds: only with --until-decided; without it, give seeds=N")
    base = read_one_run(run, "extend one run at a time", runs)
    if until_decided:
        view = view_of_run(base)
        # As the extended run would be judged if no seed were added.
        again = replace(view.info, looks=(*view.info.looks_so_far, view.num_seeds))
        lines, is_decided = look_lines(replace(view, info=again))
        if is_decided:
            raise UserError(f"{base.info.id}: nothing is left to decide: {'; '.join(map(str.strip, lines))}")
    plan = plan_extension(
        base,
        words,
        decide=until_decided,
        max_seeds=max_seeds,
        data_folder=data_root,
        log=caller.say,
        load_data=not dry_run,
    )
    say_notices(plan, caller)
    if dry_run:
        print_plan((plan.next_round() if until_decided else None) or plan, as_json=json)
        return
    trained = train_and_watch(plan, begin(plan, caller, base), caller)
    conclude(trained, as_json=json)
    send_to_sinks(trained, plan.experiment.sinks, caller)
