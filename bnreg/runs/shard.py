"""A shard's place in an unfinished run: its snapshots while it trains, its results once it is trained."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from bnreg.training.messages import EngineState, Proof, ShardResult, Weights

NUM_KEPT = 2  # snapshots: if the newest is damaged, the previous one is still intact
LOCK_SECONDS = 60.0  # a process that has lost its run notices within a step or two

_ROWS, _ARRAYS = "rows.json", "arrays.safetensors"
_SNAPSHOT = re.compile(r"shard-(?P<index>\d+)-step-(?P<steps>\d+)")


@dataclass(frozen=True)
class ShardPlace:
    """The place where a shard's state and results are kept; only the process that trains the shard writes there.

    Attributes:
        run: The folder of the unfinished run.
        index: The shard's index.
    """

    run: Path
    index: int

    @property
    def folder(self) -> Path:
        """The folder of the shard's results."""
        return self.run / f"shard-{self.index:04}"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the shard, so that no other process trains it: a worker may outlive its run's coordinator by a step.

        Raises:
            RunError: If another process does not release it.
        """
        from filelock import FileLock, Timeout

        try:
            with FileLock(self.run / f"shard-{self.index:04}.lock", timeout=LOCK_SECONDS):
                yield
        except Timeout:
            raise RunError(f"{self.run}: shard {self.index} is being trained by another process") from None

    def is_done(self, log: Callable[[str], None]) -> bool:
        """Whether the results exist and are intact. Damaged ones are removed because the shard can be trained again.

        Args:
            log: Takes a warning for each damaged file.
        """
        if not self.folder.is_dir():
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
            DamagedError: If they do not match their checksums.
        """
        rows, arrays = self._read(self.folder)
        weights = [Weights(ReplicaId(*replica), epoch, {}) for replica, epoch in rows["weights"]]
        for name, values in arrays.items():
            place, _, parameter = name.partition("/")
            if place.startswith("weights-"):
                weights[int(place.removeprefix("weights-"))].arrays[parameter] = values
        correct = {ReplicaId(*replica): arrays[f"correct-{i}"] for i, replica in enumerate(rows["correct"])}
        return ShardResult(rows["tables"], [*map(Proof.from_row, rows["pairing"])], correct, weights)

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

    def load(self) -> EngineState | None:
        """The newest intact state, or None."""
        for snapshot in self._snapshots():
            try:
                facts, arrays = self._read(snapshot)
            except DamagedError:
                disk.discard(snapshot)
            else:
                return EngineState(arrays, facts)
        return None

    def num_steps(self) -> int:
        """The number of steps after which the newest state was kept; 0 if there is no state."""
        return max(map(_steps_of, self._snapshots()), default=0)

    def _snapshots(self) -> list[Path]:
        """The shard's snapshots, newest first."""
        found = ((path, _SNAPSHOT.fullmatch(path.name)) for path in self.run.iterdir())
        mine = [path for path, match in found if match and int(match["index"]) == self.index]
        return sorted(mine, key=_steps_of, reverse=True)

    def _write(self, folder: Path, rows: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        try:
            with new_folder(folder, what="shard", option="--runs") as draft:
                draft.write_json(_ROWS, rows)
                draft.write(_ARRAYS, numpy.save({name: np.ascontiguousarray(a) for name, a in arrays.items()}))
        except UserError as error:
            raise RunError(*error.lines) from error

    def _read(self, folder: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        try:
            files = verified(folder, read_manifest(folder), (_ROWS, _ARRAYS))
            return json.loads(files[_ROWS]), numpy.load(files[_ARRAYS])
        except (FileNotFoundError, SafetensorError, ValueError, RecursionError) as error:
            raise DamagedError(f"{folder}: damaged: {error}") from None


def _steps_of(snapshot: Path) -> int:
    found = _SNAPSHOT.fullmatch(snapshot.name)
    assert found is not None
    return int(found["steps"])
