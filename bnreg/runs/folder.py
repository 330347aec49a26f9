"""The run folder: created whole or not at all, and never overwritten.

A run is built beside its place under a hidden name and renamed when it is complete, its manifest of checksums written
last. Whoever lists the runs sees all of a run or none of it. Whatever else is written for the user's keeping, a folder
or a file, comes about in the same way.
"""

import csv
import hashlib
import io
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bnreg.errors import RunError, UserError

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"


class DraftRun:
    """A run folder while it is being written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._checksums: dict[str, str] = {}

    def write(self, name: str, content: bytes) -> None:
        """Write one file, durably, and note its checksum for the manifest.

        Args:
            name: Its name in the folder, with slashes where it lies in a folder of its own.
            content: Its bytes.

        Raises:
            RunError: If it cannot be written, e.g. because the disk is full.
        """
        path = self._folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            raise
        except OSError as error:
            raise RunError(f"{self._folder.parent}: {name} of this run cannot be written: {error.strerror}") from error
        self._checksums[name] = hashlib.sha256(content).hexdigest()

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        """Write a JSON file; NaN and infinity are refused, for JSON has no such numbers."""
        self.write(name, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())

    def write_csv(self, name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
        """Write a CSV file: floats by repr, so that nothing is lost, and missing values empty."""
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
        self.write(name, text.getvalue().encode())

    def seal(self) -> None:
        """Write the manifest: the SHA-256 of every file."""
        self.write_json(MANIFEST, {"schema": SCHEMA_VERSION, "sha256": dict(self._checksums)})


@contextmanager
def new_run(root: Path, name: str) -> Iterator[tuple[Path, DraftRun]]:
    """Within this block a run is drafted; leaving it well makes the run appear under ``root``, else nothing remains.

    Args:
        root: The folder that holds the runs; made if absent.
        name: The experiment's name, the first part of the folder's.

    Yields:
        Where the folder will be, and the draft.

    Raises:
        UserError: If no run can be written there.
    """
    started = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    final = root / f"{name}-{started}-{secrets.token_hex(3)}"
    with new_folder(final, what="run", option="--runs") as draft:
        yield final, draft


@contextmanager
def new_folder(final: Path, *, what: str, option: str) -> Iterator[DraftRun]:
    """Within this block a folder is drafted; leaving it well makes it appear as ``final``, else nothing remains.

    Args:
        final: The folder; those above it are made if absent.
        what: What it holds, in a word for the user.
        option: The option with which the user can choose another place.

    Raises:
        UserError: If it exists, or cannot be made there.
    """
    refuse_existing(final, option)
    hidden = _hidden(final)
    with _placing(final, what, option):
        final.parent.mkdir(parents=True, exist_ok=True)
        hidden.mkdir()
    try:
        draft = DraftRun(hidden)
        yield draft
        draft.seal()
        _sync(hidden)
        with _placing(final, what, option):
            hidden.rename(final)
        _sync(final.parent)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def write_file(final: Path, content: bytes, *, option: str) -> None:
    """Write a file, durably: all of it or nothing.

    Args:
        final: The file; the folders above it are made if absent.
        content: Its bytes.
        option: The option with which the user can choose another place.

    Raises:
        UserError: If it exists, or cannot be written there.
    """
    refuse_existing(final, option)
    hidden = _hidden(final)
    try:
        with _placing(final, "file", option):
            final.parent.mkdir(parents=True, exist_ok=True)
            with hidden.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            hidden.rename(final)
        _sync(final.parent)
    finally:
        with suppress(OSError):  # it has its final name, or never came to be
            hidden.unlink()


def refuse_existing(path: Path, option: str) -> None:
    """Raise a UserError if there is something at a path, be it a broken link: nothing is overwritten."""
    if path.is_symlink() or path.exists():
        raise UserError(f"{path}: exists already, and nothing is overwritten; choose another place with {option}")


def _hidden(final: Path) -> Path:
    """A name beside the final one that nobody else uses, whatever a killed process has left."""
    return final.with_name(f".{final.name}.{secrets.token_hex(3)}.partial")


@contextmanager
def _placing(final: Path, what: str, option: str) -> Iterator[None]:
    """Where the user's choice of a place cannot be followed, that is the user's mistake."""
    try:
        yield
    except OSError as error:
        reason = f"no {what} can be written here ({error.strerror})"
        raise UserError(f"{final.parent}: {reason}; choose a folder with {option}") from None


def _cell(value: Any) -> Any:
    return repr(value) if isinstance(value, float) else value


def _sync(folder: Path) -> None:
    """Make a folder's list of names durable, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
