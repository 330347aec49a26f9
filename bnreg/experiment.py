"""The story of an experiment: plan → unfinished run → workers → shards → run folder."""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from bnreg import signals
from bnreg.config import Experiment
from bnreg.data import Dataset, share
from bnreg.errors import RunError
from bnreg.plan import Plan, plain
from bnreg.runs import (
    CONFIG,
    CORRECT,
    DamagedError,
    Draft,
    UnfinishedRun,
    begin_run,
    correct_bytes,
    new_folder,
    weights_bytes,
    weights_file,
)
from bnreg.training.messages import Progressed, Row, ShardDone, Weights
from bnreg.training.workers import train_shards

Charts = Callable[["Results"], Mapping[str, bytes]]


@dataclass(frozen=True)
class Results:
    """What a finished run has measured, as rows of its CSV files."""

    info: dict[str, Any]
    metrics: list[Row]
    summary: list[Row]


def begin_experiment(plan: Plan, beginning: Mapping[str, Any], runs_root: Path) -> UnfinishedRun:
    """Make the folder of a run that is still to be trained.

    Args:
        plan: The plan.
        beginning: How it begins, see ``describe_beginning``.
        runs_root: The folder in which the run's folder is made.

    Raises:
        UserError: If no run can be written there.
    """
    config = yaml.safe_dump(plan.experiment.resolved, sort_keys=False, allow_unicode=True).encode()
    return begin_run(runs_root, plan.experiment.name, beginning, config)


def run_experiment(
    plan: Plan, run: UnfinishedRun, *, watch: Callable[[Progressed], None], draw: Charts, log: Callable[[str], None]
) -> Path:
    """Train what is left of a run to train, and write the run folder.

    Args:
        plan: The plan.
        run: The run, just begun or to be gone on with.
        watch: Is told every message of the workers, for a progress display.
        draw: Draws the charts that belong into the folder, as file name → content.
        log: Takes warnings, a line each.

    Returns:
        The run folder.

    Raises:
        UserError: If another process is training the run.
        RunError: If it could not be carried through; what it has come to so far is kept.
    """
    with run.training() as seconds:
        _train(plan, run, watch=watch, log=log)
        with new_folder(run.final, what="run", option="--runs") as draft:
            results, correct = _collect(plan, run, draft)
            results.info["seconds"] = seconds()
            _write(draft, results, run.config())
            draft.write(CORRECT, _correct_bytes(plan, correct))
            try:
                charts = draw(results)
            except Exception as error:  # whatever is wrong with a picture, trained networks must not be lost for it
                log(f"warning: no chart was drawn: {error}")
                charts = {}
            for file_name, content in charts.items():
                draft.write(file_name, content)
    run.discard()
    return run.final


def _train(plan: Plan, run: UnfinishedRun, *, watch: Callable[[Progressed], None], log: Callable[[str], None]) -> None:
    """Train the shards that are not done."""
    jobs = []
    for shard in plan.shards:
        place = run.shard(shard.index)
        if place.is_done(log):
            watch(ShardDone(shard.index))
        else:
            jobs.append((shard, place))
    with _shared(plan.datasets if jobs else {}) as folders:
        said = train_shards(
            jobs,
            folders,
            device=plan.device,
            num_workers=plan.num_workers,
            snapshot_seconds=plan.experiment.snapshot_seconds,
            log=log,
        )
        with closing(said):  # however this ends, no worker outlives it
            for message in said:
                signals.heed()
                watch(message)


def _collect(plan: Plan, run: UnfinishedRun, draft: Draft) -> tuple[Results, dict[tuple[int, str, int], NDArray[Any]]]:
    """Put together what the shards have come to; the weights go into the run folder at once."""
    experiment = plan.experiment
    metrics: list[Row] = []
    summary: list[Row] = []
    pairing: list[Row] = []
    correct: dict[tuple[int, str, int], NDArray[np.uint8]] = {}
    for shard in plan.shards:
        try:
            result = run.shard(shard.index).result()
        except DamagedError as damage:
            raise RunError(f"{damage}; resumed, the run trains this shard again") from damage
        metrics += result.metrics
        summary += result.summary
        pairing += result.pairing
        correct |= dict(zip(map(_replica, result.summary), result.test_correct, strict=True))
        for weights in result.weights:
            _write_weights(draft, experiment, weights)
    begun = run.plan()
    del begun["resume"]
    attempt = run.attempt()
    info = begun | {"attempts": attempt.number if attempt else 1, "pairing": _in_order(experiment, pairing)}
    return Results(info, _with_points(experiment, metrics), _with_points(experiment, summary)), correct


def _write(draft: Draft, results: Results, config: bytes) -> None:
    draft.write(CONFIG, config)
    draft.write_json("run.json", results.info)
    for name, rows in (("metrics.csv", results.metrics), ("summary.csv", results.summary)):
        draft.write_csv(name, list(dict.fromkeys(key for row in rows for key in row)), rows)


def _write_weights(draft: Draft, experiment: Experiment, weights: Weights) -> None:
    arm, seed, index = (weights.replica[key] for key in ("arm", "seed", "point_index"))
    name = weights_file(arm, seed, index, len(experiment.points))
    draft.write(name, weights_bytes(weights.arrays, about=weights.replica))


def _replica(row: Row) -> tuple[int, str, int]:
    return row["point_index"], row["arm"], row["seed"]


def _correct_bytes(plan: Plan, correct: Mapping[tuple[int, str, int], NDArray[np.uint8]]) -> bytes:
    experiment = plan.experiment
    packed: dict[int, NDArray[np.uint8]] = {}
    num_examples: dict[int, int] = {}
    for cell in experiment.cells:
        index = cell.point_index
        num_examples[index] = len(plan.datasets[cell.settings.data.dataset].test_labels)
        flags = np.stack([correct[index, cell.arm, seed] for seed in experiment.seeds])[None]
        packed[index] = np.concatenate([packed[index], flags]) if index in packed else flags
    return correct_bytes(packed, num_examples)


def _in_order(experiment: Experiment, rows: list[Row]) -> list[Row]:
    """Sort rows by point, arm, seed and epoch: the order in which workers finish must not show."""
    arms, seeds = list(experiment.arms), {seed: i for i, seed in enumerate(experiment.seeds)}
    return sorted(
        rows, key=lambda row: (row["point_index"], arms.index(row["arm"]), seeds[row["seed"]], row.get("epoch", 0))
    )


def _with_points(experiment: Experiment, rows: list[Row]) -> list[Row]:
    """Put each row's point into columns of its own, in front; lists and mappings as the text that the CSV will hold."""
    placed = []
    for row in _in_order(experiment, rows):
        point = plain(experiment.points[row["point_index"]]).items()
        columns = {key: json.dumps(value) if isinstance(value, (list, dict)) else value for key, value in point}
        placed.append(columns | {key: value for key, value in row.items() if key != "point_index"})
    return placed


@contextmanager
def _shared(datasets: Mapping[str, Dataset]) -> Iterator[dict[str, Path]]:
    with tempfile.TemporaryDirectory(prefix="bnreg-data-") as folder:
        folders = {requested: Path(folder) / requested for requested in datasets}
        try:
            for requested, dataset in datasets.items():
                share(dataset, folders[requested])
        except OSError as error:
            reason = f"the data cannot be shared with the workers: {error.strerror}"
            raise RunError(f"{folder}: {reason}; set TMPDIR to a folder with more room") from error
        yield folders
