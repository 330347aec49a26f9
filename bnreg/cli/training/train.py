"""``bnreg train``: train an experiment's networks and compare its arms."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bnreg.cli.common import completion
from bnreg.cli.common.options import (
    Address,
    DataRoot,
    DryRun,
    Executor,
    Jobs,
    MaxSeeds,
    OpenPage,
    ResultJson,
    RunsRoot,
    ShowProgress,
    UntilDecided,
    machine_settings,
)
from bnreg.cli.common.printing import command_caller, print_json, print_parts

if TYPE_CHECKING:
    from bnreg.experiment.plan import Plan

EXAMPLES = (
    "bnreg train bn_vs_plain",
    "bnreg train bn_vs_plain optimizer.lr=0.01 seeds=20",
    "bnreg train bn_vs_plain --until-decided",
    "bnreg train --resume bn_vs_plain-20261127T141507Z-1850e9",
    "bnreg train --resume latest",
)


def train(
    config: Annotated[
        Path | None,
        typer.Argument(
            metavar="CONFIG",
            help="The experiment's YAML file, or the name of one that ships with bnreg.",
            show_default=False,
            autocompletion=completion.configs,
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="Settings that replace the file's, such as optimizer.lr=0.01.",
            autocompletion=completion.settings,
        ),
    ] = None,
    *,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Resume a run that was stopped: its folder or name, or latest.",
            autocompletion=completion.unfinished_runs,
        ),
    ] = None,
    dry_run: DryRun = False,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="DEVICE",
            help="auto, cpu, cuda or cuda:N; short for device=DEVICE.",
            rich_help_panel="Machine",
            autocompletion=completion.one_of(("auto", "cpu", "cuda")),
        ),
    ] = None,
    executor: Executor = None,
    address: Address = None,
    jobs: Jobs = None,
    until_decided: UntilDecided = False,
    max_seeds: MaxSeeds = None,
    progress: ShowProgress = True,
    opened: OpenPage = False,
    json: ResultJson = False,
    runs: RunsRoot = Path("runs"),
    data_root: DataRoot = None,
) -> None:
    """Train paired networks over many seeds, write a run folder and compare the arms.

    Ctrl-C stops the training and saves it: --resume continues from there, with bit-identical results. A second Ctrl-C
    stops at once; what was saved before that remains.
    """
    from bnreg.api.steps import begin, recorded_sinks, say_notices, say_unfinished, send_to_sinks, tuned_plan
    from bnreg.api.watching import train_and_watch
    from bnreg.errors import UserError

    caller = command_caller(runs, data_root, progress=progress)
    say = caller.say
    settings = [*(overrides or []), *machine_settings(executor, address, jobs, device)]
    if max_seeds is not None and not until_decided:
        raise UserError("--max-seeds: only with --until-decided; without it, set seeds")

    if resume is None:
        if config is None:
            raise UserError("train: no CONFIG; give a file or an example, such as bn_vs_plain, or --resume RUN")
        from bnreg.experiment.extension import in_rounds
        from bnreg.experiment.plan import plan_experiment

        if until_decided:
            settings = in_rounds(config, settings, max_seeds)
        if dry_run:
            plan = plan_experiment(config, settings, data_folder=data_root, log=say, load_data=False)
        else:
            plan = tuned_plan(config, settings, caller)
        run = None
    else:
        from bnreg.experiment.beginning import begin_again
        from bnreg.runs import find_unfinished

        if until_decided:
            raise UserError("--until-decided: a resumed run goes on as it began; extend it once it is complete")
        if config is not None and "=" in config.name and not config.exists():
            settings, config = [str(config), *settings], None
        run = find_unfinished(resume, runs)
        if run.final.is_dir():
            _report_complete(run.final, config, settings, say)
            run.discard()
            conclude(run.final, as_json=json, opened=opened)
            send_to_sinks(run.final, recorded_sinks(run.final), caller)
            return
        plan = begin_again(run, config, settings, data_folder=data_root, log=say, load_data=not dry_run)
    say_notices(plan, caller)
    if dry_run:
        print_plan(plan, as_json=json)
        if plan.experiment.tune:
            say(
                f"note: then {_seeds_after(plan)} are trained, each arm with what it chose by {plan.experiment.tune.on}"
            )
        return
    if run is None:
        say_unfinished(plan, caller)
        run = begin(plan, caller)
    trained = train_and_watch(plan, run, caller)
    conclude(trained, as_json=json, opened=opened)
    send_to_sinks(trained, plan.experiment.sinks, caller)


def conclude(folder: Path, *, as_json: bool, opened: bool = False) -> None:
    """Print the comparison of a run and its folder, and open the page about it."""
    from bnreg.cli.common.pages import open_page
    from bnreg.cli.common.printing import line_printer
    from bnreg.cli.comparing.compare import print_comparison
    from bnreg.runs.names import PAGE

    print_comparison([folder], json=as_json)
    if not as_json:
        typer.echo(f"{folder}{os.sep}")
    if opened and (folder / PAGE).is_file():
        open_page(folder / PAGE)
    elif opened:
        line_printer()(f"note: {folder} has no {PAGE}; write one with `bnreg report {folder}`")


def _report_complete(run: Path, config: Path | None, settings: Sequence[str], say: Callable[[str], None]) -> None:
    """Report that a run is complete, and refuse other settings than its own."""
    from bnreg.errors import UserError
    from bnreg.experiment.beginning import changed_settings

    if config is None and not settings:
        say(f"{run}: already complete")
    elif changes := changed_settings(run, config, settings):
        raise UserError(f"{run}: already complete: {'; '.join(changes)}; to train with other settings, omit --resume")
    else:
        say(f"{run}: already complete, with these settings")


def _seeds_after(plan: "Plan") -> str:
    from bnreg.rounds import Rounds
    from bnreg.wording import counted

    seeds = plan.experiment.then
    return f"{len(seeds.first)} to {seeds.at_most} seeds" if isinstance(seeds, Rounds) else counted(len(seeds), "seed")


def print_plan(plan: "Plan", *, as_json: bool) -> None:
    """Print what would be trained."""
    if as_json:
        print_json(plan.describe())
        return
    from bnreg.report.plan import plan_table

    print_parts(plan_table(plan.describe()))
