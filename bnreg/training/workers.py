"""Worker processes: each trains shards, one after another, and sends what its engine says.

The coordinator's side imports no torch. Each worker has a pipe of its own, so that one that dies in the middle of a
message harms no other.
"""

import ctypes
import multiprocessing
import os
import signal
import traceback
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import cast

from bnreg.errors import RunError
from bnreg.training.messages import Message, ShardDone
from bnreg.training.shards import Shard


@dataclass(frozen=True)
class _Failed:
    """A worker's last words: what went wrong, in one line and in full."""

    line: str
    traceback: str


def train_shards(
    shards: Sequence[Shard], data_folders: Mapping[str, Path], *, device: str, num_workers: int
) -> Generator[Message, None, None]:
    """Train shards in worker processes and yield what they say, in the order in which it arrives.

    Args:
        shards: What to train.
        data_folders: Data set by its configured name → folder that ``data.attach`` reads.
        device: ``cpu`` or ``cuda:N``.
        num_workers: How many processes at the most.

    Raises:
        RunError: If a worker dies or its engine fails.
    """
    context = multiprocessing.get_context("spawn")
    waiting = list(reversed(shards))
    workers: dict[Connection, tuple[BaseProcess, Shard]] = {}
    try:
        for _ in range(min(num_workers, len(shards))):
            ours, theirs = context.Pipe()
            process: BaseProcess = context.Process(target=_work, args=(theirs, dict(data_folders), device), daemon=True)
            with _interrupts_held_back():
                process.start()
            theirs.close()  # so that the worker's death is the end of the pipe
            workers[ours] = process, waiting.pop()
            _send(ours, *workers[ours])
        while workers:
            for connection in cast("list[Connection]", wait(list(workers))):
                process, shard = workers[connection]
                message = _receive(connection, process, shard)
                yield message
                if isinstance(message, ShardDone):
                    del workers[connection]
                    if waiting:
                        workers[connection] = process, waiting.pop()
                        _send(connection, *workers[connection])
                    else:
                        with suppress(OSError):  # it has said all that it had to say: how it ends does not matter
                            connection.send(None)
                        process.join()
    finally:
        for process, _ in workers.values():
            process.terminate()
            process.join()


def _send(connection: Connection, process: BaseProcess, shard: Shard) -> None:
    try:
        connection.send(shard)
    except OSError:
        raise _obituary(process, shard) from None


def _receive(connection: Connection, process: BaseProcess, shard: Shard) -> Message:
    try:
        message: Message | _Failed = connection.recv()
    except (EOFError, OSError):  # the latter where it died in the middle of a message
        raise _obituary(process, shard) from None
    if isinstance(message, _Failed):
        raise RunError(f"{message.traceback}training of {_seeds(shard)} failed: {message.line}")
    return message


def _obituary(process: BaseProcess, shard: Shard) -> RunError:
    process.join()
    code = process.exitcode
    reason = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
    hint = "; a lack of memory is the usual cause: try a smaller jobs=N" if code == -signal.SIGKILL else ""
    return RunError(f"the worker process that trained {_seeds(shard)} was ended {reason}{hint}")


def _seeds(shard: Shard) -> str:
    if len(shard.seeds) == 1:
        return f"seed {shard.seeds[0]}"
    return f"{len(shard.seeds)} seeds from {min(shard.seeds)} to {max(shard.seeds)}"


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Start a process that does not know Ctrl-C, from its first instruction on: the coordinator decides."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(connection: Connection, data_folders: Mapping[str, Path], device: str) -> None:
    """Train the shards that come through the pipe until None comes, or the coordinator is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for systems on which it could not be held back
    # cuBLAS repeats itself to the bit only with a fixed workspace; it is read when CUDA starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    keep_freed_memory()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            import torch

            from bnreg.data import attach
            from bnreg.training.engine import train_shard

            torch.set_num_threads(1)  # two threads on such small products lose more than they gain
            torch.set_flush_denormal(True)  # moments of unused pixels decay into subnormal numbers, which are slow
            torch.backends.cudnn.deterministic = True  # the same run twice gives the same to the bit
            torch.backends.cudnn.allow_tf32 = False  # else convolutions, and they alone, would keep only 10 bits
            while (shard := connection.recv()) is not None:
                dataset = attach(data_folders[shard.settings.data.dataset])
                for message in train_shard(shard, dataset, torch.device(device)):
                    connection.send(message)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:
            connection.send(_failure(error))


def _failure(error: Exception) -> _Failed:
    """What to say of an error: in full, unless it is merely a lack of memory, which torch raises under two names."""
    if type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error):
        return _Failed("not enough memory; try a smaller jobs=N, model.hidden or data.batch_size", "")
    return _Failed(f"{type(error).__name__}: {error}".splitlines()[0], traceback.format_exc())


def keep_freed_memory() -> None:
    """Keep glibc from giving freed memory back to the system at every step, only to ask for it again."""
    m_trim_threshold, m_mmap_threshold = -1, -3
    largest = 32 << 20  # the most that glibc accepts for the second
    with suppress(OSError, AttributeError):  # another C library
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(m_mmap_threshold, largest)
        libc.mallopt(m_trim_threshold, largest)
