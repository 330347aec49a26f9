"""What an engine says while it trains a shard: plain values, so that they can cross between processes."""

from dataclasses import dataclass, field
from typing import Any

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
class WeightsDone:
    """The trained weights of one replica, as its config wants them kept.

    Attributes:
        replica: point_index, arm, seed and the epoch after which the weights were these.
        arrays: Parameters and statistics by name, e.g. ``linear0.weight`` of shape (outputs, inputs).
    """

    replica: Row
    arrays: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class ShardDone:
    """The shard is trained.

    Attributes:
        shard: Index of the shard.
        summary: One row per replica: point_index, arm, seed, status, final and best metrics, seconds, parameters.
        pairing: One row per replica: point_index, arm, seed, the hash of its initial weights, and that of the order of
            its examples over so many epochs.
        test_correct: For each row of the summary, which test examples are classified right, eight to a byte.
    """

    shard: int
    summary: list[Row] = field(default_factory=list)
    pairing: list[Row] = field(default_factory=list)
    test_correct: list[NDArray[np.uint8]] = field(default_factory=list)


Progressed = StepsDone | EpochDone | ShardDone
Message = Progressed | WeightsDone
