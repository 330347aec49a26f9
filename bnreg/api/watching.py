"""A training that is watched: with a progress display, a look after each round of seeds, and charts at its end."""

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from bnreg.api.caller import Caller
from bnreg.errors import UserError

if TYPE_CHECKING:
    from bnreg.analysis.run_view import RunView
    from bnreg.experiment.collect import Results
    from bnreg.experiment.plan import Plan
    from bnreg.runs import UnfinishedRun
    from bnreg.training.messages import Progressed

# What draws and compares a run at its end; with altair, pandas and scipy, it takes a second and more to import.
NEEDED_AT_THE_END = ("bnreg.report.page.page", "bnreg.report.comparison.summary", "scipy.special")


def train_and_watch(plan: "Plan", run: "UnfinishedRun", caller: Caller, *, num_others: int = 0) -> Path:
    """Train a run with a progress display, and say what becomes of it; return its folder.

    Seeds that are added until everything is decided are added until the experiment's claim is, if it has one; there are
    ``num_others`` further claims in its family.
    """
    from rich.console import Console

    from bnreg.experiment.standing import Track
    from bnreg.experiment.story import run_experiment
    from bnreg.report.progress import Progress
    from bnreg.training.messages import ShardDone

    display = Console(stderr=True, highlight=False, quiet=not caller.progress)

    at_the_end = ExitStack()

    @cache
    def get_ready() -> None:
        with suppress(Exception):  # that nothing can be drawn is reported when it is needed
            from bnreg.report.charts.process import ready_to_draw

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
            caller.say(line)
        return decided

    def draw(results: "Results") -> Mapping[str, bytes]:
        view = _view_of(results)
        return _draw_curves(view) | (_write_page(plan, view, caller.say) if plan.experiment.report else {})

    Thread(target=_load_for_the_end).start()  # while the workers load torch and train
    try:
        with at_the_end:
            return run_experiment(plan, run, watch=watch, look=look, draw=draw, log=caller.say)
    except UserError:
        raise
    except BaseException:
        if run.folder.is_dir():
            again = f"resume it with {caller.resuming(run.final)}"
            remedy = "the same command goes on with it" if plan.experiment.tune else again
            caller.say(f"{run.folder}: the training so far is saved; {remedy}")
        raise


def _load_for_the_end() -> None:
    for name in NEEDED_AT_THE_END:
        with suppress(Exception):  # it is imported again, and its absence reported, where it is needed
            importlib.import_module(name)


def _draw_curves(view: "RunView") -> dict[str, bytes]:
    from bnreg.report.charts.drawing import render_chart
    from bnreg.report.charts.table import CHARTS

    chart = CHARTS["curves"]
    return {} if chart.lacking(view) else {"curves.svg": render_chart(chart.draw(view), "svg")}


def _write_page(plan: "Plan", view: "RunView", say: Callable[[str], None]) -> dict[str, bytes]:
    """The page about the run; like that of a chart, its failure costs the user nothing else."""
    from bnreg.analysis.comparison import block_of
    from bnreg.report.page.digits import Images
    from bnreg.report.page.page import runs_page
    from bnreg.runs.names import PAGE

    def images(_view: "RunView") -> Images:
        dataset, *_ = plan.datasets.values()
        return Images(dataset.test_images, dataset.test_labels)

    try:
        return {PAGE: runs_page([block_of(view)], images)}
    except Exception as error:
        say(f"warning: no report was written: {error}")
        return {}


def _view_of(results: "Results") -> "RunView":
    import pandas as pd

    from bnreg.analysis.run_view import view_of

    tables = {name: pd.DataFrame(rows) for name, rows in results.tables.items()}
    summary = {str(name): column.tolist() for name, column in tables["summary"].items()}
    return view_of(results.info, tables, summary, results.flags)
