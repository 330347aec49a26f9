"""The messages that an engine sends while it trains a shard, and its results: values that can leave the process."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bnreg.names import ReplicaId

Row = dict[str, Any]


@dataclass(frozen=True)
class StepsDone:
    """Progress: the number of optimiser steps of the shard that are done, counted from its start."""

    shard: int
    steps: int


@dataclass(frozen=True)
class EvaluationDone:
    """All replicas of the shard have been evaluated.

    Attributes:
        shard: Index of the shard.
        epoch: The epoch that the last step belongs to, counted from 1.
        steps: Optimiser steps done, counted from the shard's start.
        rows: One per replica that is still recorded: point_index, arm, seed, epoch, step and each split's metrics.
    """

    shard: int
    epoch: int
    steps: int
    rows: list[Row]


@dataclass(frozen=True)
class ShardDone:
    """The shard is trained, and its results are kept."""

    shard: int


Progressed = StepsDone | EvaluationDone | ShardDone


class Weights(NamedTuple):
    """The trained weights of one replica, of the epoch that its config selects.

    Attributes:
        replica: The replica.
        epoch: The epoch in which the replica had these weights.
        arrays: Parameters and statistics by name, e.g. ``linear0.weight`` of shape (outputs, inputs).
    """

    replica: ReplicaId
    epoch: int
    arrays: dict[str, NDArray[Any]]


class Proof(NamedTuple):
    """The initial weights and batch order of a replica, as hashes: the proof that pairs are pairs.

    Attributes:
        replica: The replica.
        initial_weights: Hash of its initial weights.
        batch_order: Hash of the order of its examples over all its epochs.
        epochs: Number of its epochs; the last one may be incomplete.
    """

    replica: ReplicaId
    initial_weights: str
    batch_order: str
    epochs: int

    def row(self) -> Row:
        """Convert to a row of plain data."""
        replica, *rest = self
        return {**replica._asdict(), **dict(zip(self._fields[1:], rest, strict=True))}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Proof":
        """Convert back from such a row."""
        replica = ReplicaId(*(row[name] for name in ReplicaId._fields))
        return cls(replica, *(row[name] for name in cls._fields[1:]))


@dataclass(frozen=True)
class ShardResult:
    """The results of a trained shard.

    Attributes:
        tables: Name → rows; each row begins with the columns of its ``ReplicaId``. ``metrics`` has the rows of all
            evaluations, ``summary`` one per replica: its status, final and best metrics, seconds, parameters. Each
            table becomes a CSV file of the run.
        pairing: One proof per replica: what it was trained from.
        correct: For each replica, flags for the test examples that it classifies correctly, eight to a byte.
        weights: The weights of the replicas whose config asks to keep them.
    """

    tables: dict[str, list[Row]] = field(default_factory=dict)
    pairing: list[Proof] = field(default_factory=list)
    correct: dict[ReplicaId, NDArray[np.uint8]] = field(default_factory=dict)
    weights: list[Weights] = field(default_factory=list)


class EngineState(NamedTuple):
    """An engine between two steps: from here it continues bit for bit as if it had never stopped.

    Attributes:
        arrays: Parameters, statistics, moments and random number streams, by name.
        facts: Everything else, as JSON data.
    """

    arrays: dict[str, NDArray[Any]]
    facts: dict[str, Any]


@dataclass(frozen=True)
class ShardNote:
    """How far a shard in training is. It is neither a result nor a state: no training reads it but to add to it.

    Attributes:
        steps: Optimiser steps done, counted from the shard's start.
        num_steps: Optimiser steps in all, if nothing stops early.
        steps_per_epoch: Batches in an epoch.
        since: Steps that were done when its last training began.
        seconds: Time that its last training has taken so far.
        rows: The rows of its evaluations so far, as in ``EvaluationDone``.
    """

    steps: int
    num_steps: int
    steps_per_epoch: int
    since: int
    seconds: float
    rows: list[Row]


class Store(Protocol):
    """The place where a shard's state and results are kept."""

    def locked(self) -> AbstractContextManager[None]:
        """Lock the shard, so that no other process trains it within this block."""

    def is_done(self, log: Callable[[str], None]) -> bool:
        """Whether its results exist and are intact; damaged ones are logged as warnings."""

    def states(self, log: Callable[[str], None]) -> Iterator[EngineState]:
        """Its intact states, newest first, for as long as the caller cannot continue from one; damage is logged."""

    def save(self, steps: int, state: EngineState) -> None:
        """Keep the state after this many steps."""

    def commit(self, result: ShardResult) -> None:
        """Keep the results; the shard is then done."""

    def note(self, note: ShardNote) -> None:
        """Leave a note, in place of an earlier one, for those who watch; it may be lost."""

    def noted(self) -> ShardNote | None:
        """The last note; None if there is none that can be read."""
