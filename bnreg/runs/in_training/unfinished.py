"""A run until it is complete: its plan, the process that trains it, and the results of its trained shards.

Its folder has the run's name with ``.unfinished`` appended. Once all shards are done, they are merged into the run's
own folder, and this one is removed. A run that stopped early is resumed from here.
"""

import errno
import hashlib
import json
import os
import platform
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal, NoReturn

from bnreg.errors import RunError, UserError
from bnreg.runs import disk
from bnreg.runs.folder import MANIFEST, DamagedError, new_folder, read_manifest, verified
from bnreg.runs.in_training import locks
from bnreg.runs.in_training.progress import Progress, progress_of
from bnreg.runs.in_training.shard import ShardPlace
from bnreg.runs.info import Beginning, is_number, is_text, is_whole
from bnreg.runs.names import (
    CONFIG,
    UNFINISHED,
    hidden_run,
    is_latest,
    latest_of,
    named,
    new_name,
    unfinished_run,
)
from bnreg.runs.origin import Origin
from bnreg.runs.strict_json import parse_json
from bnreg.wording import natural_order, printable

PLAN, LOCK, ATTEMPT = "plan.json", "run.lock", "attempt.json"
BEAT_SECONDS = 10.0
SILENT_SECONDS = 300.0  # after this, a process on another machine, whose lock may be invisible here, counts as gone
MAX_ATTEMPT_BYTES = 1 << 20
MAX_PROCESS = 1 << 31

_Lock = Literal["held", "free", "missing", "unknown"]
UnfinishedState = Literal["created", "running", "interrupted", "failed", "abandoned"]


@dataclass(frozen=True)
class Attempt:
    """The facts about the last process that trained a run.

    Attributes:
        number: Number of the attempt, counted from 1.
        machine: The name of its machine.
        process: Its process id there.
        beat: When it was last seen, in seconds since 1970 by that machine's clock.
        seconds: How long all attempts have taken so far.
        ended: ``interrupted``, or ``failed`` and why; None if it is running, or died without recording why.
    """

    number: int
    machine: str
    process: int
    beat: float
    seconds: float
    ended: str | None = None

    @classmethod
    def parse(cls, content: bytes) -> "Attempt":
        """Parse the content of ``attempt.json``, which is not sealed because it changes all the time.

        Raises:
            ValueError: If it is not what bnreg writes.
        """
        found = parse_json(content)
        if not isinstance(found, dict) or found.keys() != {one.name for one in fields(cls)}:
            raise ValueError("other keys")
        attempt = cls(**found)
        is_valid = (
            is_whole(attempt.number, 1, MAX_PROCESS)
            and is_text(attempt.machine)
            and is_whole(attempt.process, 1, MAX_PROCESS)
            and is_number(attempt.beat)
            and is_number(attempt.seconds)
            and (attempt.ended is None or is_text(attempt.ended))
        )
        if not is_valid:
            raise ValueError("other values")
        return attempt


@dataclass(frozen=True)
class Standing:
    """The state of an unfinished run.

    Attributes:
        state: The state, as far as the run's files and locks prove it.
        progress: Its progress.
        why: Why its last process ended, if that is known.
    """

    state: UnfinishedState
    progress: Progress
    why: str = ""

    @property
    def reason(self) -> str:
        """Why it is not complete, in words."""
        if self.state == "created":
            return "nothing has been trained yet"
        return "; ".join(filter(None, (str(self.progress), self.why)))


@dataclass(frozen=True)
class UnfinishedRun:
    """A run that is not complete yet.

    Attributes:
        folder: Its folder, named after the run, with ``.unfinished`` appended.
    """

    folder: Path

    @property
    def final(self) -> Path:
        """The folder that the run has once it is complete."""
        return self.folder.with_name(self.folder.name.removesuffix(UNFINISHED))

    def beginning(self) -> Beginning:
        """The record that was written when it began.

        Raises:
            DamagedError: If it is another run's, does not match its checksum, or a newer bnreg wrote it.
        """
        try:
            beginning = Beginning.parse(self._read(PLAN))
        except ValueError as wrong:
            raise DamagedError(f"{self.folder / PLAN}: damaged: {wrong}") from None
        if beginning.info.id != self.final.name:
            raise DamagedError(f"{self.folder / PLAN}: damaged: it belongs to another run, {beginning.info.id}")
        return beginning

    def config(self) -> bytes:
        """The resolved config, as YAML.

        Raises:
            DamagedError: As ``beginning``.
        """
        return self._read(CONFIG)

    def _read(self, name: str) -> bytes:
        if self.folder.is_symlink():
            raise DamagedError(f"{self.folder}: damaged: it is a link; use the folder that it leads to")
        try:
            return verified(self.folder, read_manifest(self.folder), [name])[name]
        except FileNotFoundError:
            raise DamagedError(f"{self.folder}: damaged: it has no manifest") from None

    def shard(self, index: int, seeds: Sequence[int], cells: Sequence[tuple[int, str]]) -> ShardPlace:
        """The place of one of its shards.

        Args:
            index: The shard's index.
            seeds: Its seeds.
            cells: The point's index and the arm of each of its cells.

        Raises:
            DamagedError: As ``beginning``.
        """
        origin = Origin(self.final.name, self.plan_hash(), index, tuple(seeds), tuple(cells))
        return ShardPlace(self.folder, index, origin)

    def plan_hash(self) -> str:
        """SHA-256 of its plan, which everything that is kept of its shards names.

        Raises:
            DamagedError: As ``beginning``.
        """
        return hashlib.sha256(self._read(PLAN)).hexdigest()

    def progress(self) -> Progress:
        """Its progress.

        Raises:
            DamagedError: As ``beginning``.
        """
        return progress_of(self.folder, self.beginning(), self.plan_hash())

    def attempt(self) -> Attempt | None:
        """The last attempt to train it; None if there was none, or its record cannot be read."""
        try:
            return Attempt.parse(disk.read(self.folder / ATTEMPT, MAX_ATTEMPT_BYTES))
        except (OSError, ValueError):
            return None

    def is_running(self) -> bool:
        """Whether a process trains it, by its lock; where that proves nothing, by its process and its last beat."""
        lock: _Lock = "missing"
        if os.path.lexists(self.folder / LOCK):
            lock = "unknown"
            with suppress(OSError):  # another user's
                held = locks.is_held(self.folder / LOCK)
                lock = "unknown" if held is None else "held" if held else "free"
        return lock == "held" or self._seems_running(lock)

    def _seems_running(self, lock: "_Lock") -> bool:
        """Whether the last attempt seems to go on, by its process and its last beat.

        A lock may be invisible from another machine, or may have been deleted under the process that holds it.
        """
        attempt = self.attempt()
        if attempt is None or attempt.ended:
            return False
        is_fresh = abs(time.time() - attempt.beat) < SILENT_SECONDS
        if attempt.machine != platform.node():
            return is_fresh
        if lock == "free" or attempt.process == os.getpid():
            return False
        # After a power failure the last beat may be there without the lock, but not the process.
        return _is_alive(attempt.process) or (is_fresh and lock == "unknown")

    def standing(self) -> Standing:
        """Its state, as far as its files and locks prove it, with its progress.

        Raises:
            DamagedError: If its plan is damaged.
        """
        progress = self.progress()
        attempt = self.attempt()
        if self.is_running():
            return Standing("running", progress)
        if attempt is None and os.path.lexists(self.folder / ATTEMPT):
            return Standing("abandoned", progress, f"the record of its last process, {ATTEMPT}, cannot be read")
        if attempt is None:
            return Standing("created", progress)
        if attempt.ended:
            state, _, why = attempt.ended.partition(": ")
            return Standing("failed" if state == "failed" else "interrupted", progress, why)
        return Standing("abandoned", progress, "its process died without recording why")

    def state(self) -> tuple[UnfinishedState, str]:
        """Its state, and its progress and the reason why it ended, in words.

        Raises:
            DamagedError: If its plan is damaged.
        """
        standing = self.standing()
        return standing.state, standing.reason

    @contextmanager
    def training(self) -> Iterator["Hold"]:
        """Lock the run within this block, so that no other process trains it, and record how the block ends.

        Raises:
            UserError: If another process is training it.
            RunError: If nothing can be written there.
        """
        with self.locked(), self._attempting() as hold:
            yield hold

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the run within this block, so that no other process trains or removes it.

        Raises:
            UserError: If another process is training it, or it is no longer there.
            RunError: If nothing can be written there.
        """
        is_missing = not os.path.lexists(self.folder / LOCK)
        with ExitStack() as stack:
            try:
                # Another process may briefly hold the lock because it tests it.
                works = stack.enter_context(locks.held(self.folder / LOCK, 1.0))
            except (TimeoutError, FileNotFoundError) as error:
                self._refuse(is_held=isinstance(error, TimeoutError))
            except OSError as error:
                raise RunError(f"{self.folder}: cannot be written: {error.strerror}") from error
            if not (self.folder / PLAN).is_file():  # it was moved or removed while this process waited
                self._refuse(is_held=False)
            lock: _Lock = "missing" if is_missing else "free" if works else "unknown"
            if lock != "free" and self._seems_running(lock):
                self._refuse(is_held=True)
            self._discard_leftovers()
            yield

    def _refuse(self, *, is_held: bool) -> NoReturn:
        if not is_held:
            raise UserError(f"{self.folder}: is no longer there: it was completed, moved or removed")
        attempt = self.attempt()
        who = f" (process {attempt.process} on {printable(attempt.machine)})" if attempt else ""
        raise UserError(f"{self.folder}: is being trained by another process{who}")

    @contextmanager
    def _attempting(self) -> Iterator["Hold"]:
        last = self.attempt()
        number, before = (last.number + 1, last.seconds) if last else (1, 0.0)
        start = time.monotonic()
        done = threading.Event()

        def seconds() -> float:
            return round(before + time.monotonic() - start, 3)

        def note(ended: str | None = None) -> None:
            attempt = Attempt(number, platform.node(), os.getpid(), time.time(), seconds(), ended)
            with suppress(OSError):  # training can continue on a full disk, and a later record may succeed
                disk.replace(self.folder / ATTEMPT, json.dumps(vars(attempt)).encode())

        def beat() -> None:
            while not done.wait(BEAT_SECONDS):
                note()

        note()
        beating = threading.Thread(target=beat, daemon=True)
        beating.start()
        ended: str | None = None
        try:
            yield Hold(self.folder, seconds)
        except Exception as error:
            ended = "failed: " + (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise
        except BaseException:
            ended = "interrupted"
            raise
        finally:
            done.set()
            beating.join()
            if ended:
                note(ended)

    def _discard_leftovers(self) -> None:
        """Delete half-written leftovers of a killed process, here and at the place of the finished run."""
        for path in (*self.folder.iterdir(), *self.folder.parent.iterdir()):
            is_ours = path.parent == self.folder and path.name.startswith(".")
            if is_ours or hidden_run(path.name) == self.final.name:
                disk.discard(path)

    def discard(self) -> None:
        """Remove the folder once the run is complete; leftovers that cannot be removed are ignored."""
        with suppress(OSError):
            disk.remove_folder(self.folder, disk.hidden_beside(self.folder, "removed"))


@dataclass(frozen=True)
class Hold:
    """The right to train a run, while this process holds its lock.

    Attributes:
        folder: The run's folder.
        seconds: Returns the seconds that all attempts have taken so far.
    """

    folder: Path
    seconds: Callable[[], float]

    def raise_if_gone(self) -> None:
        """Raise ``RunError`` if the folder is no longer where it was; nothing is written to its old place."""
        if not (self.folder / PLAN).is_file():
            raise RunError(f"{self.folder}: was moved or removed while it was trained; move it back, and resume it")


def is_of_training(name: str) -> bool:
    """Whether a name in the folder of an unfinished run is one that training gives."""
    return name in (LOCK, ATTEMPT) or name.startswith((".", "shard-"))


def _is_alive(process: int) -> bool:
    """Whether a process of this machine lives."""
    if os.name != "posix":
        return False
    try:
        os.kill(process, 0)
    except OSError as error:
        return error.errno == errno.EPERM  # another user's
    return True


def begin_run(
    root: Path, beginning: Beginning, config: bytes, files: Iterable[tuple[str, bytes]] = ()
) -> UnfinishedRun:
    """Begin a run: create its folder with the plan in it.

    Args:
        root: The folder that holds the runs; created if missing.
        beginning: The run's record; its id is chosen here.
        config: The resolved config, as YAML.
        files: Name and content of further files to keep there.

    Raises:
        UserError: If the run cannot be written there.
    """
    run = UnfinishedRun(root / (new_name(beginning.info.name) + UNFINISHED))
    beginning = replace(beginning, info=replace(beginning.info, id=run.final.name))
    with new_folder(run.folder, what="run", option="--runs") as draft:
        draft.write_json(PLAN, beginning.to_json())
        draft.write(CONFIG, config)
        for name, content in files:
            draft.write(name, content)
    return run


def unfinished_runs(root: Path) -> list[UnfinishedRun]:
    """The runs in a folder that are not complete, sorted by name."""
    if not root.is_dir():
        return []
    names = [path.name for path in root.iterdir() if unfinished_run(path.name) and path.is_dir()]
    return [UnfinishedRun(root / name) for name in sorted(names, key=natural_order)]


def find_unfinished(argument: str, root: Path) -> UnfinishedRun:
    """The run that an argument refers to: its folder, its name, ``latest``, or a prefix of an unfinished run's name.

    The run may have been completed since then; only its final folder exists in that case.

    Raises:
        UserError: If no run matches, or several unfinished runs start with the argument.
    """
    typed = Path(argument)
    for path in (typed, root / typed) if typed.name else ():
        run = UnfinishedRun(path.with_name(path.name.removesuffix(UNFINISHED) + UNFINISHED))
        if run.folder.is_dir() or (run.final / MANIFEST).is_file():
            return run
    there = [run for run in unfinished_runs(root) if not run.final.is_dir()]
    if is_latest(argument):
        return UnfinishedRun(latest_of(argument, [run.folder for run in there], "unfinished run"))
    begun = [run for run in there if argument and run.folder.name.startswith(argument)]
    if len(begun) == 1:
        return begun[0]
    names = named([run.final for run in begun or there])
    if begun:
        raise UserError(
            f"--resume {argument}: ambiguous: {len(begun)} unfinished runs start with this, newest first: {names}; "
            "type more of the name"
        )
    there_are = f"unfinished runs in {root}: {names}" if there else f"no unfinished runs in {root}"
    raise UserError(f"--resume {argument or repr(argument)}: no such run; {there_are}")
