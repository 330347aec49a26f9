"""What an engine says while it trains a shard, and what it has in the end: values that can leave the process."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

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
        replica: point_index, arm, seed and the epoch after which the weights were these.
        arrays: Parameters and statistics by name, e.g. ``linear0.weight`` of shape (outputs, inputs).
    """

    replica: Row
    arrays: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class ShardResult:
    """What a trained shard has come to.

    Attributes:
        metrics: The rows of all epochs.
        summary: One row per replica: point_index, arm, seed, status, final and best metrics, seconds, parameters.
        pairing: One row per replica: point_index, arm, seed, the hash of its initial weights, and that of the order of
            its examples over so many epochs.
        test_correct: For each row of the summary, which test examples are classified right, eight to a byte.
        weights: Of the replicas whose weights are wanted.
    """

    metrics: list[Row] = field(default_factory=list)
    summary: list[Row] = field(default_factory=list)
    pairing: list[Row] = field(default_factory=list)
    test_correct: list[NDArray[np.uint8]] = field(default_factory=list)
    weights: list[Weights] = field(default_factory=list)


class State(NamedTuple):
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

    def load(self) -> State | None:
        """The newest state that is whole, if there is any."""

    def save(self, steps: int, state: State) -> None:
        """Keep the state after so many steps."""

    def commit(self, result: ShardResult) -> None:
        """Keep the results; the shard is then done."""
