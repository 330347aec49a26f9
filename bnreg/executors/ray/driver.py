"""Ray's driver, in a process of its own: it passes on what the coordinator and the workers tell each other."""

import contextlib
import functools
import math
import multiprocessing
import os
import queue
import shutil
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bnreg import stopping
from bnreg.data import attach
from bnreg.executors.pool import Died, Warned, seeds_in_words
from bnreg.executors.ray.cluster import ClusterError, connected
from bnreg.executors.ray.messages import Letter, Refused, Task
from bnreg.executors.ray.versions import mismatch, versions_here
from bnreg.executors.ray.worker import Worker
from bnreg.standard_streams import leave

IDLE_SECONDS = 0.5  # between two looks, while no shard is trained
LISTEN_SECONDS = 0.05  # to listen to the workers, before the next look at what the coordinator wants
PATIENT_SECONDS = 60.0  # without a worker that trains, before the user is told
SAVE_SECONDS = 8.0  # for the workers to send their states before they are ended


@dataclass(frozen=True)
class Resources:
    """What a cluster has, free or not."""

    num_cores: int
    num_gpus: int


@dataclass(frozen=True)
class Setting:
    """What a driver needs to know.

    Attributes:
        address: See ``bnreg.executors.ray.cluster``.
        num_workers: The number of shards that are trained at a time.
        engine: A name in ``ENGINES``.
        device: ``cpu`` or ``cuda:0``.
        snapshot_seconds: The time between two snapshots of a shard.
        data_folders: Where the data are shared, by their names in the config.
    """

    address: str | None
    num_workers: int
    engine: str
    device: str
    snapshot_seconds: float
    data_folders: Mapping[str, Path]


def look(connection: Connection, folder: Path, address: str) -> None:
    """Send what a cluster has, or why it cannot be reached."""
    _keep_to_itself()
    _end_with_coordinator(folder)
    with suppress(OSError):  # the coordinator is gone
        try:
            with connected(address, folder, num_workers=0, with_gpus=False):
                import ray

                total = ray.cluster_resources()
                connection.send(Resources(int(total.get("CPU", 0)), int(total.get("GPU", 0))))
        except ClusterError as error:
            connection.send(Refused(str(error)))
    leave(0)


def drive(connection: Connection, folder: Path, setting: Setting) -> None:
    """Let the workers of a cluster train the tasks that arrive through the pipe, until None arrives or it ends.

    The workers then send the states of their shards, if anybody is left to keep them.
    """
    _keep_to_itself()
    _end_with_coordinator(folder)
    with suppress(EOFError, OSError):
        try:
            with connected(setting.address, folder, num_workers=setting.num_workers, with_gpus=setting.device != "cpu"):
                signal.signal(signal.SIGTERM, stopping.request_stop)  # Ray has replaced it
                _Relay(connection, setting).run()
        except (EOFError, OSError):
            raise
        except ClusterError as error:
            connection.send((None, [Refused(str(error))]))
        except Exception as error:
            connection.send(
                (None, [Refused(f"{traceback.format_exc()}Ray's driver failed: {type(error).__name__}: {error}")])
            )
    shutil.rmtree(folder, ignore_errors=True)  # the coordinator may be gone
    leave(0)


class Inbox:
    """What arrives through a pipe, taken out of it at once.

    If both sides waited until the other one reads what they send, neither would ever read: a state fills the pipe.

    Args:
        connection: The pipe.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            while True:
                self._arrived.put(self._connection.recv())
        except Exception as error:  # whatever it is, who takes must know
            self._arrived.put(error)

    def take(self, seconds: float) -> Any:
        """What has arrived next; wait up to so many seconds for it.

        Raises:
            queue.Empty: If nothing arrives.
            EOFError: If the other side is gone, which may also be an OSError.
            Exception: If what arrived cannot be read.
        """
        found = self._arrived.get(timeout=seconds)
        if isinstance(found, Exception):
            raise found
        return found


class _Relay:
    """The workers, and the tasks that they have.

    A worker waits until the cluster has a free CPU; a task waits for the first worker that has started, or is done.

    Args:
        connection: The pipe to the coordinator.
        setting: The setting.
    """

    def __init__(self, connection: Connection, setting: Setting) -> None:
        import ray

        data = {name: ray.put(attach(folder)) for name, folder in setting.data_folders.items()}
        actor = ray.remote(concurrency_groups={"control": 1})(Worker).options(
            num_cpus=1, num_gpus=int(setting.device != "cpu"), max_restarts=0, max_task_retries=0
        )
        self._scarce = "CPU" if setting.device == "cpu" else "GPU"
        self._patient_until = time.monotonic() + PATIENT_SECONDS
        self._versions = versions_here(setting.engine)
        self._connection = connection
        self._inbox = Inbox(connection)
        self._hire: Callable[[], Any] = functools.partial(
            actor.remote, setting.engine, setting.device, setting.snapshot_seconds, data
        )
        self._waiting: deque[Task] = deque()
        self._hired: dict[Any, Any] = {}  # by what tells that the worker has started
        self._idle: list[Any] = []
        self._at_work: dict[Any, tuple[Any, Task]] = {}  # by what the worker yields

    def run(self) -> None:
        """Pass messages on until the coordinator wants no more.

        Raises:
            EOFError: If the coordinator is gone.
        """
        with suppress(stopping.StoppedError):
            while self._take_tasks():
                stopping.raise_if_stopped()
                self._hand_out()
                self._say_if_it_waits()
                self._listen()
        self._hired.clear()
        for worker, _ in self._at_work.values():
            worker.stop.options(concurrency_group="control").remote()
        deadline = time.monotonic() + SAVE_SECONDS
        while self._at_work and time.monotonic() < deadline:
            self._listen()

    def _take_tasks(self) -> bool:
        """Take the tasks that have arrived; return whether more may come."""
        with suppress(queue.Empty):
            while True:
                task: Task | None = self._inbox.take(0.0 if self._at_work or self._waiting else IDLE_SECONDS)
                if task is None:
                    return False
                self._waiting.append(task)
        return True

    def _hand_out(self) -> None:
        while self._waiting and self._idle:
            worker, task = self._idle.pop(), self._waiting.popleft()
            self._at_work[worker.train.options(num_returns="streaming").remote(task)] = worker, task
        while len(self._hired) < len(self._waiting):
            worker = self._hire()
            self._hired[worker.versions.remote()] = worker

    def _say_if_it_waits(self) -> None:
        """Say so, once, if the cluster lets nothing be trained for a while."""
        if self._at_work or not self._waiting:
            self._patient_until = time.monotonic() + PATIENT_SECONDS
        elif time.monotonic() > self._patient_until:
            self._patient_until = math.inf
            self._send(self._waiting[0], Warned(f"note: training waits for a free {self._scarce} of the Ray cluster"))

    def _listen(self) -> None:
        """Pass on what the workers tell, if any of them does within a moment."""
        import ray

        ready, _ = (
            ray.wait([*self._hired, *self._at_work], timeout=LISTEN_SECONDS)
            if self._at_work or self._hired
            else ([], [])
        )
        for one in ready:
            if one in self._hired:
                self._welcome(one, self._hired.pop(one))
            else:
                self._pass_on(one, *self._at_work[one])

    def _welcome(self, reported: Any, worker: Any) -> None:
        """Take in a worker that has started, unless its versions are others."""
        import ray

        try:
            if different := mismatch(self._versions, *ray.get(reported)):
                self._send(None, Refused(different))
            self._idle.append(worker)
        except ray.exceptions.RayError as error:
            if "ModuleNotFoundError" in str(error):
                self._send(None, Refused("bnreg is not installed on every machine of the Ray cluster"))
            elif self._waiting:
                task = self._waiting.popleft()
                self._send(task, _obituary(task, error))

    def _pass_on(self, posts: Any, worker: Any, task: Task) -> None:
        import ray

        try:
            self._send(task, *ray.get(next(posts)))
        except StopIteration:
            del self._at_work[posts]
            self._idle.append(worker)
        except ray.exceptions.RayError as error:
            del self._at_work[posts]
            self._send(task, _obituary(task, error))

    def _send(self, task: Task | None, *letters: Letter) -> None:
        self._connection.send((task and task.shard.index, letters))


def _obituary(task: Task, error: Exception) -> Died:
    memory = "; the usual cause is a lack of memory: try a smaller jobs=N"
    why = " with its machine" if "node has died" in str(error) else memory
    return Died(f"the Ray worker that trained {seeds_in_words(task.shard)} died{why}")


def _end_with_coordinator(folder: Path) -> None:
    """Some seconds after the coordinator's death, end this process: it may be waiting for a cluster without end."""
    coordinator = multiprocessing.parent_process()
    assert coordinator is not None

    def watch() -> None:
        coordinator.join()
        time.sleep(SAVE_SECONDS)  # in which it usually ends in order
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _keep_to_itself() -> None:
    """Take over nothing of the terminal: neither its signals, which are the coordinator's, nor its lines."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        os.setsid()
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # Ray's processes take over the mask
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):  # it is None or has no number
            stream.flush()
    for number in (1, 2):
        os.dup2(silence, number)
