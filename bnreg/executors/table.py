"""The table of executors, which train shards."""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Protocol

from bnreg.data import Dataset
from bnreg.executors import processes
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


EXECUTORS: dict[str, Executor] = {"processes": processes.train_shards}
DEFAULT_EXECUTOR = "processes"
