"""The engines: ways to train a shard. Callers use only the protocol and do not know how a step is done.

All engines share the frame of an engine: evaluations, records, what is kept, and the state. What is their own is a
program, which trains the networks of a shard, and its stacks, which evaluate them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from bnreg.config.experiment import Cell
    from bnreg.config.schema import Settings
    from bnreg.data import Dataset
    from bnreg.nn.architecture import Architecture
    from bnreg.training.messages import EngineState, EvaluationDone, ShardResult, StepsDone
    from bnreg.training.order import Order
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

    def train(self) -> Iterator[StepsDone | EvaluationDone]:
        """Train to the end and report progress."""

    def result(self) -> ShardResult:
        """The results of the trained shard; the state does not change."""

    def state(self) -> EngineState:
        """A copy of everything that is needed to continue."""


class Evaluated(NamedTuple):
    """An evaluation that is not recorded yet.

    Attributes:
        metrics: Each replica's metrics, by column.
        correct: Whether each test example is classified correctly, shape (R, n).
    """

    metrics: list[dict[str, float]]
    correct: NDArray[np.bool_]

    @classmethod
    def of(cls, columns: Mapping[str, Sequence[float]], correct: NDArray[np.bool_]) -> Evaluated:
        """From the columns of metrics, each with a value per replica."""
        return cls([dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)], correct)


class TrainableStack(Protocol):
    """The replicas of some cells of one structure, ordered by cell and then by seed.

    The examples of a split are the engine's own; they come from its program.
    """

    @property
    def replicas(self) -> Sequence[tuple[Cell, int]]:
        """The cell and seed of each replica."""

    @property
    def settings(self) -> Settings:
        """Those of the first cell, for everything that is the same in all cells."""

    @property
    def architecture(self) -> Architecture:
        """The architecture of all cells."""

    @property
    def has_norms(self) -> bool:
        """Whether the networks have statistics."""

    def evaluate(self, sets: Mapping[str, Any]) -> Evaluated:
        """Evaluate on each split in eval mode."""

    def metric_names(self, splits: Iterable[str]) -> set[str]:
        """The names of the metrics that ``evaluate`` yields."""

    def correct_statistics(self, examples: Any, *, as_identity: bool = False) -> None:
        """Replace the running statistics with those of all these examples, see ``nn.population``."""

    def state_of(self, replica: int) -> dict[str, NDArray[Any]]:
        """A copy of a replica's parameters and statistics, e.g. ``linear0.weight`` → shape (outputs, inputs)."""

    def restore_replica(self, replica: int, state: Mapping[str, NDArray[Any]]) -> None:
        """Replace a replica's parameters and statistics by a copy that ``state_of`` made."""

    def preserved(self) -> AbstractContextManager[None]:
        """Allow changes to the networks within this block; afterwards they are restored bit for bit."""

    def state(self) -> dict[str, NDArray[Any]]:
        """A copy of parameters, statistics, moments and random number streams, by name."""

    def restore(self, state: Mapping[str, NDArray[Any]], num_steps: int) -> None:
        """Restore the ``state`` of another stack after this many steps; other names are ignored."""

    def weight_hashes(self) -> list[str]:
        """One SHA-256 per replica over its weights."""


class StepsTrained(NamedTuple):
    """Some steps that a program has done.

    Attributes:
        num_steps: Their number.
        seconds: The time that they took in each stack.
    """

    num_steps: int
    seconds: Sequence[float]


class Program(Protocol):
    """What an engine makes of a shard."""

    @property
    def stacks(self) -> Sequence[TrainableStack]:
        """The stacks, in the shard's order."""

    @property
    def sets(self) -> Mapping[str, Any]:
        """The examples of each split, as the stacks read them."""

    @property
    def order(self) -> Order:
        """The order of the examples."""

    def evaluate(self) -> list[Evaluated]:
        """Evaluate each stack on all splits in eval mode."""

    def train(self, epoch: int, first: int, end: int) -> Iterator[StepsTrained]:
        """Train all stacks on some of an epoch's batches, and stop for a moment after some steps.

        Args:
            epoch: Counted from 1.
            first: The first batch, counted from 0.
            end: The batch after the last.
        """


@dataclass(frozen=True)
class EngineKind:
    """The setup of an engine.

    Attributes:
        prepare_process: Called once per process, before its first engine is made.
        make: (shard, dataset, device, state) → engine. The device is ``cpu`` or ``cuda:N``; the state is where to
            continue, or None to start from the beginning. Raises ``ValueError`` for a state that is not one of this
            shard: a state may come from anywhere.
        packages: The packages whose versions decide its results, down to the last bit.
        process_bytes: Memory that a process needs before it trains anything.
        num_pieces: The number of shards into which a worker's networks are cut if they train for a while: several
            where networks train as fast alone as together, because all workers then end at about the same time.
        unavailable: Why this machine cannot run it, in words, or None.
        uncovered: (settings, device) → the first setting that it does not cover, as its dotted key and its value.
        first_use: What the user should know before its first use on this machine, in a line, or None.
    """

    prepare_process: Callable[[], None]
    make: Callable[[Shard, Dataset, str, EngineState | None], Engine]
    packages: tuple[str, ...] = ()
    process_bytes: int = 400_000_000
    num_pieces: int = 1
    unavailable: Callable[[], str | None] = lambda: None
    uncovered: Callable[[Settings, str], tuple[str, str] | None] = lambda _settings, _device: None
    first_use: Callable[[], str | None] = lambda: None


def _prepare_torch() -> None:
    from bnreg.training.stacked.process import prepare_process

    prepare_process()


def _make_stacked(shard: Shard, dataset: Dataset, device: str, state: EngineState | None) -> Engine:
    from bnreg.training.frame import FramedEngine
    from bnreg.training.stacked.program import StackedProgram

    return FramedEngine(shard, dataset, StackedProgram(shard, dataset, device), state, device=device)


def _prepare_compiled() -> None:
    from bnreg.training.compiled.preparation import prepare_process

    prepare_process()


def _make_compiled(shard: Shard, dataset: Dataset, _device: str, state: EngineState | None) -> Engine:
    _prepare_compiled()
    from bnreg.training.compiled.program import CompiledProgram
    from bnreg.training.frame import FramedEngine

    return FramedEngine(shard, dataset, CompiledProgram(shard, dataset), state)


def _why_not_compiled() -> str | None:
    from bnreg.training.compiled.coverage import unavailable

    return unavailable()


def _not_compiled(settings: Settings, device: str) -> tuple[str, str] | None:
    from bnreg.training.compiled.coverage import uncovered

    return uncovered(settings, device)


def _before_compiling() -> str | None:
    from bnreg.training.compiled.preparation import is_compiled

    return None if is_compiled() else "compiling the engine, which takes some seconds, once on this machine"


# In the order of preference: ``auto`` takes the first that can train an experiment.
ENGINES: dict[str, EngineKind] = {
    "compiled": EngineKind(
        _prepare_compiled,
        _make_compiled,
        packages=("numpy", "numba", "llvmlite"),
        process_bytes=300_000_000,
        num_pieces=5,
        unavailable=_why_not_compiled,
        uncovered=_not_compiled,
        first_use=_before_compiling,
    ),
    "torch": EngineKind(_prepare_torch, _make_stacked, packages=("numpy", "torch")),
}
