"""A pool of workers, and what all executors do with one: hand out shards, and try those again whose worker died."""

import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bnreg.data import Dataset, share
from bnreg.errors import RunError
from bnreg.training.messages import Progressed, ShardDone
from bnreg.training.shard_job import Job
from bnreg.training.shards import Shard

MAX_ATTEMPTS = 3  # to train a shard whose worker dies
# What torch and the loader of its libraries say when they get no memory.
_WITHOUT_MEMORY = ("allocate memory", "failed to map segment")


@dataclass(frozen=True)
class Failed:
    """The last message about a shard that cannot be trained: the error in one line, and its traceback."""

    line: str
    traceback: str


@dataclass(frozen=True)
class Warned:
    """A warning for the user; training continues."""

    line: str


@dataclass(frozen=True)
class Died:
    """The last message about a shard whose worker died, in words; another worker may train it."""

    line: str


Said = Progressed | Failed | Warned | Died


class Pool(Protocol):
    """Workers, each of which trains one shard at a time."""

    def assign(self, job: Job) -> None:
        """Let a worker train a shard."""

    def listen(self) -> Iterable[tuple[int, Said]]:
        """The messages that have arrived, each with its shard's index; wait a moment for the first.

        The last message about a shard is ``ShardDone``, ``Failed`` or ``Died``.
        """

    def dismiss(self) -> None:
        """End the workers that have no shard."""


def train_on(
    pool: Pool, jobs: Sequence[Job], num_workers: int, log: Callable[[str], None]
) -> Generator[Progressed, None, None]:
    """Train shards on the workers of a pool and yield their messages in the order of arrival.

    A shard whose worker dies resumes from its last snapshot in another worker, a few times; a shard that fails does
    not. In both cases all other shards are trained to the end.

    Args:
        pool: The workers.
        jobs: Shards to train, each with the store for its state and results.
        num_workers: Maximum number of shards that are trained at a time.
        log: Takes warnings, a line each.

    Raises:
        RunError: At the end, if shards could not be trained: a line for each.
    """
    waiting = deque(jobs)
    at_work: dict[int, Job] = {}
    num_attempts: Counter[int] = Counter()
    failures: list[str] = []
    while waiting or at_work:
        while waiting and len(at_work) < num_workers:
            job = waiting.popleft()
            at_work[job[0].index] = job
            pool.assign(job)
        if not waiting:
            pool.dismiss()
        for index, message in pool.listen():
            if isinstance(message, Warned):
                log(message.line)
            elif isinstance(message, Failed):
                shard, _ = at_work.pop(index)
                failures.append(f"{message.traceback}training of {seeds_in_words(shard)} failed: {message.line}")
            elif isinstance(message, Died):
                job = at_work.pop(index)
                num_attempts[index] += 1
                if num_attempts[index] == MAX_ATTEMPTS:
                    failures.append(f"{message.line}; this was attempt {MAX_ATTEMPTS}")
                else:
                    log(f"warning: {message.line}; another worker resumes from the last snapshot")
                    waiting.append(job)
            else:
                if isinstance(message, ShardDone):
                    del at_work[index]
                yield message
    if failures:
        raise RunError("\n".join(failures))


def seeds_in_words(shard: Shard) -> str:
    """The seeds of a shard, in words."""
    seeds = shard.seeds
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds from {min(seeds)} to {max(seeds)}"


def folders_for(names: Iterable[str], root: Path) -> dict[str, Path]:
    """A folder for each data set, numbered because a name may be a path."""
    return {name: root / str(number) for number, name in enumerate(names)}


def share_all(datasets: Mapping[str, Dataset], folders: Mapping[str, Path]) -> None:
    """Write each data set into its folder, see ``bnreg.data.share``.

    Raises:
        RunError: If there is no space for them.
    """
    for name, dataset in datasets.items():
        try:
            share(dataset, folders[name])
        except OSError as error:
            reason = f"the data cannot be shared with the workers: {error.strerror}"
            raise RunError(f"{folders[name].parent}: {reason}; set TMPDIR to a folder with more space") from error


def failure(error: Exception, *, is_loaded: bool) -> Failed:
    """Describe an error with its traceback, unless its cause is known, such as a lack of memory in its many forms."""
    if isinstance(error, RunError):
        return Failed(str(error), "")
    is_memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    if is_memory or any(words in str(error) for words in _WITHOUT_MEMORY):
        return Failed("not enough memory; try a smaller jobs=N, model.hidden or data.batch_size", "")
    line = f"{type(error).__name__}: {error}".splitlines()[0]
    if not is_loaded:  # without memory, the import of torch may fail with any error
        causes = "a limit on memory, such as `ulimit -v`, and a broken installation"
        return Failed(f"its engine cannot be loaded ({line}); the usual causes are {causes}", "")
    return Failed(line, traceback.format_exc())
