"""``bnreg train``: train an experiment's networks and compare its arms."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer

from bnreg.cli.common.options import (
    DataRoot,
    DryRun,
    Jobs,
    MaxSeeds,
    OpenPage,
    ResultJson,
    RunsRoot,
    ShowProgress,
    UntilDecided,
)
from bnreg.cli.common.printing import line_printer, print_json, print_parts

if TYPE_CHECKING:
    from bnreg.analysis.run_view import RunView
    from bnreg.experiment.collect import Results
    from bnreg.experiment.plan import Plan
    from bnreg.runs import Run, UnfinishedRun
    from bnreg.training.messages import Progressed

# What draws and compares a run at its end; with altair, pandas and scipy, it takes a second and more to import.
NEEDED_AT_THE_END = ("bnreg.report.page.page", "bnreg.report.comparison.summary", "scipy.special")

PANEL = "Train"
EXAMPLES = (
    "bnreg train configs/bn_vs_plain.yaml",
    "bnreg train configs/bn_vs_plain.yaml optimizer.lr=0.01 seeds=20",
    "bnreg train configs/bn_vs_plain.yaml --until-decided",
    "bnreg train --resume bn_vs_plain-20261127T042153Z-5c0187",
)


def train(
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="The experiment's YAML file.", show_default=False)
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Settings that replace the file's, such as optimizer.lr=0.01."),
    ] = None,
    *,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Resume a run that was stopped: its folder or name.")
    ] = None,
    dry_run: DryRun = False,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="DEVICE", help="auto, cpu, cuda or cuda:N; short for device=DEVICE.", rich_help_panel="Machine"
        ),
    ] = None,
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
    from bnreg.errors import UserError

    say = line_printer()
    settings = [f"{key}={value}" for key, value in (("device", device), ("jobs", jobs)) if value is not None]
    settings = [*(overrides or []), *settings]
    if max_seeds is not None and not until_decided:
        raise UserError("--max-seeds: only with --until-decided; without it, set seeds")

    if resume is None:
        if config is None:
            raise UserError("train: no CONFIG; give a file, such as configs/bn_vs_plain.yaml, or --resume RUN")
        from bnreg.experiment.extension import in_rounds
        from bnreg.experiment.plan import plan_experiment

        if until_decided:
            settings = in_rounds(config, settings, max_seeds)
        if dry_run:
            plan = plan_experiment(config, settings, data_folder=data_root, log=say, load_data=False)
        else:
            plan = tuned_plan(config, settings, runs, say, progress=progress, data_folder=data_root)
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
            return
        plan = begin_again(run, config, settings, data_folder=data_root, log=say, load_data=not dry_run)
    say_notices(plan, say)
    if dry_run:
        print_plan(plan, as_json=json)
        if plan.experiment.tune:
            say(
                f"note: then {_seeds_after(plan)} are trained, each arm with what it chose by {plan.experiment.tune.on}"
            )
        return
    if run is None:
        _report_unfinished(plan, runs, say)
        run = begin(plan, runs, data_root)
    conclude(train_and_watch(plan, run, say, progress=progress), as_json=json, opened=opened)


def begin(plan: "Plan", root: Path, data_folder: Path | None, base: "Run | None" = None) -> "UnfinishedRun":
    """Create the folder of a run by the command that was typed; ``base`` is the run that it extends."""
    from bnreg.experiment.beginning import describe_beginning
    from bnreg.experiment.story import begin_experiment

    command, extends = ["bnreg", *sys.argv[1:]], base.info if base else None
    beginning = describe_beginning(plan, command=command, data_folder=data_folder, extends=extends)
    return begin_experiment(plan, beginning, root, base)


def train_and_watch(
    plan: "Plan", run: "UnfinishedRun", say: Callable[[str], None], *, progress: bool, num_others: int = 0
) -> Path:
    """Train a run with a progress display, and say what becomes of it; return its folder.

    Seeds that are added until everything is decided are added until the experiment's claim is, if it has one; there are
    ``num_others`` further claims in its family.
    """
    from rich.console import Console

    from bnreg.errors import UserError
    from bnreg.experiment.standing import Track
    from bnreg.experiment.story import run_experiment
    from bnreg.report.progress import Progress
    from bnreg.training.messages import ShardDone

    display = Console(stderr=True, highlight=False, quiet=not progress)

    at_the_end = ExitStack()

    @cache
    def get_ready() -> None:
        with suppress(Exception):  # that nothing can be drawn is reported when it is needed
            from bnreg.report.charts.drawing import ready_to_draw

            at_the_end.enter_context(ready_to_draw("svg"))

    @contextmanager
    def watch(plan: "Plan") -> Iterator[Callable[["Progressed"], None]]:
        tracks = [Track(s.num_replicas, plan.budget(s)) for s in plan.shards]
        name = f"tuning {plan.experiment.name}" if plan.experiment.tune else plan.experiment.name
        num_left = len(tracks)

        def take(message: "Progressed") -> None:
            nonlocal num_left
            show(message)
            num_left -= isinstance(message, ShardDone)
            if num_left < plan.num_workers:  # one has nothing left to do, so a core is free
                get_ready()

        with Progress(display, name, plan.experiment.arms, tracks) as show:
            yield take

    def look(results: "Results") -> bool:
        view = _view_of(results)
        if plan.experiment.claim:
            from bnreg.claims.claim import claim_of
            from bnreg.report.claims import claim_lines

            lines, decided = claim_lines(claim_of(plan.experiment), view, num_others)
        else:
            from bnreg.report.looks import look_lines

            lines, decided = look_lines(view)
        for line in lines:
            say(line)
        return decided

    def draw(results: "Results") -> Mapping[str, bytes]:
        return _draw_curves(results) | (_write_page(plan, results, say) if plan.experiment.report else {})

    Thread(target=_load_for_the_end).start()  # while the workers load torch and train
    try:
        with at_the_end:
            return run_experiment(plan, run, watch=watch, look=look, draw=draw, log=say)
    except UserError:
        raise
    except BaseException:
        if run.folder.is_dir():
            again = f"resume it with `bnreg train --resume {run.final}`"
            remedy = "the same command goes on with it" if plan.experiment.tune else again
            say(f"{run.folder}: the training so far is saved; {remedy}")
        raise


def _load_for_the_end() -> None:
    for name in NEEDED_AT_THE_END:
        with suppress(Exception):  # it is imported again, and its absence reported, where it is needed
            importlib.import_module(name)


def conclude(folder: Path, *, as_json: bool, opened: bool = False) -> None:
    """Print the comparison of a run and its folder, and open the page about it."""
    from bnreg.cli.common.pages import open_page
    from bnreg.cli.compare import print_comparison
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


def tuned_plan(
    config: Path,
    settings: Sequence[str],
    root: Path,
    say: Callable[[str], None],
    *,
    progress: bool,
    data_folder: Path | None,
) -> "Plan":
    """The plan of an experiment; if its arms choose settings first, that is trained, and they have chosen."""
    from bnreg.experiment.plan import plan_experiment
    from bnreg.experiment.tuning import FOLDER, chosen_by

    plan = plan_experiment(config, settings, data_folder=data_folder, log=say)
    if not plan.experiment.tune:
        return plan
    say_notices(plan, say)
    tuning = finished(plan, root / FOLDER, say, progress=progress, data_folder=data_folder)
    chosen = chosen_by(plan.experiment, tuning)
    return plan_experiment(config, settings, data_folder=data_folder, log=say, chosen=chosen)


def finished(
    plan: "Plan",
    root: Path,
    say: Callable[[str], None],
    *,
    progress: bool,
    data_folder: Path | None,
    num_others: int = 0,
) -> "Run":
    """The finished run of a plan in a folder: one that is there, or that is resumed, or trained now."""
    from bnreg.experiment.beginning import begin_again
    from bnreg.experiment.existing import finished_run, stopped_run
    from bnreg.runs import read_run

    if run := finished_run(plan, root):
        say(f"note: {run.path}: already trained")
        return run
    begun = stopped_run(plan, root)
    if begun is None:
        begun = begin(plan, root, data_folder)
    else:
        say(f"note: {begun.final}: resumed")
        plan = begin_again(begun, None, (), data_folder=data_folder, log=say)
    return read_run(train_and_watch(plan, begun, say, progress=progress, num_others=num_others))


def _seeds_after(plan: "Plan") -> str:
    from bnreg.rounds import Rounds
    from bnreg.wording import counted

    seeds = plan.experiment.then
    return f"{len(seeds.first)} to {seeds.at_most} seeds" if isinstance(seeds, Rounds) else counted(len(seeds), "seed")


def say_notices(plan: "Plan", say: Callable[[str], None]) -> None:
    """Say what the user should know before a plan is trained."""
    for notice in plan.notices:
        say(f"note: {notice}")


def _report_unfinished(plan: "Plan", root: Path, say: Callable[[str], None]) -> None:
    """Report unfinished runs of the same experiment and the command that resumes each."""
    from bnreg.errors import UserError
    from bnreg.runs import unfinished_runs

    for run in unfinished_runs(root):
        with suppress(UserError):  # `bnreg runs` reports a damaged run
            state, progress = run.state()
            if state != "running" and run.beginning().info.config == plan.experiment.resolved:
                remedy = f"resume it with `bnreg train --resume {run.final}`"
                say(f"note: {run.final.name} is {state} ({progress}); {remedy}")


def _draw_curves(results: "Results") -> dict[str, bytes]:
    from bnreg.report.charts.drawing import render_chart
    from bnreg.report.charts.table import CHARTS

    return {"curves.svg": render_chart(CHARTS["curves"].draw(_view_of(results)), "svg")}


def _write_page(plan: "Plan", results: "Results", say: Callable[[str], None]) -> dict[str, bytes]:
    """The page about the run; like that of a chart, its failure costs the user nothing else."""
    from bnreg.analysis.comparison import compare_views
    from bnreg.report.page.digits import TestImages
    from bnreg.report.page.page import runs_page
    from bnreg.runs.names import PAGE

    def images(_view: "RunView") -> TestImages:
        dataset, *_ = plan.datasets.values()
        return TestImages(dataset.test_images, dataset.test_labels)

    try:
        return {PAGE: runs_page(compare_views([_view_of(results)]), images)}
    except Exception as error:
        say(f"warning: no report was written: {error}")
        return {}


def _view_of(results: "Results") -> "RunView":
    import pandas as pd

    from bnreg.analysis.run_view import view_of

    tables = {name: pd.DataFrame(rows) for name, rows in results.tables.items()}
    summary = {str(name): column.tolist() for name, column in tables["summary"].items()}
    return view_of(results.info, tables, summary, results.flags)


def print_plan(plan: "Plan", *, as_json: bool) -> None:
    """Print what would be trained."""
    if as_json:
        print_json(plan.describe())
        return
    from bnreg.report.plan import plan_table

    print_parts(plan_table(plan.describe()))
