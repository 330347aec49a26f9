"""A worker: trains shards in an actor of Ray, on any machine of the cluster, and keeps nothing there."""

import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from functools import cache
from typing import Any

from bnreg import stopping
from bnreg.data import Dataset
from bnreg.executors.pool import Warned, failure
from bnreg.executors.ray.messages import Committed, Letter, Noted, Saved, Task, Unusable
from bnreg.executors.ray.versions import Versions, versions_here
from bnreg.training.engines import ENGINES
from bnreg.training.messages import EngineState, ShardNote, ShardResult
from bnreg.training.shard_job import train_and_keep

POST_SECONDS = 0.1  # between two posts: each is an object of Ray, which takes it about a millisecond


class _UnusableError(Exception):
    """The engine cannot continue from the state that came with the task."""


class SentStore:
    """A shard's store that is at the coordinator, which also holds the shard's lock: what is to be kept is sent there.

    Args:
        task: The shard, with its state.
        send: Takes what is to be kept.
    """

    def __init__(self, task: Task, send: Callable[[Letter], None]) -> None:
        self._task = task
        self._send = send

    def locked(self) -> AbstractContextManager[None]:
        """See ``Store``."""
        return nullcontext()

    def is_done(self, _log: Callable[[str], None]) -> bool:
        """See ``Store``."""
        return False

    def states(self, _log: Callable[[str], None]) -> Iterator[EngineState]:
        """The state that came with the task, if there is one; who asks for another gets it with a new task."""
        if self._task.state is not None:
            yield self._task.state
            raise _UnusableError

    def save(self, steps: int, state: EngineState) -> None:
        """See ``Store``."""
        self._send(Saved(steps, state))

    def commit(self, result: ShardResult) -> None:
        """See ``Store``."""
        self._send(Committed(result))

    def note(self, note: ShardNote) -> None:
        """See ``Store``."""
        self._send(Noted(note))

    def noted(self) -> ShardNote | None:
        """See ``Store``."""
        return self._task.note


class Worker:
    """Trains shards, one after another.

    Args:
        engine: A name in ``ENGINES``.
        device: ``cpu`` or ``cuda:0``, the device that Ray gives to this worker.
        snapshot_seconds: The time between two snapshots of a shard.
        datasets: References to the data in Ray's object store, by their names in the config.
    """

    def __init__(self, engine: str, device: str, snapshot_seconds: float, datasets: Mapping[str, Any]) -> None:
        self._options: dict[str, Any] = {"engine": engine, "device": device, "snapshot_seconds": snapshot_seconds}
        self._datasets = datasets
        self._dataset = cache(self._get)  # so that what is computed of the data is computed once

    def versions(self) -> tuple[Versions, str]:
        """The versions of this worker, and the name of its machine."""
        return versions_here(self._options["engine"]), platform.node()

    def train(self, task: Task) -> Iterator[list[Letter]]:
        """Train a shard and yield what there is to tell, in posts of several messages.

        All calls must be made in the same thread: some settings of torch and of the processor are a thread's own.
        """
        post: list[Letter] = []
        is_loaded = False
        try:
            ENGINES[self._options["engine"]].prepare_process()
            is_loaded = True
            dataset = self._dataset(task.shard.settings.data.dataset)
            store = SentStore(task, post.append)
            said = train_and_keep(
                task.shard, store, dataset, **self._options, log=lambda line: post.append(Warned(line))
            )
            posted = time.monotonic()
            with closing(said):
                for message in said:
                    post.append(message)
                    if time.monotonic() - posted > POST_SECONDS:
                        yield post.copy()
                        post.clear()
                        posted = time.monotonic()
        except stopping.StoppedError:
            pass  # its state is in the last post
        except _UnusableError:
            post.append(Unusable())
        except Exception as error:
            post.append(failure(error, is_loaded=is_loaded))
        yield post

    def stop(self) -> None:
        """Let ``train`` stop after it has sent the shard's state; called in another thread."""
        stopping.request_stop()

    def _get(self, name: str) -> Dataset:
        import ray

        dataset: Dataset = ray.get(self._datasets[name])
        return dataset
