"""Tags and a note on a run: a small file beside the run's folder, which is sealed and stays as it is.

The files are in the folder ``.marks`` among the runs, one for each run, named after its id: so the marks stay when a
run is resumed, completed or renamed. Anyone may have written such a file; it is checked before it is used.
"""

import errno
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnreg.errors import UserError
from bnreg.names import NAME
from bnreg.runs import disk
from bnreg.runs.in_training import locks
from bnreg.runs.names import MARKS, UNFINISHED, is_run, recorded_id
from bnreg.runs.strict_json import parse_json
from bnreg.wording import printable

LOCK = "marks.lock"
MAX_BYTES = 64 << 10
MAX_TAGS = 50
MAX_NOTE = 1000  # characters
WAIT_SECONDS = 10.0


@dataclass(frozen=True)
class Marks:
    """What a user has noted about a run.

    Attributes:
        tags: Its tags, in the order in which they were added.
        note: A line of text; empty if there is none.
    """

    tags: tuple[str, ...] = ()
    note: str = ""

    @classmethod
    def parse(cls, content: bytes) -> "Marks":
        """Parse the content of a file of marks.

        Raises:
            ValueError: If it is not what bnreg writes.
        """
        found = parse_json(content)
        if not (isinstance(found, dict) and found.keys() == {"tags", "note"} and isinstance(found["tags"], list)):
            raise ValueError("other keys")
        if not (are_tags(found["tags"]) and is_note(found["note"])):
            raise ValueError("other values")
        return cls(tuple(found["tags"]), found["note"])

    def content(self) -> bytes:
        """The content of its file."""
        return (json.dumps({"tags": list(self.tags), "note": self.note}, indent=2) + "\n").encode()


def is_tag(value: Any) -> bool:
    """Whether a value may be a tag."""
    return isinstance(value, str) and NAME.fullmatch(value) is not None


def are_tags(values: Collection[Any]) -> bool:
    """Whether values may be all the tags of a run."""
    return len(values) <= MAX_TAGS and all(map(is_tag, values)) and len({*values}) == len(values)


def is_note(value: Any) -> bool:
    """Whether a value may be a note."""
    return isinstance(value, str) and value.isprintable() and len(value) <= MAX_NOTE


def require_runs(folders: Iterable[Path]) -> None:
    """Refuse folders that are no runs, complete or not: nobody would see their marks.

    Raises:
        UserError: A line for each.
    """
    if mistakes := [f"{folder}: not a run folder" for folder in folders if not is_run(folder.absolute())]:
        raise UserError(*mistakes)


def read_marks(folder: Path) -> Marks:
    """The marks of a run, by its folder, whether it is complete or not.

    Raises:
        UserError: If their file is damaged.
    """
    return _read(_file_of(folder, recorded_id(folder)))


def marks_of(runs: Collection[str], root: Path) -> tuple[dict[str, Marks], list[str]]:
    """The marks of those runs in a folder that have any, by id, and a line for each file of marks that is damaged."""
    marks: dict[str, Marks] = {}
    mistakes: list[str] = []
    try:
        marked = {entry.name.removesuffix(".json") for entry in os.scandir(root / MARKS)}
    except (FileNotFoundError, NotADirectoryError):
        return {}, []
    except OSError as error:
        return {}, [f"{root / MARKS}: tags and notes cannot be read: {error.strerror}"]
    for run in sorted(marked & {*runs}):
        try:
            marks[run] = _read(root / MARKS / f"{run}.json")
        except UserError as error:
            mistakes += error.lines
    return marks, mistakes


def change_marks(folder: Path, change: Callable[[Marks], Marks]) -> Marks:
    """Change the marks of a run, durably; other processes that change marks wait.

    Args:
        folder: The run's folder, whether it is complete or not.
        change: Old marks → new marks.

    Returns:
        The new marks.

    Raises:
        UserError: If their file is damaged, or cannot be written.
    """
    file = _file_of(folder, recorded_id(folder))
    try:
        with _locked(file.parent):
            before = _read(file)
            after = change(before)
            if after != before:
                _put(file, after)
    except TimeoutError:
        raise UserError(f"{file.parent}: another process is changing tags or notes; try again") from None
    except OSError as error:
        raise UserError(f"{file.parent}: tags and notes cannot be written: {error.strerror}") from None
    return after


def forget_marks(folder: Path, run: str) -> None:
    """Remove the marks of a run that was removed, unless there still is a folder with its name: it was only a copy.

    Args:
        folder: The folder that the run had.
        run: The run's id.
    """
    file = _file_of(folder, run)
    if not any((file.parent.parent / name).exists() for name in (run, run + UNFINISHED)):
        disk.discard(file)


def _file_of(folder: Path, run: str) -> Path:
    return folder.absolute().parent / MARKS / f"{run}.json"


def _read(file: Path) -> Marks:
    try:
        return Marks.parse(disk.read(file, MAX_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        return Marks()
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    except ValueError:
        reason = "damaged: not tags and a note as bnreg writes them"
    raise UserError(f"{printable(str(file))}: {reason}; without this file, the run has no tags and no note")


def _put(file: Path, marks: Marks) -> None:
    if marks == Marks():
        disk.remove_file(file)
    else:
        disk.replace(file, marks.content())
        disk.sync_folder(file.parent)


@contextmanager
def _locked(marks: Path) -> Iterator[None]:
    """Hold the lock on a folder of marks, which is created, within this block; discard what a killed process left.

    Raises:
        TimeoutError: If another process does not release it.
        OSError: If the folder is not one of bnreg's, or nothing can be written there.
    """
    for path in (marks, marks / LOCK):
        if path.is_symlink():
            raise OSError(errno.EINVAL, f"{path.name} is a link; remove it")
    disk.make_folder(marks, parents=False)
    with locks.held(marks / LOCK, WAIT_SECONDS) as works:
        if works:  # otherwise, another process may be about to use them
            for leftover in marks.glob(".*.partial"):
                disk.discard(leftover)
        yield
