"""Worker processes: each trains shards, one after another, saves their results, and sends its engine's messages.

The coordinator does not import torch. Each worker has its own pipe, so a worker that dies in the middle of a message
does not harm the others.
"""

import functools
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any, cast

from bnreg import signals, stopping
from bnreg.data import Dataset, attach, sharing_folder
from bnreg.errors import RunError
from bnreg.executors.pool import Died, Failed, Said, Warned, failure, folders_for, seeds_in_words, share_all, train_on
from bnreg.executors.starting import start_alone
from bnreg.standard_streams import leave
from bnreg.training.engines import ENGINES
from bnreg.training.messages import Progressed, ShardDone
from bnreg.training.shard_job import Job, train_and_keep
from bnreg.training.shards import Shard
from bnreg.wording import ended

CONTEXT = multiprocessing.get_context("spawn")  # a worker inherits nothing from the coordinator, on any system
IDLE_SECONDS = 0.5  # between two checks for a stop request, while there is nothing to do
_SIGKILL = getattr(signal, "SIGKILL", 9)  # Windows has no signals but those of Python
STOP_SECONDS = 4.0  # for a worker to save its state before it is killed
# On Windows that would kill it; there it only notices its closed pipe, at its next message.
CAN_BE_TOLD = sys.platform != "win32"


@dataclass(frozen=True)
class _Worker:
    process: BaseProcess
    shard: Shard


def train_shards(
    jobs: Sequence[Job],
    datasets: Mapping[str, Dataset],
    *,
    engine: str,
    device: str,
    num_workers: int,
    snapshot_seconds: float,
    log: Callable[[str], None],
) -> Generator[Progressed, None, None]:
    """Train shards in worker processes and yield their messages in the order of arrival.

    A shard whose worker dies resumes from its last snapshot in another worker, a few times; a shard that fails does
    not. In both cases all other shards are trained to the end. When the generator is closed, the workers save the
    states of their shards and exit; none outlives it.

    Args:
        jobs: Shards to train, each with the store for its state and results.
        datasets: The data, by its name in the config.
        engine: A name in ``ENGINES``.
        device: ``cpu`` or ``cuda:N``.
        num_workers: Maximum number of processes.
        snapshot_seconds: The time between two snapshots of a shard.
        log: Takes warnings, a line each.

    Raises:
        RunError: At the end, if shards could not be trained: a line for each.
    """
    if not jobs:
        return
    with sharing_folder() as root:
        folders = folders_for(datasets, root)
        pool = _Processes(functools.partial(_start, folders, engine, device, snapshot_seconds))
        try:
            for _ in range(min(num_workers, len(jobs))):  # they load their engine while the data are shared
                pool.start()
            share_all(datasets, folders)
            yield from train_on(pool, jobs, num_workers, log)
        finally:
            pool.end()


class _Processes:
    """The worker processes of a training, those that have a shard and those that are idle.

    Args:
        start: Starts one.
    """

    def __init__(self, start: Callable[[], tuple[Connection, BaseProcess]]) -> None:
        self._start = start
        self._idle: dict[Connection, BaseProcess] = {}
        self._workers: dict[Connection, _Worker] = {}

    def start(self) -> None:
        """Start a worker, which loads its engine."""
        with signals.held_back():  # every process that is started is registered, so it will be ended
            connection, process = self._start()
            self._idle[connection] = process

    def assign(self, job: Job) -> None:
        """Let a worker train a shard."""
        if not self._idle:
            self.start()
        with signals.held_back():
            connection, process = self._idle.popitem()
            self._workers[connection] = _Worker(process, job[0])
        with suppress(OSError):  # it is dead, which shows when its pipe is read
            connection.send(job)

    def listen(self) -> Iterator[tuple[int, Said]]:
        """What the workers send, each with its shard's index."""
        for connection in cast("list[Connection]", wait(list(self._workers))):
            worker = self._workers[connection]
            try:
                message: Said = connection.recv()
            except (EOFError, OSError):  # OSError if it died in the middle of a message
                message = Died(_obituary(worker))
            if isinstance(message, ShardDone):
                self._idle[connection] = worker.process
                del self._workers[connection]
            elif isinstance(message, Failed | Died):
                del self._workers[connection]
                worker.process.join()
            yield worker.shard.index, message

    def dismiss(self) -> None:
        """End the workers that have no shard."""
        while self._idle:
            connection, process = self._idle.popitem()
            with suppress(OSError):  # its work is done, so it does not matter how it exits
                connection.send(None)
            process.join()

    def end(self) -> None:
        """Make the workers save their states; one that is too slow is killed and only has its last snapshot."""
        workers = self._idle | {connection: worker.process for connection, worker in self._workers.items()}
        for connection, process in workers.items():
            connection.close()  # so that no worker blocks on a send
            if CAN_BE_TOLD:
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in workers.values():
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()


def _start(
    data_folders: Mapping[str, Path], engine: str, device: str, snapshot_seconds: float
) -> tuple[Connection, BaseProcess]:
    ours, theirs = cast("tuple[Any, Any]", CONTEXT.Pipe())  # on Windows they are of another class
    arguments = (_work, theirs, data_folders, engine, device, snapshot_seconds)
    process: BaseProcess = CONTEXT.Process(target=_leave_after, args=arguments, daemon=True)
    try:
        start_alone(process)
    except OSError as error:
        raise RunError(f"no worker process can be started: {error.strerror}") from error
    theirs.close()  # so that the pipe ends when the worker dies
    return ours, process


def _obituary(worker: _Worker) -> str:
    worker.process.join()
    code = worker.process.exitcode
    hint = "; the usual cause is a lack of memory: try a smaller jobs=N" if code == -_SIGKILL else ""
    return f"the worker process that trained {seeds_in_words(worker.shard)} {ended(code)}{hint}"


def _leave_after(work: Callable[..., None], *arguments: Any) -> None:
    """Do the work of a process, then leave at once: to end Python in order would take torch apart, for half a second.

    Nothing is lost: its messages are in the pipe, its files are synced, what it printed is written here, and a worker
    registers nothing to be done at its exit. A process that an error ends leaves as usual, with its traceback.
    """
    work(*arguments)
    leave(0)


def _work(
    connection: Connection, data_folders: Mapping[str, Path], engine: str, device: str, snapshot_seconds: float
) -> None:
    """Train the shards that arrive through the pipe until None arrives or the coordinator is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for systems that cannot hold it back
    signal.signal(signal.SIGTERM, stopping.request_stop)
    if sys.platform != "win32":
        signal.signal(signal.SIGXCPU, _pass_on)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGXCPU})
    with suppress(EOFError, BrokenPipeError, ConnectionResetError, stopping.StoppedError):
        is_loaded = False
        try:
            ENGINES[engine].prepare_process()
            is_loaded = True
            attached = functools.cache(attach)  # so that what is computed of the data is computed once
            while (job := _next_job(connection)) is not None:
                shard, store = job
                dataset = attached(data_folders[shard.settings.data.dataset])
                said = train_and_keep(
                    shard,
                    store,
                    dataset,
                    engine=engine,
                    device=device,
                    snapshot_seconds=snapshot_seconds,
                    log=lambda line: connection.send(Warned(line)),
                )
                with closing(said):
                    for message in said:
                        connection.send(message)
        except (EOFError, BrokenPipeError, ConnectionResetError, stopping.StoppedError):
            raise
        except Exception as error:
            connection.send(failure(error, is_loaded=is_loaded))


def _pass_on(number: int, _frame: FrameType | None) -> None:
    """Hand a limit on this worker's CPU time to the coordinator, which stops all workers and records why."""
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid == os.getppid():
        os.kill(os.getppid(), number)


def _next_job(connection: Connection) -> Job | None:
    """Wait for a job, or for a request to stop."""
    while not connection.poll(IDLE_SECONDS):
        stopping.raise_if_stopped()
    job: Job | None = connection.recv()
    return job
