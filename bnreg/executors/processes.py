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
import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any, cast

from bnreg import signals, stopping
from bnreg.data import Dataset, attach, share, sharing_folder
from bnreg.errors import RunError
from bnreg.executors.starting import start_alone
from bnreg.standard_streams import leave
from bnreg.training.engines import ENGINES
from bnreg.training.messages import Progressed, ShardDone
from bnreg.training.shard_job import Job, train_and_keep
from bnreg.wording import ended

CONTEXT = multiprocessing.get_context("spawn")  # a worker inherits nothing from the coordinator, on any system
MAX_ATTEMPTS = 3  # to train a shard whose worker dies
IDLE_SECONDS = 0.5  # between two checks for a stop request, while there is nothing to do
_SIGKILL = getattr(signal, "SIGKILL", 9)  # Windows has no signals but those of Python
# What torch and the loader of its libraries say when they get no memory.
_WITHOUT_MEMORY = ("allocate memory", "failed to map segment")
STOP_SECONDS = 4.0  # for a worker to save its state before it is killed
# On Windows that would kill it; there it only notices its closed pipe, at its next message.
CAN_BE_TOLD = sys.platform != "win32"


@dataclass(frozen=True)
class _Failed:
    """A worker's last message: the error in one line, and its traceback."""

    line: str
    traceback: str


@dataclass(frozen=True)
class _Warned:
    """A warning for the user; training continues."""

    line: str


@dataclass(frozen=True)
class _Worker:
    process: BaseProcess
    job: Job

    @property
    def seeds(self) -> str:
        """The seeds of its shard, in words."""
        seeds = self.job[0].seeds
        return f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds from {min(seeds)} to {max(seeds)}"


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
        folders = _folders(root, datasets)
        start = functools.partial(_start, folders, engine, device, snapshot_seconds)
        yield from _train(jobs, num_workers, start, functools.partial(_share, datasets, folders), log)


def _train(
    jobs: Sequence[Job],
    num_workers: int,
    start: Callable[[], tuple[Connection, BaseProcess]],
    share_data: Callable[[], None],
    log: Callable[[str], None],
) -> Generator[Progressed, None, None]:
    waiting = deque(jobs)
    num_attempts: Counter[int] = Counter()
    failures: list[str] = []
    idle: dict[Connection, BaseProcess] = {}
    workers: dict[Connection, _Worker] = {}
    try:
        for _ in range(min(num_workers, len(jobs))):  # they load their engine while the data are shared
            with signals.held_back():  # every process that is started is registered, so it will be ended
                connection, process = start()
                idle[connection] = process
        share_data()
        while waiting or workers:
            while waiting and len(workers) < num_workers:
                with signals.held_back():
                    connection, process = idle.popitem() if idle else start()
                    workers[connection] = _assign(connection, process, waiting.popleft())
            for connection in cast("list[Connection]", wait(list(workers))):
                worker = workers[connection]
                try:
                    message: Progressed | _Failed | _Warned = connection.recv()
                except (EOFError, OSError):  # OSError if it died in the middle of a message
                    del workers[connection]
                    line = _obituary(worker)
                    shard = worker.job[0].index
                    num_attempts[shard] += 1
                    if num_attempts[shard] == MAX_ATTEMPTS:
                        failures.append(f"{line}; this was attempt {MAX_ATTEMPTS}")
                    else:
                        log(f"warning: {line}; another worker resumes from the last snapshot")
                        waiting.append(worker.job)
                    continue
                if isinstance(message, _Warned):
                    log(message.line)
                elif isinstance(message, _Failed):
                    failures.append(f"{message.traceback}training of {worker.seeds} failed: {message.line}")
                    del workers[connection]
                    worker.process.join()
                else:
                    yield message
                    if isinstance(message, ShardDone):
                        if waiting:
                            workers[connection] = _assign(connection, worker.process, waiting.popleft())
                            continue
                        del workers[connection]
                        with suppress(OSError):  # its work is done, so it does not matter how it exits
                            connection.send(None)
                        worker.process.join()
    finally:
        _end(idle | {connection: worker.process for connection, worker in workers.items()})
    if failures:
        raise RunError("\n".join(failures))


def _folders(root: Path, names: Iterable[str]) -> dict[str, Path]:
    """A folder for each data set, numbered because a name may be a path."""
    return {name: root / str(number) for number, name in enumerate(names)}


def _share(datasets: Mapping[str, Dataset], folders: Mapping[str, Path]) -> None:
    for name, dataset in datasets.items():
        try:
            share(dataset, folders[name])
        except OSError as error:
            reason = f"the data cannot be shared with the workers: {error.strerror}"
            raise RunError(f"{folders[name].parent}: {reason}; set TMPDIR to a folder with more space") from error


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


def _assign(connection: Connection, process: BaseProcess, job: Job) -> _Worker:
    with suppress(OSError):  # it is dead, which shows when its pipe is read
        connection.send(job)
    return _Worker(process, job)


def _end(workers: Mapping[Connection, BaseProcess]) -> None:
    """Make the workers save their states; one that is too slow is killed and only has its last snapshot."""
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


def _obituary(worker: _Worker) -> str:
    worker.process.join()
    code = worker.process.exitcode
    hint = "; the usual cause is a lack of memory: try a smaller jobs=N" if code == -_SIGKILL else ""
    return f"the worker process that trained {worker.seeds} {ended(code)}{hint}"


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
                    log=lambda line: connection.send(_Warned(line)),
                )
                with closing(said):
                    for message in said:
                        connection.send(message)
        except (EOFError, BrokenPipeError, ConnectionResetError, stopping.StoppedError):
            raise
        except Exception as error:
            connection.send(_failure(error, is_loaded=is_loaded))


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


def _failure(error: Exception, *, is_loaded: bool) -> _Failed:
    """Describe an error with its traceback, unless its cause is known, such as a lack of memory in its many forms."""
    if isinstance(error, RunError):
        return _Failed(str(error), "")
    is_memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    if is_memory or any(words in str(error) for words in _WITHOUT_MEMORY):
        return _Failed("not enough memory; try a smaller jobs=N, model.hidden or data.batch_size", "")
    line = f"{type(error).__name__}: {error}".splitlines()[0]
    if not is_loaded:  # without memory, the import of torch may fail with any error
        causes = "a limit on memory, such as `ulimit -v`, and a broken installation"
        return _Failed(f"its engine cannot be loaded ({line}); the usual causes are {causes}", "")
    return _Failed(line, traceback.format_exc())
