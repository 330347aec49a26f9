"""The coordinator's side: it starts Ray's driver, hands out shards, and keeps what their workers send."""

import importlib.util
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, cast

from bnreg import signals
from bnreg.data import Dataset, sharing_folder
from bnreg.errors import RunError, UserError
from bnreg.executors.machine import Machines, this_machine
from bnreg.executors.pool import Died, Failed, Said, folders_for, share_all, train_on
from bnreg.executors.processes import CONTEXT
from bnreg.executors.ray.driver import Resources, Setting, drive, look
from bnreg.executors.ray.messages import Committed, Letter, Noted, Refused, Saved, Task, Unusable
from bnreg.executors.starting import start_alone
from bnreg.training.messages import EngineState, Progressed, ShardDone, Store
from bnreg.training.shard_job import Job, keep_state
from bnreg.training.shards import Shard
from bnreg.wording import ended

ANSWER_SECONDS = 30.0  # for a cluster to say what it has
END_SECONDS = 20.0  # for the driver to send the last states and to end its cluster, before it is killed
POLL_SECONDS = 0.5  # between two looks for what is to be done meanwhile
MAX_TEMPORARY = 24  # characters of a folder for temporary files: Ray's sockets lie below it, in at most 107


class _Process(SpawnProcess):
    """The process of Ray's driver."""

    def kill(self) -> None:
        """Do nothing: when bnreg stops at once, and kills all its processes, this one ends its cluster in order."""

    def end_at_once(self) -> None:
        """Kill it; some processes of Ray then live for half a minute."""
        super().kill()


def machines(where: str, address: str | None = None) -> Machines:
    """The hardware of a cluster, or of this machine for one that starts and stops with the run.

    Args:
        where: The place where the user chose the executor, for messages.
        address: The cluster's address.

    Raises:
        UserError: If Ray is not installed, or there is no such cluster.
    """
    if importlib.util.find_spec("ray") is None:
        raise UserError(f"{where}: Ray is not installed; install it with `pip install 'bnreg[ray]'`")
    if address is None:
        return replace(this_machine(), gives_gpus=True)
    with _driver(look, address) as (connection, process):
        try:
            answer: Resources | Refused = Refused(f"it did not answer within {ANSWER_SECONDS:.0f} seconds")
            if connection.poll(ANSWER_SECONDS):
                answer = connection.recv()
            else:
                process.end_at_once()
        except (EOFError, OSError):
            process.join()
            answer = Refused(f"the process that asked it {ended(process.exitcode)}")
    if isinstance(answer, Refused):
        raise UserError(f"{where}: the Ray cluster {address} cannot be used: {answer.line}")
    return Machines(max(1, answer.num_cores), lambda: answer.num_gpus, memory_bytes=None, gives_gpus=True)


def train_shards(
    jobs: Sequence[Job],
    datasets: Mapping[str, Dataset],
    *,
    engine: str,
    device: str,
    num_workers: int,
    snapshot_seconds: float,
    log: Callable[[str], None],
    address: str | None = None,
) -> Generator[Progressed, None, None]:
    """Train shards on Ray and yield their messages in the order of arrival.

    The data are put into Ray's object store once. Each shard asks for one CPU and, if the device is not the CPU, for
    one GPU. See ``train_on`` for workers that die, and ``processes.train_shards`` for the other arguments.

    Args:
        jobs: See there.
        datasets: See there.
        engine: See there.
        device: See there.
        num_workers: See there.
        snapshot_seconds: See there.
        log: See there.
        address: The cluster's address; None for one that starts here and ends with the generator.

    Raises:
        RunError: See there; also if the cluster cannot be used.
    """
    if not jobs:
        return
    with sharing_folder() as root:
        folders = folders_for(datasets, root)
        share_all(datasets, folders)
        setting = Setting(address, num_workers, engine, device, snapshot_seconds, folders)
        with _driver(drive, setting) as (connection, process):
            pool = _RayPool(connection, process, log)
            try:
                yield from train_on(pool, jobs, num_workers, log)
            finally:
                pool.end()


@contextmanager
def _driver(target: Callable[..., None], *arguments: Any) -> Iterator[tuple[Connection, _Process]]:
    """Within this block, Ray's driver runs, with a folder for Ray's files on this machine."""
    # The usual folder may be too deep for the paths of Ray's sockets.
    usual = tempfile.gettempdir()
    parent = usual if len(usual) <= MAX_TEMPORARY or os.name != "posix" else "/tmp"
    with ExitStack() as stack:
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="bnreg-ray-", dir=parent, ignore_cleanup_errors=True)
        )
        with signals.held_back():  # the process is registered, so it will be ended
            ours, theirs = cast("tuple[Any, Any]", CONTEXT.Pipe())  # on Windows they are of another class
            process = _Process(target=target, args=(theirs, Path(folder), *arguments), daemon=True)
            try:
                start_alone(process)
            except OSError as error:
                raise RunError(f"Ray's driver cannot be started: {error.strerror}") from error
            theirs.close()  # so that the pipe ends when the process dies
            stack.callback(_end, ours, process)
        yield ours, process


def _end(connection: Connection, process: _Process) -> None:
    connection.close()
    process.join(END_SECONDS)
    if process.is_alive():
        process.end_at_once()  # its cluster ends with it
        process.join()


@dataclass(frozen=True)
class _Task:
    """A shard that is being trained; its store is locked meanwhile."""

    shard: Shard
    store: Store
    states: Iterator[EngineState]
    lock: ExitStack


class _RayPool:
    """The workers of Ray, as far as the coordinator knows them.

    Args:
        connection: The pipe to the driver.
        process: The driver.
        log: Takes warnings, a line each.
    """

    def __init__(self, connection: Connection, process: _Process, log: Callable[[str], None]) -> None:
        self._connection = connection
        self._process = process
        self._log = log
        self._tasks: dict[int, _Task] = {}
        self._known: deque[tuple[int, Said]] = deque()  # what can be said of a shard without a worker

    def assign(self, job: Job) -> None:
        """Lock a shard and hand it out, unless its results are there already."""
        shard, store = job
        with ExitStack() as lock:
            try:
                lock.enter_context(store.locked())
                if store.is_done(self._log):
                    self._known.append((shard.index, ShardDone(shard.index)))
                    return
            except RunError as error:
                self._known.append((shard.index, Failed(str(error), "")))
                return
            task = _Task(shard, store, store.states(self._log), lock.pop_all())
        self._tasks[shard.index] = task
        self._send(task)

    def dismiss(self) -> None:
        """Do nothing: all workers end with the driver."""

    def listen(self) -> Iterator[tuple[int, Said]]:
        """Keep what arrives to be kept, and yield the rest.

        Raises:
            RunError: If nothing can be trained, or the driver died.
        """
        while self._known:
            yield self._known.popleft()
        if not self._connection.poll(POLL_SECONDS):
            return
        try:
            index, letters = self._connection.recv()
        except (EOFError, OSError):
            self._process.join()
            hint = "the usual cause is that the cluster has ended"
            raise RunError(f"Ray's driver {ended(self._process.exitcode)}; {hint}") from None
        for letter in letters:
            yield from self._take(index, letter)

    def end(self) -> None:
        """Let the workers send the states of their shards, and keep these."""
        deadline = time.monotonic() + END_SECONDS
        with suppress(OSError):  # the driver is dead, but what it sent is there
            self._connection.send(None)
        with suppress(EOFError, OSError, RunError):
            while self._tasks and self._connection.poll(max(0.0, deadline - time.monotonic())):
                index, letters = self._connection.recv()
                for letter in letters:
                    deque(self._take(index, letter), maxlen=0)
        for index in [*self._tasks]:
            self._release(index)

    def _send(self, task: _Task) -> None:
        message = Task(task.shard, next(task.states, None), task.store.noted())
        with suppress(OSError):  # the driver is dead, which shows when the pipe is read
            self._connection.send(message)

    def _take(self, index: int, letter: Letter) -> Iterator[tuple[int, Said]]:
        if isinstance(letter, Refused):
            raise RunError(letter.line)
        if (task := self._tasks.get(index)) is None:  # its results could not be kept
            return
        match letter:
            case Saved(steps, state):
                keep_state(task.store, steps, state, self._log)
            case Noted(note):
                task.store.note(note)
            case Unusable():
                self._send(task)
            case Committed(result):
                try:
                    task.store.commit(result)
                except RunError as error:
                    self._release(index)
                    yield index, Failed(str(error), "")
            case _:
                if isinstance(letter, ShardDone | Failed | Died):
                    self._release(index)
                yield index, letter

    def _release(self, index: int) -> None:
        self._tasks.pop(index).lock.close()
