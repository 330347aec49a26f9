"""The note of a shard in training: how far it is, and its evaluations so far, for those who watch from outside.

A note is no result: it has no checksum, is not flushed to the disk, and may be missing, old or half there. It is
checked before it is shown, and what does not fit counts as missing.
"""

import json
import math
from collections.abc import Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any

from bnreg.budget import Moment
from bnreg.names import ReplicaId
from bnreg.runs import disk
from bnreg.runs.info import RunInfo, is_count, is_number, is_seed, is_text, is_whole, list_of
from bnreg.runs.origin import Origin
from bnreg.runs.strict_json import parse_json
from bnreg.training.messages import Row, ShardNote

MAX_NOTE_BYTES = 256 << 20
MAX_STEPS = 1 << 53


@dataclass(frozen=True)
class Noted:
    """A note with what it belongs to."""

    origin: Origin
    note: ShardNote


def note_file(run: Path, index: int) -> Path:
    """The note of a shard in the folder of an unfinished run."""
    return run / f"shard-{index:04}-note.json"


def leave_note(run: Path, origin: Origin, note: ShardNote) -> None:
    """Replace a shard's note; one that cannot be written is left out."""
    content = json.dumps({"origin": origin.to_json(), "note": vars(note)})
    with suppress(OSError):
        disk.replace(note_file(run, origin.shard), content.encode(), durably=False)


def read_note(run: Path, index: int, run_id: str, plan: str) -> Noted | None:
    """A shard's note; None if there is none, it belongs elsewhere, or it is not what bnreg writes.

    Args:
        run: The folder of the unfinished run.
        index: The shard's index.
        run_id: The run's id.
        plan: SHA-256 of its plan.
    """
    try:
        found = parse_json(disk.read(note_file(run, index), MAX_NOTE_BYTES))
        origin = Origin.from_json(found["origin"])
        if (origin.run, origin.plan, origin.shard) != (run_id, plan, index):
            return None
        return Noted(origin, _note(found["note"], {*origin.replicas}))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def known_note(run: Path, index: int, info: RunInfo, plan: str) -> Noted | None:
    """The same, given the run's record; a note of other arms or points counts as missing."""
    noted = read_note(run, index, info.id, plan)
    return noted if noted and are_known(noted.origin, info) else None


def are_known(origin: Origin, info: RunInfo) -> bool:
    """Whether the seeds and cells of a shard may be those of a run."""
    known = {*product(range(len(info.points)), info.arms)}
    return known.issuperset(origin.cells) and all(is_seed(seed) for seed in origin.seeds)


def _note(content: Mapping[str, Any], replicas: Set[ReplicaId]) -> ShardNote:
    note = ShardNote(**content)
    is_valid = (
        {*content} == {one.name for one in fields(ShardNote)}
        and is_whole(note.num_steps, 1, MAX_STEPS)
        and is_whole(note.steps, 0, note.num_steps + 1)
        and is_whole(note.since, 0, note.steps + 1)
        and is_count(note.steps_per_epoch)
        and is_number(note.seconds)
        and list_of(is_evaluation)(note.rows)
        and {replica_of(row) for row in note.rows} <= replicas
    )
    if not is_valid:
        raise ValueError("not what bnreg writes")
    return note


def replica_of(row: Row) -> ReplicaId:
    """The replica that a row belongs to."""
    return ReplicaId(*(row[name] for name in ReplicaId._fields))


def is_evaluation(row: Any) -> bool:
    """Whether a value may be a row of an evaluation."""
    if not isinstance(row, Mapping):
        return False
    metrics = {name: value for name, value in row.items() if name not in ReplicaId._fields + Moment._fields}
    return (
        all(is_whole(row.get(name), 1, MAX_STEPS) for name in Moment._fields)
        and all(map(is_text, metrics))
        and all(value is None or is_finite(value) for value in metrics.values())
    )


def is_end(row: Any) -> bool:
    """Whether a value may be a row of a network that is trained to the end."""
    return (
        isinstance(row, Mapping)
        and is_text(row.get("status"))
        and is_whole(row.get("final_epoch"), 1, MAX_STEPS)
        and all(
            is_text(name) and (value is None or is_finite(value) or name in ("arm", "status"))
            for name, value in row.items()
        )
    )


def is_finite(value: Any) -> bool:
    """Whether a value is a finite number."""
    return type(value) in (int, float) and math.isfinite(value)
