"""From the results of the shards to a run's folder: every table that an engine yields, in the order of the plan."""

import csv
import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnreg.config.cell_settings import cell_settings, plain
from bnreg.config.experiment import Experiment
from bnreg.config.own_data import data_name
from bnreg.errors import RunError
from bnreg.experiment.plan import Plan
from bnreg.names import ReplicaId
from bnreg.runs import (
    CONFIG,
    CORRECT,
    RUN,
    DamagedError,
    Draft,
    Run,
    RunInfo,
    ShardPlace,
    UnfinishedRun,
    about_weights,
    base_of,
    copied_weights,
    correct_bytes,
    point_cell,
    read_correct,
    table_file,
    weights_bytes,
    weights_file,
)
from bnreg.training.messages import Proof, Row, Weights
from bnreg.training.shards import Shard


@dataclass(frozen=True)
class Results:
    """The measurements of a finished run.

    Attributes:
        info: The content of its later ``run.json``.
        tables: Name → rows of the CSV file, by point, arm and seed.
        correct: For each replica, which test examples are classified correctly, eight to a byte.
    """

    info: RunInfo
    tables: dict[str, list[Row]] = field(default_factory=dict)
    correct: dict[ReplicaId, NDArray[np.uint8]] = field(default_factory=dict)

    def flags(self) -> dict[int, NDArray[np.bool_]]:
        """For each point, which test examples each network classifies correctly, shape (arms, seeds, examples)."""
        info = self.info
        flags = {}
        for index, point in enumerate(info.points):
            bits = [[self.correct[ReplicaId(index, arm, seed)] for seed in info.seeds] for arm in info.arms]
            requested = cell_settings(info.config or {}, info.arms[0], point)["data.dataset"]
            flags[index] = np.unpackbits(np.array(bits), axis=-1, count=info.data[data_name(requested)].num_test).view(
                np.bool_
            )
        return flags


def collect(plan: Plan, run: UnfinishedRun, draft: Draft | None = None) -> Results:
    """Combine the results of all shards, and of the run that is extended.

    Args:
        plan: The plan.
        run: The run.
        draft: Its later folder, into which the weights are written right away; None to leave them out.

    Raises:
        RunError: If the results of a shard are damaged.
    """
    experiment = plan.experiment
    attempt = run.attempt()
    info = replace(
        run.beginning().info,
        attempts=attempt.number if attempt else 1,
        seeds=experiment.seeds,
        shards=plan.described_shards,
        num_workers=plan.num_workers,
    )
    results = Results(info)
    pairing: list[Proof] = []
    if base := base_of(run):
        add_base(results, base)
        pairing += base.info.pairing
        for proof in base.info.pairing:
            if draft and (content := copied_weights(base, proof.replica, info)):
                draft.write(weights_file(proof.replica, len(info.points)), content)
    for shard in plan.shards:
        try:
            result = place_of(run, shard).result()
        except DamagedError as damage:
            raise RunError(f"{damage}; resume the run to train this shard again") from damage
        for name, rows in result.tables.items():
            results.tables.setdefault(name, []).extend(rows)
        results.correct.update(result.correct)
        pairing += result.pairing
        for weights in result.weights:
            if draft:
                _write_weights(draft, info, weights)
    place = {replica: number for number, replica in enumerate(_replicas(experiment))}
    pairing.sort(key=lambda proof: place[proof.replica])
    tables = {name: _with_points(experiment, rows, place) for name, rows in results.tables.items()}
    return replace(results, info=replace(info, pairing=tuple(pairing)), tables=tables)


def add_base(results: Results, base: Run) -> None:
    """Add the tables and answers of the run that is extended, as its shards once gave them."""
    info = base.info
    points = [{key: point_cell(value) for key, value in point.items()} for point in info.points]
    for name in base.checksums:
        if name == table_file(table := name.removesuffix(".csv")):
            for row in csv.DictReader(io.StringIO(base.verified([name])[name].decode())):
                index = points.index({key: row.pop(key) for key in info.point_keys})
                values = {key: _value(text) for key, text in row.items()} | {"arm": row["arm"]}
                results.tables.setdefault(table, []).append({"point_index": index, **values})
    for index, flags in read_correct(base).items():
        packed = np.packbits(flags, axis=-1)
        for (i, arm), (k, seed) in product(enumerate(info.arms), enumerate(info.seeds)):
            results.correct[ReplicaId(index, arm, seed)] = packed[i, k]


def _value(text: str) -> Any:
    """The value of a cell, which is written as it was read."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text or None


def place_of(run: UnfinishedRun, shard: Shard) -> ShardPlace:
    """The place of a shard in the folder of an unfinished run.

    Raises:
        DamagedError: If the run's plan is damaged.
    """
    cells = [(cell.point_index, cell.arm) for stack in shard.stacks for cell in stack]
    return run.shard(shard.index, shard.seeds, cells)


def write_results(plan: Plan, results: Results, config: bytes, draft: Draft) -> None:
    """Write everything except the weights and the charts."""
    draft.write(CONFIG, config)
    draft.write_json(RUN, results.info.to_json())
    for name, rows in results.tables.items():
        draft.write_csv(table_file(name), list(dict.fromkeys(key for row in rows for key in row)), rows)
    draft.write(CORRECT, _correct_bytes(plan, results.correct))


def _replicas(experiment: Experiment) -> list[ReplicaId]:
    """All replicas in the order of a run's files, which must not depend on the order in which workers finish."""
    return [ReplicaId(cell.point_index, cell.arm, seed) for cell in experiment.cells for seed in experiment.seeds]


def _with_points(experiment: Experiment, rows: list[Row], place: Mapping[ReplicaId, int]) -> list[Row]:
    """The rows in order, each with its point in extra columns at the front."""
    placed = []
    for row in sorted(rows, key=lambda row: place[ReplicaId(*(row[name] for name in ReplicaId._fields))]):
        point = plain(experiment.points[row["point_index"]])
        columns = {key: point_cell(value) for key, value in point.items()}
        placed.append(columns | {key: value for key, value in row.items() if key != "point_index"})
    return placed


def _write_weights(draft: Draft, info: RunInfo, weights: Weights) -> None:
    name = weights_file(weights.replica, len(info.points))
    draft.write(name, weights_bytes(weights.arrays, about_weights(info, weights.replica) | {"epoch": weights.epoch}))


def _correct_bytes(plan: Plan, correct: Mapping[ReplicaId, NDArray[np.uint8]]) -> bytes:
    experiment = plan.experiment
    packed: dict[int, NDArray[np.uint8]] = {}
    num_examples: dict[int, int] = {}
    for cell in experiment.cells:
        index = cell.point_index
        num_examples[index] = len(plan.datasets[cell.settings.data.dataset].test_labels)
        flags = np.stack([correct[ReplicaId(index, cell.arm, seed)] for seed in experiment.seeds])[None]
        packed[index] = np.concatenate([packed[index], flags]) if index in packed else flags
    return correct_bytes(packed, num_examples)
