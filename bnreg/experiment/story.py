"""The story of an experiment: plan → unfinished run → workers → shards → run folder."""

from collections.abc import Callable, Container, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path

import yaml

from bnreg import signals
from bnreg.errors import RunError
from bnreg.executors.table import EXECUTORS
from bnreg.experiment.collect import Results, collect, place_of, write_results
from bnreg.experiment.plan import Plan, settings_of
from bnreg.runs import Beginning, Hold, Run, UnfinishedRun, base_files, begin_run, disk, new_folder
from bnreg.training.engines import ENGINES
from bnreg.training.messages import Progressed, ShardDone

Watch = Callable[[Plan], AbstractContextManager[Callable[[Progressed], None]]]
Look = Callable[[Results], bool]
Charts = Callable[[Results], Mapping[str, bytes]]


def begin_experiment(plan: Plan, beginning: Beginning, runs_root: Path, base: Run | None = None) -> UnfinishedRun:
    """Create the folder of a run that is not trained yet.

    Args:
        plan: The plan.
        beginning: The record of its start, see ``describe_beginning``.
        runs_root: The folder in which to create the run's folder.
        base: The run that is extended; it is copied there, so that it may be moved or removed meanwhile.

    Raises:
        UserError: If no run can be written there.
    """
    config = yaml.safe_dump(plan.experiment.resolved, sort_keys=False, allow_unicode=True).encode()
    return begin_run(runs_root, beginning, config, base_files(base) if base else ())


def run_experiment(
    plan: Plan, run: UnfinishedRun, *, watch: Watch, look: Look, draw: Charts, log: Callable[[str], None]
) -> Path:
    """Train the rest of a run, and write the run folder.

    Args:
        plan: The plan.
        run: The run, new or to be resumed.
        watch: Gives, for the time in which a plan is trained, what takes every message of its workers.
        look: Whether every comparison is decided, asked after each round if seeds are added until then.
        draw: Draws the charts for the folder, as file name → content.
        log: Takes warnings, a line each.

    Returns:
        The run folder.

    Raises:
        UserError: If another process is training the run.
        RunError: If it could not be completed; what was trained so far is kept.
    """
    with run.training() as hold:
        plan, looks = _train_in_rounds(plan, run, hold, watch=watch, look=look, log=log)
        with new_folder(run.final, what="run", option="--runs") as draft:
            try:
                results = collect(plan, run, draft)
            except RunError:
                hold.raise_if_gone()  # which then is the reason
                raise
            results = replace(results, info=replace(results.info, seconds=hold.seconds(), looks=looks))
            write_results(plan, results, run.config(), draft)
            try:
                charts = draw(results)
            except Exception as error:  # no failure of a chart may cost the user the trained networks
                log(f"warning: no chart was drawn: {error}")
                charts = {}
            for file_name, content in charts.items():
                draft.write(file_name, content)
    run.discard()
    for limit in sorted(disk.limits):
        log(f"note: {run.final.parent}: {limit}")
    return run.final


def _train_in_rounds(
    plan: Plan, run: UnfinishedRun, hold: Hold, *, watch: Watch, look: Look, log: Callable[[str], None]
) -> tuple[Plan, tuple[int, ...]]:
    """Train a plan, then round after round until all is decided; return what was trained, and the number at each look.

    A resumed run goes through its earlier rounds again: their results are there, and a look at them says the same.
    """
    looks = [*run.beginning().info.looks]
    done: frozenset[int] = frozenset()
    while True:
        if plan.shards:
            with watch(plan) as take:
                _train(plan, run, hold, done, watch=take, log=log)
            done = frozenset(shard.index for shard in plan.shards)
        number = len(plan.experiment.seeds)
        looks += [number] if number not in looks else []
        further = plan.next_round()
        if further is None or look(collect(plan, run)):
            return plan, tuple(looks) if plan.experiment.rounds or len(looks) > 1 else ()
        plan = further


def _train(
    plan: Plan,
    run: UnfinishedRun,
    hold: Hold,
    done: Container[int],
    *,
    watch: Callable[[Progressed], None],
    log: Callable[[str], None],
) -> None:
    """Train the shards that are not done; those of an earlier round are known to be, without reading them again."""
    jobs = []
    for shard in plan.shards:
        if shard.index in done or place_of(run, shard).is_done(log):
            watch(ShardDone(shard.index))
        else:
            jobs.append((shard, place_of(run, shard)))
    if jobs and (said := ENGINES[plan.engine].first_use()):
        log(f"note: {said}")
    executor = EXECUTORS[plan.executor]
    messages = executor.train(
        jobs,
        plan.datasets,
        engine=plan.engine,
        device=plan.device,
        num_workers=plan.num_workers,
        snapshot_seconds=plan.experiment.snapshot_seconds,
        log=log,
        **settings_of(executor, plan.experiment),
    )
    with closing(messages):  # no worker outlives this block, however it ends
        for message in messages:
            signals.raise_received()
            hold.raise_if_gone()
            watch(message)
