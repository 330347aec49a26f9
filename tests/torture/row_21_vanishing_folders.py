"""The folder of a run is moved or removed while it is trained, and locked while it is removed or resumed."""

import contextlib
import functools
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import Done, bnreg
from filelock import FileLock
from here import CONFIG, Here, everything_of
from operations import KINDS
from torture import Case

from bnreg.errors import UserError
from bnreg.runs import disk, unfinished_runs
from bnreg.runs.finding.removal import removable_runs, remove_run
from bnreg.training.messages import Progressed

TITLE = "a run's folder moved, removed, or given to `rm` at each message and file operation of a start and a resume"
PROMISE = (
    "A run whose folder is moved or removed stops in one line and leaves nothing in its old place; moved back, it "
    "resumes with the same results. `rm` never removes a run that is being trained."
)

HOWS = ("moved", "removed", "rm")
SELDOM = CONFIG.replace("snapshot_seconds: 0.001", "snapshot_seconds: 1000")  # or most operations would be of snapshots


def cases(full: bool) -> Iterator[Case]:
    """Each message and each operation; two commands at once."""
    with Here() as here:
        for how in HOWS:
            for number in range(1, here.num_messages + 1) if full else ([9] if how != "removed" else []):
                yield f"{how} at message {number}", functools.partial(_at_message, here, how, number)
            for resumes in (False, True) if how == "moved" else (how == "rm",):
                count = _count(here, resumes)
                for number in range(1, count + 1) if full else ([count // 2] if how == "removed" else []):
                    yield (
                        f"{how} at operation {number} of a {'resume' if resumes else 'start'}",
                        functools.partial(_at_operation, here, how, number, resumes),
                    )
        yield "locked", functools.partial(_locked, here)


def _at_message(here: Here, how: str, number: int) -> None:
    root = here.new_root()
    vanishing = Vanishing(root, how)

    def watch(now: int, _: Progressed) -> None:
        if now == number:
            vanishing.happen()

    _assert_safe(here, vanishing, here.train(root, watch=watch))


def _at_operation(here: Here, how: str, number: int, resumes: bool) -> None:
    run = here.stopped(SELDOM) if resumes else None
    vanishing = Vanishing(run.folder.parent if run else here.new_root(), how)
    with _watched(lambda now: vanishing.happen() if now == number else None):
        ended = here.resume(run) if run else here.train(vanishing.root, SELDOM)
    _assert_safe(here, vanishing, ended)


def _locked(here: Here) -> None:
    """While another process trains a run, it is neither removed nor resumed."""
    run = here.stopped()
    with FileLock(run.folder / "run.lock"):
        for ended in (bnreg("rm", run.folder, "--runs", run.folder.parent, "--yes"), here.resume(run)):
            assert ended.code == 2, ended
            assert "being trained" in ended.err, ended
    assert here.resume(run).code == 0
    assert everything_of(run.final) == here.results


class Vanishing:
    """What happens, once, to the folder of an unfinished run.

    Args:
        root: The folder of runs.
        how: One of ``HOWS``.
    """

    def __init__(self, root: Path, how: str) -> None:
        self.root, self.how = root, how
        self.is_gone = False
        self._aside = root.with_name(f"{root.name}-aside")

    def happen(self) -> None:
        """Let it happen, if there is such a folder by now."""
        for run in unfinished_runs(self.root):
            if self.how == "rm":
                with contextlib.suppress(UserError):  # it is being trained
                    for found in removable_runs([str(run.folder)], self.root):
                        remove_run(found.path)
            elif self.how == "moved":
                self._aside.mkdir()
                run.folder.rename(self._aside / run.folder.name)
            else:
                shutil.rmtree(run.folder)
            self.is_gone = not run.folder.exists()

    def undo(self) -> None:
        """Move the run back, if it was moved."""
        for run in unfinished_runs(self._aside):
            run.folder.rename(self.root / run.folder.name)


def _assert_safe(here: Here, vanishing: Vanishing, ended: Done) -> None:
    """Check that the command completed the run or stopped in one line, and that nothing but the run itself remains."""
    if not vanishing.is_gone:
        assert ended.code == 0, ended
    if ended.code != 0:
        lines = [line for line in ended.err.splitlines() if not line.startswith(("note: ", "warning: "))]
        assert len(lines) == 1, ended
        assert ended.out == "", ended
        assert [*vanishing.root.iterdir()] == [], ended
        vanishing.undo()
        for run in unfinished_runs(vanishing.root):
            assert here.resume(run).code == 0
        assert vanishing.how != "moved" or [*vanishing.root.iterdir()]
    for run in vanishing.root.iterdir():
        assert everything_of(run) == here.results


def _count(here: Here, resumes: bool) -> int:
    """The number of file operations of a start or a resume."""
    numbers = [0]
    run = here.stopped(SELDOM) if resumes else None
    with _watched(numbers.append):
        ended = here.resume(run) if run else here.train(here.new_root(), SELDOM)
    assert ended.code == 0, ended
    return numbers[-1]


@contextlib.contextmanager
def _watched(watch: Callable[[int], None]) -> Iterator[None]:
    """Within this block, a function is called with the number of each file operation before it is done."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk, "os", Watched(watch))
        yield


class Watched:
    """``os``, with a function that is called before each operation that changes files."""

    def __init__(self, watch: Callable[[int], None]) -> None:
        self._watch, self._numbers = watch, itertools.count(1)

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in KINDS:
            return real

        def call(*arguments: Any) -> Any:
            self._watch(next(self._numbers))
            return real(*arguments)

        return call
