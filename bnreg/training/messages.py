"""What an engine says while it trains a shard, and what it has in the end: values that can leave the process."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bnreg.names import ReplicaId

Row = dict[str, Any]


@dataclass(frozen=True)
class StepsDone:
    """So many optimiser steps of the shard are done, counted from its start."""

    shard: int
    steps: int


@dataclass(frozen=True)
class EpochDone:
    """All replicas of the shard have been evaluated after an epoch.

    Attributes:
        shard: Index of the shard.
        epoch: Counted from 1.
        steps: Optimiser steps done, counted from the shard's start.
        rows: One per replica that still counts: point_index, arm, seed, epoch and the metrics of each split.
    """

    shard: int
    epoch: int
    steps: int
    rows: list[Row]


@dataclass(frozen=True)
class ShardDone:
    """The shard is trained, and its results are kept."""

    shard: int


Progressed = StepsDone | EpochDone | ShardDone


class Weights(NamedTuple):
    """The trained weights of one replica, as its config wants them kept.

    Attributes:
        replica: Whose.
        epoch: After which epoch the weights were these.
        arrays: Parameters and statistics by name, e.g. ``linear0.weight`` of shape (outputs, inputs).
    """

    replica: ReplicaId
    epoch: int
    arrays: dict[str, NDArray[Any]]


class Proof(NamedTuple):
    """What a replica was trained from: the proof that pairs are pairs.

    Attributes:
        replica: Which replica.
        initial_weights: Hash of its initial weights.
        batch_order: Hash of the order of its examples over all its epochs.
        epochs: How many these are.
    """

    replica: ReplicaId
    initial_weights: str
    batch_order: str
    epochs: int

    def row(self) -> Row:
        """As a row of plain data."""
        replica, *rest = self
        return {**replica._asdict(), **dict(zip(self._fields[1:], rest, strict=True))}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Proof":
        """The proof that such a row holds."""
        replica = ReplicaId(*(row[name] for name in ReplicaId._fields))
        return cls(replica, *(row[name] for name in cls._fields[1:]))


@dataclass(frozen=True)
class ShardResult:
    """The results of a trained shard.

    Attributes:
        tables: Name → rows, each of which begins with the columns of its ``ReplicaId``. ``metrics`` has the rows of all
            epochs, ``summary`` one per replica: its status, final and best metrics, seconds, parameters. Whatever
            tables there are become the run's CSV files.
        pairing: For each replica, too, what it was trained from.
        correct: For each replica, which test examples are classified right, eight to a byte.
        weights: Of the replicas whose weights are wanted.
    """

    tables: dict[str, list[Row]] = field(default_factory=dict)
    pairing: list[Proof] = field(default_factory=list)
    correct: dict[ReplicaId, NDArray[np.uint8]] = field(default_factory=dict)
    weights: list[Weights] = field(default_factory=list)


class EngineState(NamedTuple):
    """An engine between two steps: with this it goes on as if it had never stopped, to the bit.

    Attributes:
        arrays: Parameters, statistics, moments and streams of random numbers, by name.
        facts: Whatever else, as JSON can hold it.
    """

    arrays: dict[str, NDArray[Any]]
    facts: dict[str, Any]


class Store(Protocol):
    """Where a shard's state and results are kept."""

    def locked(self) -> AbstractContextManager[None]:
        """Within this block nobody else trains the shard."""

    def is_done(self, log: Callable[[str], None]) -> bool:
        """Whether its results are there and whole; warnings of damaged ones are logged."""

    def load(self) -> EngineState | None:
        """The newest state that is whole, if there is any."""

    def save(self, steps: int, state: EngineState) -> None:
        """Keep the state after so many steps."""

    def commit(self, result: ShardResult) -> None:
        """Keep the results; the shard is then done."""
