"""The story of an experiment: plan → workers → rows → run folder."""

import json
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

import bnreg
from bnreg.config import Experiment
from bnreg.data import Dataset, share
from bnreg.errors import RunError
from bnreg.plan import Plan, plain
from bnreg.runs import CORRECT, SCHEMA_VERSION, DraftRun, correct_bytes, new_run, weights_bytes, weights_file
from bnreg.training.messages import EpochDone, Progressed, Row, ShardDone, WeightsDone
from bnreg.training.workers import train_shards

RECORDED_VERSIONS = ("torch", "torchvision", "numpy", "pandas", "altair")


Charts = Callable[["Results"], Mapping[str, bytes]]


@dataclass(frozen=True)
class Results:
    """What a finished run has measured, as rows of its CSV files."""

    info: dict[str, Any]
    metrics: list[Row]
    summary: list[Row]


def run_experiment(
    plan: Plan,
    runs_root: Path,
    *,
    watch: Callable[[Progressed], None],
    draw: Charts,
    log: Callable[[str], None],
    command: Sequence[str],
) -> Path:
    """Train what was planned and write the run folder.

    Args:
        plan: The plan.
        runs_root: The folder in which the run's folder is made.
        watch: Is told every message of the workers, for a progress display.
        draw: Draws the charts that belong into the folder, as file name → content.
        log: Takes warnings, a line each.
        command: What the user typed, for the record.

    Returns:
        The run folder.
    """
    experiment = plan.experiment
    started, clock = datetime.now(UTC), time.monotonic()
    with new_run(runs_root, experiment.name) as (folder, draft):
        metrics: list[Row] = []
        summary: list[Row] = []
        pairing: list[Row] = []
        correct: dict[tuple[int, str, int], NDArray[np.uint8]] = {}
        with _shared(plan.datasets) as folders:
            said = train_shards(plan.shards, folders, device=plan.device, num_workers=plan.num_workers)
            with closing(said):  # however this ends, no worker outlives it
                for message in said:
                    if isinstance(message, WeightsDone):
                        _write_weights(draft, experiment, message)
                        continue
                    if isinstance(message, EpochDone):
                        metrics += message.rows
                    elif isinstance(message, ShardDone):
                        summary += message.summary
                        pairing += message.pairing
                        correct |= dict(zip(map(_replica, message.summary), message.test_correct, strict=True))
                    watch(message)
        info = {
            "schema": SCHEMA_VERSION,
            "name": experiment.name,
            "id": folder.name,
            "state": "complete",
            "command": list(command),
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - clock, 3),
            "arms": list(experiment.arms),
            "baseline": experiment.baseline,
            "seeds": list(experiment.seeds),
            "config": experiment.resolved,
            "point_keys": list(experiment.point_keys),
            "points": [plain(point) for point in experiment.points],
            "data": {requested: _describe(dataset) for requested, dataset in plan.datasets.items()},
            "device": plan.device,
            "num_workers": plan.num_workers,
            "threads_per_worker": 1,
            "shards": [{"seeds": list(shard.seeds), "replicas": shard.num_replicas} for shard in plan.shards],
            "versions": {"bnreg": bnreg.__version__, "python": platform.python_version()}
            | {package: version(package) for package in RECORDED_VERSIONS},
            "platform": platform.platform(),
            "git_commit": _git_commit(),
            "pairing": _in_order(experiment, pairing),
        }
        results = Results(info, _with_points(experiment, metrics), _with_points(experiment, summary))
        _write(draft, experiment, results)
        draft.write(CORRECT, _correct_bytes(plan, correct))
        try:
            charts = draw(results)
        except Exception as error:  # whatever is wrong with a picture, finished networks must not be lost for it
            log(f"warning: no chart was drawn: {error}")
            charts = {}
        for file_name, content in charts.items():
            draft.write(file_name, content)
    return folder


def _write(draft: DraftRun, experiment: Experiment, results: Results) -> None:
    draft.write("config.yaml", yaml.safe_dump(experiment.resolved, sort_keys=False, allow_unicode=True).encode())
    draft.write_json("run.json", results.info)
    for name, rows in (("metrics.csv", results.metrics), ("summary.csv", results.summary)):
        draft.write_csv(name, list(dict.fromkeys(key for row in rows for key in row)), rows)


def _write_weights(draft: DraftRun, experiment: Experiment, done: WeightsDone) -> None:
    arm, seed, index = (done.replica[key] for key in ("arm", "seed", "point_index"))
    name = weights_file(arm, seed, index, len(experiment.points))
    draft.write(name, weights_bytes(done.arrays, about=done.replica))


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


def _describe(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "num_train": len(dataset.train_labels),
        "num_test": len(dataset.test_labels),
    }


def _git_commit() -> str | None:
    """The commit that is checked out in the current folder, if it is one of a git repository."""
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 else None
