"""Worker processes: each trains shards, one after another, keeps what they come to, and sends what its engine says.

The coordinator's side imports no torch. Each worker has a pipe of its own, so that one that dies in the middle of a
message harms no other.
"""

import multiprocessing
import signal
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import cast

from bnreg import signals, stopping
from bnreg.errors import RunError
from bnreg.training.engines import ENGINES
from bnreg.training.messages import Progressed, ShardDone
from bnreg.training.shard_job import Job, train_and_keep

CONTEXT = multiprocessing.get_context("spawn")  # a worker has nothing of the coordinator's, on any system
MAX_ATTEMPTS = 3  # at a shard whose worker dies
IDLE_SECONDS = 0.5  # between two looks at whether to stop, while there is nothing to do
STOP_SECONDS = 4.0  # in which a worker that is to stop can save its state


@dataclass(frozen=True)
class _Failed:
    """A worker's last words: what went wrong, in one line and in full."""

    line: str
    traceback: str


@dataclass(frozen=True)
class _Warned:
    """What the user should know, though training goes on."""

    line: str


@dataclass(frozen=True)
class _Worker:
    process: BaseProcess
    job: Job

    @property
    def seeds(self) -> str:
        """The seeds that it trains, in words."""
        seeds = self.job[0].seeds
        return f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds from {min(seeds)} to {max(seeds)}"


def train_shards(
    jobs: Sequence[Job],
    data_folders: Mapping[str, Path],
    *,
    engine: str,
    device: str,
    num_workers: int,
    snapshot_seconds: float,
    log: Callable[[str], None],
) -> Generator[Progressed, None, None]:
    """Train shards in worker processes and yield what they say, in the order in which it arrives.

    A shard whose worker dies goes on from its last snapshot in another worker, a few times; one that fails does not.
    Either way all others are trained to the end. When the generator is closed, the workers save their shards' states
    and end; none outlives it.

    Args:
        jobs: What to train, and where its state and results are kept.
        data_folders: Data set by its configured name → folder that ``data.attach`` reads.
        engine: A name in ``ENGINES``.
        device: ``cpu`` or ``cuda:N``.
        num_workers: How many processes at the most.
        snapshot_seconds: The time between two snapshots of a shard.
        log: Takes warnings, a line each.

    Raises:
        RunError: In the end, if shards could not be trained: a line for each.
    """
    waiting = deque(jobs)
    num_attempts: Counter[int] = Counter()
    failures: list[str] = []
    workers: dict[Connection, _Worker] = {}
    try:
        while waiting or workers:
            while waiting and len(workers) < num_workers:
                with signals.held_back():  # what is started is known, and will be ended
                    connection, process = _start(dict(data_folders), engine, device, snapshot_seconds)
                    workers[connection] = _assign(connection, process, waiting.popleft())
            for connection in cast("list[Connection]", wait(list(workers))):
                worker = workers[connection]
                try:
                    message: Progressed | _Failed | _Warned = connection.recv()
                except (EOFError, OSError):  # the latter where it died in the middle of a message
                    del workers[connection]
                    line = _obituary(worker)
                    shard = worker.job[0].index
                    num_attempts[shard] += 1
                    if num_attempts[shard] == MAX_ATTEMPTS:
                        failures.append(f"{line}; that was attempt {MAX_ATTEMPTS}")
                    else:
                        log(f"warning: {line}; another one goes on from the last snapshot")
                        waiting.append(worker.job)
                    continue
                if isinstance(message, _Warned):
                    log(f"warning: {message.line}")
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
                        with suppress(OSError):  # it has said all that it had to say: how it ends does not matter
                            connection.send(None)
                        worker.process.join()
    finally:
        _end(workers)
    if failures:
        raise RunError("\n".join(failures))


def _start(
    data_folders: Mapping[str, Path], engine: str, device: str, snapshot_seconds: float
) -> tuple[Connection, BaseProcess]:
    ours, theirs = CONTEXT.Pipe()
    arguments = (theirs, data_folders, engine, device, snapshot_seconds)
    process: BaseProcess = CONTEXT.Process(target=_work, args=arguments, daemon=True)
    process.start()
    theirs.close()  # so that the worker's death is the end of the pipe
    return ours, process


def _assign(connection: Connection, process: BaseProcess, job: Job) -> _Worker:
    with suppress(OSError):  # it is dead, which will show when it is listened to
        connection.send(job)
    return _Worker(process, job)


def _end(workers: Mapping[Connection, _Worker]) -> None:
    """Have the workers save their states; who does not within a few seconds has its last snapshot."""
    for connection, worker in workers.items():
        connection.close()  # so that none waits for somebody to listen
        worker.process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for worker in workers.values():
        worker.process.join(max(0.0, deadline - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _obituary(worker: _Worker) -> str:
    worker.process.join()
    code = worker.process.exitcode
    reason = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
    hint = "; a lack of memory is the usual cause: try a smaller jobs=N" if code == -signal.SIGKILL else ""
    return f"the worker process that trained {worker.seeds} was ended {reason}{hint}"


def _work(
    connection: Connection, data_folders: Mapping[str, Path], engine: str, device: str, snapshot_seconds: float
) -> None:
    """Train the shards that come through the pipe until None comes, or the coordinator is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for systems on which it could not be held back
    signal.signal(signal.SIGTERM, stopping.request_stop)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    with suppress(EOFError, BrokenPipeError, ConnectionResetError, stopping.StoppedError):
        try:
            from bnreg.data import attach

            ENGINES[engine].prepare_process()
            while (job := _next_job(connection)) is not None:
                shard, store = job
                dataset = attach(data_folders[shard.settings.data.dataset])
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
            connection.send(_failure(error))


def _next_job(connection: Connection) -> Job | None:
    """Wait for a job, or for a request to stop."""
    while not connection.poll(IDLE_SECONDS):
        stopping.heed_stop()
    job: Job | None = connection.recv()
    return job


def _failure(error: Exception) -> _Failed:
    """What to say of an error: in full, unless one knows what it is, such as a lack of memory, which has many names."""
    if isinstance(error, RunError):
        return _Failed(str(error), "")
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or "allocate memory" in str(error):
        return _Failed("not enough memory; try a smaller jobs=N, model.hidden or data.batch_size", "")
    return _Failed(f"{type(error).__name__}: {error}".splitlines()[0], traceback.format_exc())
