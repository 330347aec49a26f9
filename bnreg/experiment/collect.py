"""From the results of the shards to a run's folder: every table that an engine yields, in the order of the plan."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from bnreg.config.cell_settings import plain
from bnreg.config.experiment import Experiment
from bnreg.errors import RunError
from bnreg.experiment.plan import Plan
from bnreg.names import ReplicaId
from bnreg.runs import (
    CONFIG,
    CORRECT,
    RUN,
    DamagedError,
    Draft,
    RunInfo,
    ShardPlace,
    UnfinishedRun,
    about_weights,
    correct_bytes,
    table_file,
    weights_bytes,
    weights_file,
)
from bnreg.training.messages import Row, Weights
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


def collect(plan: Plan, run: UnfinishedRun, draft: Draft) -> Results:
    """Combine the results of all shards; write the weights into the draft of the run's folder right away.

    Raises:
        RunError: If the results of a shard are damaged.
    """
    experiment = plan.experiment
    attempt = run.attempt()
    results = Results(replace(run.beginning().info, attempts=attempt.number if attempt else 1))
    pairing = []
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
            _write_weights(draft, results.info, weights)
    place = {replica: number for number, replica in enumerate(_replicas(experiment))}
    pairing.sort(key=lambda proof: place[proof.replica])
    tables = {name: _with_points(experiment, rows, place) for name, rows in results.tables.items()}
    return replace(results, info=replace(results.info, pairing=tuple(pairing)), tables=tables)


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
    """The rows in order, each with its point in extra columns at the front.

    Lists and mappings become the text that the CSV file will contain.
    """
    placed = []
    for row in sorted(rows, key=lambda row: place[ReplicaId(*(row[name] for name in ReplicaId._fields))]):
        point = plain(experiment.points[row["point_index"]]).items()
        columns = {key: json.dumps(value) if isinstance(value, (list, dict)) else value for key, value in point}
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
