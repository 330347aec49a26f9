"""A shard's place in an unfinished run: its snapshots while it trains, its results once it is trained.

Both carry their origin: the run, its plan and the part of it. Those of another run or shard would be trained on without
any sign in the results, so they count as damaged, and the shard is trained without them.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, numpy

from bnreg.errors import RunError, UserError
from bnreg.names import ReplicaId
from bnreg.runs import disk
from bnreg.runs.folder import DamagedError, new_folder, read_manifest, verified
from bnreg.runs.in_training import locks
from bnreg.runs.in_training.notes import are_known, is_end, is_evaluation, leave_note, read_note, replica_of
from bnreg.runs.info import RunInfo
from bnreg.runs.origin import Origin
from bnreg.runs.strict_json import parse_json
from bnreg.training.messages import EngineState, Proof, Row, ShardNote, ShardResult, Weights

NUM_KEPT = 2  # snapshots: if the newest is damaged, the previous one is still intact
MAX_BYTES = 8 << 30  # a GPU's shard is twice as large as the largest file of a run
LOCK_SECONDS = 60.0  # a process that has lost its run notices within a step or two

_ROWS, _ARRAYS = "rows.json", "arrays.safetensors"
_SNAPSHOT = re.compile(r"shard-(?P<index>\d+)-step-(?P<steps>\d+)")


def shard_folder(run: Path, index: int) -> Path:
    """The folder of a shard's results in the folder of an unfinished run."""
    return run / f"shard-{index:04}"


@dataclass(frozen=True)
class ShardPlace:
    """The place where a shard's state and results are kept; only the process that trains the shard writes there.

    Attributes:
        run: The folder of the unfinished run; nothing is written once it is gone.
        index: The shard's index.
        origin: What its states and results must belong to.
    """

    run: Path
    index: int
    origin: Origin

    @property
    def folder(self) -> Path:
        """The folder of the shard's results."""
        return shard_folder(self.run, self.index)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the shard, so that no other process trains it: a worker may outlive its run's coordinator by a step.

        Raises:
            RunError: If another process does not release it.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(locks.held(self.run / f"shard-{self.index:04}.lock", LOCK_SECONDS))
            except TimeoutError:
                raise RunError(f"{self.run}: shard {self.index} is being trained by another process") from None
            except OSError as error:
                raise RunError(f"{self.run}: shard {self.index} cannot be locked: {error.strerror}") from error
            yield

    def is_done(self, log: Callable[[str], None]) -> bool:
        """Whether the results exist, are intact and belong here. Others are removed: the shard can be trained again.

        Args:
            log: Takes a warning for each damaged file.
        """
        if not os.path.lexists(self.folder):
            return False
        try:
            self.result()
        except DamagedError as damage:
            for line in damage.lines:
                log(f"warning: {line}; training this shard again")
            disk.remove_folder(self.folder, disk.hidden_beside(self.folder, "removed"))
            return False
        return True

    def commit(self, result: ShardResult) -> None:
        """Keep the shard's results and delete its snapshots, which are no longer needed.

        Raises:
            RunError: If they cannot be written.
        """
        rows = {
            "tables": result.tables,
            "pairing": [proof.row() for proof in result.pairing],
            "correct": list(result.correct),
            "weights": [(weights.replica, weights.epoch) for weights in result.weights],
        }
        arrays: dict[str, NDArray[Any]] = {f"correct-{i}": bits for i, bits in enumerate(result.correct.values())}
        for i, weights in enumerate(result.weights):
            arrays |= {f"weights-{i}/{name}": values for name, values in weights.arrays.items()}
        self._write(self.folder, rows, arrays)
        for snapshot in self._snapshots():
            disk.discard(snapshot)

    def result(self) -> ShardResult:
        """The results that were committed.

        Raises:
            DamagedError: If they do not match their checksums, or are not those of this shard.
        """
        rows, arrays = self._read(self.folder)
        try:
            return self._result(rows, arrays)
        except (LookupError, TypeError, ValueError, AttributeError):
            raise DamagedError(f"{self.folder}: damaged: its content is not what bnreg writes") from None

    def _result(self, rows: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> ShardResult:
        weights = [Weights(ReplicaId(*replica), epoch, {}) for replica, epoch in rows["weights"]]
        for name, values in arrays.items():
            place, _, parameter = name.partition("/")
            if place.startswith("weights-"):
                weights[int(place.removeprefix("weights-"))].arrays[parameter] = values
        correct = {ReplicaId(*replica): arrays[f"correct-{i}"] for i, replica in enumerate(rows["correct"])}
        pairing = [*map(Proof.from_row, rows["pairing"])]
        replicas = self.origin.replicas
        named = [ReplicaId(*map(row.get, ReplicaId._fields)) for table in rows["tables"].values() for row in table]
        if not (
            replicas == [*correct] == [proof.replica for proof in pairing]
            and {*replicas}.issuperset([*named, *(one.replica for one in weights)])
        ):
            raise ValueError("other replicas")
        return ShardResult(rows["tables"], pairing, correct, weights)

    def save(self, steps: int, state: EngineState) -> None:
        """Keep the state after this many steps; of the older ones, keep only the last.

        Raises:
            RunError: If it cannot be written.
        """
        folder = self.run / f"shard-{self.index:04}-step-{steps:09}"
        if not folder.exists():  # the state after a given number of steps is always the same
            self._write(folder, state.facts, state.arrays)
        for snapshot in self._snapshots()[NUM_KEPT:]:
            disk.discard(snapshot)

    def note(self, note: ShardNote) -> None:
        """Leave a note on how far the shard is; it may be lost."""
        leave_note(self.run, self.origin, note)

    def noted(self) -> ShardNote | None:
        """The last note on the shard; None if there is none that can be read."""
        found = read_note(self.run, self.index, self.origin.run, self.origin.plan)
        return found.note if found and found.origin == self.origin else None

    def states(self, log: Callable[[str], None]) -> Iterator[EngineState]:
        """The intact states of this shard, newest first. The others, and one that is asked to be followed, are removed.

        Args:
            log: Takes a warning for each damaged file.
        """
        for snapshot in self._snapshots():
            try:
                facts, arrays = self._read(snapshot)
            except DamagedError as damage:
                for line in damage.lines:
                    log(f"warning: {line}; training from an earlier state")
            else:
                yield EngineState(arrays, facts)
            disk.discard(snapshot)

    def _snapshots(self) -> list[Path]:
        """The shard's snapshots, newest first."""
        found = ((path, _SNAPSHOT.fullmatch(path.name)) for path in self.run.iterdir())
        mine = [path for path, match in found if match and int(match["index"]) == self.index]
        return sorted(mine, key=_steps_of, reverse=True)

    def _write(self, folder: Path, rows: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        try:
            with new_folder(folder, what="shard", option="--runs", parents=False) as draft:
                draft.write_json(_ROWS, {"origin": self.origin.to_json(), "content": rows})
                draft.write(_ARRAYS, numpy.save({name: np.ascontiguousarray(a) for name, a in arrays.items()}))
        except UserError as error:
            raise RunError(*error.lines) from error

    def _read(self, folder: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        try:
            if folder.is_symlink():
                raise ValueError("it is a link")
            files = verified(folder, read_manifest(folder), (_ROWS, _ARRAYS), max_bytes=MAX_BYTES)
            found = parse_json(files[_ROWS])
            if found["origin"] != self.origin.to_json():
                raise ValueError("it belongs to another run or shard")
            content: dict[str, Any] = dict(found["content"])
            return content, numpy.load(files[_ARRAYS])
        except (FileNotFoundError, SafetensorError, ValueError, LookupError, TypeError) as error:
            raise DamagedError(f"{folder}: damaged: {error}") from None


def kept_tables(run: Path, index: int, info: RunInfo, plan: str) -> dict[str, list[Row]] | None:
    """The tables among a shard's results; None if there are none that are intact and belong here.

    Args:
        run: The folder of the unfinished run.
        index: The shard's index.
        info: The run's record.
        plan: SHA-256 of its plan.
    """
    folder = shard_folder(run, index)
    try:
        found = parse_json(verified(folder, read_manifest(folder), (_ROWS,), max_bytes=MAX_BYTES)[_ROWS])
        origin = Origin.from_json(found["origin"])
        tables: dict[str, list[Row]] = found["content"]["tables"]
        rows = [*tables["metrics"], *tables["summary"]]
        is_here = (origin.run, origin.plan, origin.shard) == (info.id, plan, index)
        is_known = are_known(origin, info) and {*map(replica_of, rows)} <= {*origin.replicas}
        if is_here and is_known and all(map(is_evaluation, tables["metrics"])) and all(map(is_end, tables["summary"])):
            return tables
    except (DamagedError, OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return None


def _steps_of(snapshot: Path) -> int:
    found = _SNAPSHOT.fullmatch(snapshot.name)
    assert found is not None
    return int(found["steps"])
