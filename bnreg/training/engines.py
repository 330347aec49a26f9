"""The engines: ways to train a shard. Callers use only the protocol and do not know how a step is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bnreg.data import Dataset
    from bnreg.training.messages import EngineState, EpochDone, ShardResult, StepsDone
    from bnreg.training.shards import Shard


class Engine(Protocol):
    """Trains all replicas of a shard.

    Its state can be taken between two steps, that is, whenever ``train`` has yielded a message: an engine that starts
    from this state continues with bit-identical results. Evaluation and final statistics do not change the state, so it
    can also be taken after they were stopped.
    """

    @property
    def num_steps(self) -> int:
        """Number of optimiser steps done."""

    def train(self) -> Iterator[StepsDone | EpochDone]:
        """Train to the end and report progress."""

    def result(self) -> ShardResult:
        """The results of the trained shard; the state does not change."""

    def state(self) -> EngineState:
        """A copy of everything that is needed to continue."""


@dataclass(frozen=True)
class EngineKind:
    """The setup of an engine.

    Attributes:
        prepare_process: Called once per process, before its first engine is made.
        make: (shard, dataset, device, state) → engine. The device is ``cpu`` or ``cuda:N``; the state is where to
            continue, or None to start from the beginning. Raises ``ValueError`` for a state that is not one of this
            shard: a state may come from anywhere.
    """

    prepare_process: Callable[[], None]
    make: Callable[[Shard, Dataset, str, EngineState | None], Engine]


def _prepare_torch() -> None:
    from bnreg.training.stacked.process import prepare_process

    prepare_process()


def _make_stacked(shard: Shard, dataset: Dataset, device: str, state: EngineState | None) -> Engine:
    from bnreg.training.stacked.engine import StackedEngine

    return StackedEngine(shard, dataset, device, state)


ENGINES: dict[str, EngineKind] = {"torch": EngineKind(_prepare_torch, _make_stacked)}
DEFAULT_ENGINE = "torch"
