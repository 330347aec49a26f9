"""The table of executors, which train shards."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bnreg.data import Dataset
from bnreg.executors import processes
from bnreg.executors.machine import Machines, this_machine
from bnreg.executors.ray import pool as ray
from bnreg.training.messages import Progressed
from bnreg.training.shard_job import Job


class Executor(Protocol):
    """Trains shards and yields the messages of their engines in the order of arrival."""

    def __call__(
        self,
        jobs: Sequence[Job],
        datasets: Mapping[str, Dataset],
        *,
        engine: str,
        device: str,
        num_workers: int,
        snapshot_seconds: float,
        log: Callable[[str], None],
    ) -> Generator[Progressed, None, None]:
        """Train the shards; closing the generator stops the workers after they save their states."""


@dataclass(frozen=True)
class ExecutorKind:
    """An executor.

    Attributes:
        train: Trains shards; besides the arguments of all executors it takes its own settings.
        machines: (the place where the user chose it, for messages; its own settings) → the hardware. Raises
            ``UserError`` if the executor cannot be used.
        settings: Names of the settings in a config that are its own.
    """

    train: Executor
    machines: Callable[..., Machines] = this_machine
    settings: tuple[str, ...] = ()


EXECUTORS: dict[str, ExecutorKind] = {
    "processes": ExecutorKind(processes.train_shards),
    "ray": ExecutorKind(ray.train_shards, ray.machines, settings=("address",)),
}
DEFAULT_EXECUTOR = "processes"
