"""The story of an experiment: config → data → shards → training → run folder."""

import json
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

import bnreg
from bnreg.config import Choices, Experiment, check_against_data, load_experiment
from bnreg.data import DATASETS, Dataset, data_root, load_dataset, num_batches, share
from bnreg.errors import UserError
from bnreg.nn.activations import ACTIVATIONS
from bnreg.nn.init import INITS
from bnreg.nn.norms import NORMS
from bnreg.runs import SCHEMA_VERSION, DraftRun, new_run
from bnreg.training.devices import choose_device
from bnreg.training.messages import EpochDone, Message, Row, ShardDone
from bnreg.training.optimizers import OPTIMIZERS
from bnreg.training.plan import SHARD_BYTES, Shard, count_parameters, estimate_bytes, layer_sizes, plan_shards
from bnreg.training.schedules import SCHEDULES
from bnreg.training.workers import train_shards

CHOICES = Choices(
    datasets=tuple(DATASETS),
    activations=tuple(ACTIVATIONS),
    norms=tuple(NORMS),
    inits=tuple(INITS),
    optimizers={name: kind.settings for name, kind in OPTIMIZERS.items()},
    schedules={name: kind.settings for name, kind in SCHEDULES.items()},
)
RECORDED_VERSIONS = ("torch", "torchvision", "numpy", "pandas", "altair")


@dataclass(frozen=True)
class Plan:
    """An experiment with everything decided: what is read, where it is trained, and in which shards.

    Attributes:
        experiment: The config.
        datasets: What was really loaded, by the name that the config asked for.
        device: ``cpu`` or ``cuda:N``.
        num_workers: How many processes train at a time.
        shards: What they train.
        notices: What the user should know before it starts, a line each.
    """

    experiment: Experiment
    datasets: Mapping[str, Dataset]
    device: str
    num_workers: int
    shards: tuple[Shard, ...]
    notices: tuple[str, ...]

    @property
    def num_replicas(self) -> int:
        """How many networks are trained."""
        return sum(shard.num_replicas for shard in self.shards)

    def num_steps(self, shard: Shard) -> int:
        """How many optimiser steps a shard takes, if nothing stops early."""
        data = shard.settings.data
        num_train = data.train_size or len(self.datasets[data.dataset].train_labels) - data.validation_size
        return shard.settings.training.epochs * num_batches(num_train, data.batch_size, drop_single=shard.drop_single)

    def describe(self) -> dict[str, Any]:
        """The plan as plain data."""
        experiment = self.experiment
        dataset = next(iter(self.datasets.values()))
        num_pixels, num_classes = dataset.train_images[0].size, dataset.num_classes
        cells = [
            {
                "point": dict(cell.point),
                "arm": cell.arm,
                "data": self.datasets[cell.settings.data.dataset].name,
                "sizes": list(layer_sizes(cell.settings, num_pixels, num_classes)),
                "num_parameters": count_parameters(cell.settings, num_pixels, num_classes),
                "bytes_per_replica": estimate_bytes(cell.settings, num_pixels, num_classes),
            }
            for cell in experiment.cells
        ]
        return {
            "name": experiment.name,
            "num_points": len(experiment.points),
            "arms": list(experiment.arms),
            "baseline": experiment.baseline,
            "seeds": list(experiment.seeds),
            "num_replicas": self.num_replicas,
            "device": self.device,
            "num_workers": self.num_workers,
            "shards": [
                {
                    "seeds": list(shard.seeds),
                    "replicas": shard.num_replicas,
                    "epochs": shard.settings.training.epochs,
                    "steps": self.num_steps(shard),
                    "bytes": sum(
                        len(shard.seeds) * estimate_bytes(cell.settings, num_pixels, num_classes)
                        for stack in shard.stacks
                        for cell in stack
                    ),
                }
                for shard in self.shards
            ],
            "cells": cells,
        }


def plan_experiment(
    config: Path,
    overrides: Sequence[str],
    *,
    data_folder: Path | None,
    log: Callable[[str], None],
    download: bool = True,
) -> Plan:
    """Read a config and decide everything that training needs; nothing is written but the data that is downloaded.

    Raises:
        UserError: With a line for each mistake.
    """
    experiment = load_experiment(config, overrides, CHOICES)
    device = choose_device(experiment.device, experiment.locate(None, "device"))

    datasets: dict[str, Dataset] = {}
    for cell in experiment.cells:
        data = cell.settings.data
        if data.dataset not in datasets:
            root = data_root(data_folder, data.root)
            datasets[data.dataset] = load_dataset(
                data.dataset, root, fallback=data.fallback, download=download, log=log
            )
    shapes = {(dataset.train_images.shape[1:], dataset.num_classes) for dataset in datasets.values()}
    assert len(shapes) == 1, "the data sets of the table have one shape"
    (image_shape, num_classes), *_ = shapes

    num_train = {requested: len(dataset.train_labels) for requested, dataset in datasets.items()}
    errors, notices = check_against_data(experiment, num_train)
    if errors:
        raise UserError(*errors)
    num_workers = experiment.jobs or (1 if device.startswith("cuda") else _num_cores())
    shards = plan_shards(
        experiment.cells,
        experiment.seeds,
        num_workers=num_workers,
        num_inputs=image_shape[0] * image_shape[1],
        num_classes=num_classes,
        max_bytes=SHARD_BYTES[device.partition(":")[0]],
    )
    return Plan(experiment, datasets, device, min(num_workers, len(shards)), shards, tuple(notices))


Charts = Callable[["Results"], Mapping[str, bytes]]


@dataclass(frozen=True)
class Results:
    """What a finished run has measured, as rows of its CSV files."""

    info: dict[str, Any]
    metrics: list[Row]
    summary: list[Row]


def run_experiment(
    plan: Plan, runs_root: Path, *, watch: Callable[[Message], None], draw: Charts, command: Sequence[str]
) -> Path:
    """Train what was planned and write the run folder.

    Args:
        plan: The plan.
        runs_root: The folder in which the run's folder is made.
        watch: Is told every message of the workers, for a progress display.
        draw: Draws the charts that belong into the folder, as file name → content.
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
        with _shared(plan.datasets) as folders:
            for message in train_shards(plan.shards, folders, device=plan.device, num_workers=plan.num_workers):
                if isinstance(message, EpochDone):
                    metrics += message.rows
                elif isinstance(message, ShardDone):
                    summary += message.summary
                    pairing += message.pairing
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
            "point_keys": list(experiment.point_keys),
            "points": [dict(point) for point in experiment.points],
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
        _write(draft, experiment, results, draw)
    return folder


def _write(draft: DraftRun, experiment: Experiment, results: Results, draw: Charts) -> None:
    draft.write("config.yaml", yaml.safe_dump(experiment.resolved, sort_keys=False, allow_unicode=True).encode())
    draft.write_json("run.json", results.info)
    for name, rows in (("metrics.csv", results.metrics), ("summary.csv", results.summary)):
        draft.write_csv(name, list(dict.fromkeys(key for row in rows for key in row)), rows)
    for name, content in draw(results).items():
        draft.write(name, content)


def _in_order(experiment: Experiment, rows: list[Row]) -> list[Row]:
    """Sort rows by point, arm, seed and epoch: the order in which workers finish must not show."""
    arms, seeds = list(experiment.arms), {seed: i for i, seed in enumerate(experiment.seeds)}
    return sorted(
        rows, key=lambda row: (row["point_index"], arms.index(row["arm"]), seeds[row["seed"]], row.get("epoch", 0))
    )


def _with_points(experiment: Experiment, rows: list[Row]) -> list[Row]:
    """Put each row's point into columns of its own, in front; lists as the text that the CSV will hold."""
    placed = []
    for row in _in_order(experiment, rows):
        point = experiment.points[row["point_index"]].items()
        columns = {key: json.dumps(value) if isinstance(value, (list, tuple)) else value for key, value in point}
        placed.append(columns | {key: value for key, value in row.items() if key != "point_index"})
    return placed


@contextmanager
def _shared(datasets: Mapping[str, Dataset]) -> Iterator[dict[str, Path]]:
    with tempfile.TemporaryDirectory(prefix="bnreg-data-") as folder:
        folders = {requested: Path(folder) / requested for requested in datasets}
        for requested, dataset in datasets.items():
            share(dataset, folders[requested])
        yield folders


def _describe(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "num_train": len(dataset.train_labels),
        "num_test": len(dataset.test_labels),
    }


def _num_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _git_commit() -> str | None:
    """The commit that is checked out in the current folder, if it is one of a git repository."""
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 else None
