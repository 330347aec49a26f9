"""The story of an experiment: plan → unfinished run → workers → shards → run folder."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import yaml

from bnreg import signals
from bnreg.data import Dataset, share, sharing_folder
from bnreg.errors import RunError
from bnreg.executors.table import EXECUTORS
from bnreg.experiment.collect import Results, collect, place_of, write_results
from bnreg.experiment.plan import Plan
from bnreg.runs import Beginning, Hold, UnfinishedRun, begin_run, disk, new_folder
from bnreg.training.messages import Progressed, ShardDone

Charts = Callable[[Results], Mapping[str, bytes]]


def begin_experiment(plan: Plan, beginning: Beginning, runs_root: Path) -> UnfinishedRun:
    """Create the folder of a run that is not trained yet.

    Args:
        plan: The plan.
        beginning: The record of its start, see ``describe_beginning``.
        runs_root: The folder in which to create the run's folder.

    Raises:
        UserError: If no run can be written there.
    """
    config = yaml.safe_dump(plan.experiment.resolved, sort_keys=False, allow_unicode=True).encode()
    return begin_run(runs_root, beginning, config)


def run_experiment(
    plan: Plan, run: UnfinishedRun, *, watch: Callable[[Progressed], None], draw: Charts, log: Callable[[str], None]
) -> Path:
    """Train the rest of a run, and write the run folder.

    Args:
        plan: The plan.
        run: The run, new or to be resumed.
        watch: Takes every message of the workers, for a progress display.
        draw: Draws the charts for the folder, as file name → content.
        log: Takes warnings, a line each.

    Returns:
        The run folder.

    Raises:
        UserError: If another process is training the run.
        RunError: If it could not be completed; what was trained so far is kept.
    """
    with run.training() as hold:
        _train(plan, run, hold, watch=watch, log=log)
        with new_folder(run.final, what="run", option="--runs") as draft:
            try:
                results = collect(plan, run, draft)
            except RunError:
                hold.raise_if_gone()  # which then is the reason
                raise
            results = replace(results, info=replace(results.info, seconds=hold.seconds()))
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


def _train(
    plan: Plan, run: UnfinishedRun, hold: Hold, *, watch: Callable[[Progressed], None], log: Callable[[str], None]
) -> None:
    """Train the shards that are not done."""
    jobs = []
    for shard in plan.shards:
        place = place_of(run, shard)
        if place.is_done(log):
            watch(ShardDone(shard.index))
        else:
            jobs.append((shard, place))
    with _shared(plan.datasets if jobs else {}) as folders:
        messages = EXECUTORS[plan.executor](
            jobs,
            folders,
            engine=plan.engine,
            device=plan.device,
            num_workers=plan.num_workers,
            snapshot_seconds=plan.experiment.snapshot_seconds,
            log=log,
        )
        with closing(messages):  # no worker outlives this block, however it ends
            for message in messages:
                signals.raise_received()
                hold.raise_if_gone()
                watch(message)


@contextmanager
def _shared(datasets: Mapping[str, Dataset]) -> Iterator[dict[str, Path]]:
    with sharing_folder() as folder:
        folders = {requested: folder / requested for requested in datasets}
        try:
            for requested, dataset in datasets.items():
                share(dataset, folders[requested])
        except OSError as error:
            reason = f"the data cannot be shared with the workers: {error.strerror}"
            raise RunError(f"{folder}: {reason}; set TMPDIR to a folder with more space") from error
        yield folders
