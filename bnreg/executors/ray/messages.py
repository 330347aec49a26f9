"""What the coordinator, Ray's driver and the workers tell each other."""

from dataclasses import dataclass

from bnreg.executors.pool import Said
from bnreg.training.messages import EngineState, ShardNote, ShardResult
from bnreg.training.shards import Shard


@dataclass(frozen=True)
class Task:
    """A shard to train.

    Attributes:
        shard: The shard.
        state: Where to continue; None to start from the beginning.
        note: The last note on the shard, if there is one.
    """

    shard: Shard
    state: EngineState | None
    note: ShardNote | None


@dataclass(frozen=True)
class Saved:
    """The shard's state after this many steps, to be kept."""

    steps: int
    state: EngineState


@dataclass(frozen=True)
class Noted:
    """A note on the shard, to be left."""

    note: ShardNote


@dataclass(frozen=True)
class Committed:
    """The shard's results, to be kept."""

    result: ShardResult


@dataclass(frozen=True)
class Unusable:
    """The last message about a task: the shard cannot be continued from its state, but perhaps from an earlier one."""


@dataclass(frozen=True)
class Refused:
    """The reason why nothing can be trained, in one line."""

    line: str


Letter = Said | Saved | Noted | Committed | Unusable | Refused
"""A message to the coordinator about a shard."""
