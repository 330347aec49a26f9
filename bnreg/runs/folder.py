"""Sealed folders: each appears complete or not at all, is never overwritten, and has a checksum for each file.

A folder is built under a hidden name beside its final place. The manifest of checksums is written last; then the folder
is renamed. Runs, the results of a shard and snapshots are such folders, and so is everything else that is written for
the user to keep.
"""

import csv
import errno
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

import bnreg
from bnreg.errors import RunError, UserError
from bnreg.runs import disk

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 64 << 20

_VERSION = re.compile(r"[0-9][0-9a-z.+]{0,19}")


class Draft:
    """A folder while it is being written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._checksums: dict[str, str] = {}

    def write(self, name: str, content: bytes) -> None:
        """Write one file, durably, and note its checksum for the manifest.

        Args:
            name: Its name in the folder, with slashes if it is in a subfolder.
            content: Its bytes.

        Raises:
            RunError: If it cannot be written, e.g. because the disk is full.
        """
        path = self._folder / name
        try:
            disk.make_folder(path.parent)
            disk.write(path, content)
        except FileExistsError:
            raise
        except OSError as error:
            raise RunError(f"{self._folder.parent}: {name} of this run cannot be written: {error.strerror}") from error
        self._checksums[name] = hashlib.sha256(content).hexdigest()

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        """Write a JSON file; NaN and infinity are refused because JSON has no such numbers."""
        self.write(name, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())

    def write_csv(self, name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
        """Write a CSV file: floats by repr, so that no digits are lost, and missing values as empty cells."""
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
        self.write(name, text.getvalue().encode())

    def seal(self) -> None:
        """Make the lists of names durable and write the manifest: the SHA-256 of every file."""
        inner = {parent for name in self._checksums for parent in PurePosixPath(name).parents if parent.name}
        for folder in inner:
            disk.sync_folder(self._folder / folder)
        manifest = {"schema": SCHEMA_VERSION, "bnreg": bnreg.__version__, "sha256": dict(self._checksums)}
        self.write_json(MANIFEST, manifest)
        disk.sync_folder(self._folder)


@contextmanager
def new_folder(final: Path, *, what: str, option: str) -> Iterator[Draft]:
    """Draft a folder within this block; after success it appears as ``final``, after an exception nothing remains.

    Args:
        final: The folder; missing parents are created.
        what: One word for its content, shown to the user.
        option: The option that lets the user choose another path.

    Raises:
        UserError: If it exists, or cannot be created there.
    """
    refuse_existing(final, option)
    hidden = disk.hidden_beside(final)
    with _placing(final, what, option):
        disk.make_folder(final.parent)
        disk.make_folder(hidden)
    try:
        draft = Draft(hidden)
        yield draft
        draft.seal()
        with _placing(final, what, option):
            disk.rename(hidden, final)
    finally:
        disk.discard(hidden)


def write_file(final: Path, content: bytes, *, option: str) -> None:
    """Write a file, durably: all of it or nothing.

    Args:
        final: The file; missing folders above it are created.
        content: Its bytes.
        option: The option that lets the user choose another path.

    Raises:
        UserError: If it exists, or cannot be written there.
    """
    refuse_existing(final, option)
    hidden = disk.hidden_beside(final)
    try:
        with _placing(final, "file", option):
            disk.make_folder(final.parent)
            disk.write(hidden, content)
            disk.rename(hidden, final)
    finally:
        disk.discard(hidden)


def refuse_existing(path: Path, option: str) -> None:
    """Raise a UserError if anything exists at a path, even a broken link: nothing is overwritten."""
    if path.is_symlink() or path.exists():
        raise UserError(f"{path}: already exists and will not be overwritten; choose another path with {option}")


class DamagedError(UserError):
    """A sealed folder does not match its manifest, or has none: one line for each file.

    Attributes:
        is_newer: Whether it is intact, but written by a newer bnreg.
    """

    def __init__(self, *lines: str, is_newer: bool = False) -> None:
        super().__init__(*lines)
        self.is_newer = is_newer


def read_manifest(path: Path) -> dict[str, str]:
    """The SHA-256 of each file of a sealed folder, by name.

    Raises:
        DamagedError: If the manifest is damaged, or was written by a newer bnreg.
        FileNotFoundError: If there is no manifest.
    """
    try:
        content = disk.read(path / MANIFEST, MAX_MANIFEST_BYTES)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise FileNotFoundError(path / MANIFEST) from None
    except OSError as error:
        raise DamagedError(f"{path / MANIFEST}: damaged run: {error.strerror}") from None
    try:
        manifest = json.loads(content)
        schema, checksums = int(manifest["schema"]), dict(manifest["sha256"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DamagedError(f"{path / MANIFEST}: damaged: not a manifest that bnreg wrote") from None
    if schema > SCHEMA_VERSION:
        version = str(manifest.get("bnreg"))
        writer = f"bnreg {version}" if _VERSION.fullmatch(version) else "a newer bnreg"
        reason = f"written by {writer} (folder schema {schema}, here {SCHEMA_VERSION}); upgrade"
        raise DamagedError(f"{path}: {reason}", is_newer=True)
    return checksums


def verified(path: Path, checksums: Mapping[str, str], names: Iterable[str]) -> dict[str, bytes]:
    """Read some of a sealed folder's files and check each against the manifest.

    Raises:
        DamagedError: One line for each file that is missing, has changed, is outside the folder or is not a file.
    """
    files: dict[str, bytes] = {}
    mistakes: list[str] = []
    real = path.resolve()
    for name in names:
        try:
            content = disk.read(_inner_path(real, name))
        except OSError as error:
            mistakes.append(f"{path / name}: damaged run: {error.strerror}")
            continue
        if hashlib.sha256(content).hexdigest() == checksums.get(name):
            files[name] = content
        else:
            mistakes.append(f"{path / name}: damaged run: the file does not match its checksum in {MANIFEST}")
    if mistakes:
        raise DamagedError(*mistakes)
    return files


def checked_files(path: Path) -> list[dict[str, Any]]:
    """Every file that a sealed folder's manifest lists, with its ``num_bytes`` and its ``state``.

    The state is ``whole``, ``changed`` or ``missing``.

    Raises:
        DamagedError: As ``read_manifest``.
        FileNotFoundError: As ``read_manifest``.
    """
    files = []
    real = path.resolve()
    for name, checksum in read_manifest(path).items():
        state, num_bytes = "missing", 0
        with suppress(OSError):
            content = disk.read(_inner_path(real, name))
            state = "whole" if hashlib.sha256(content).hexdigest() == checksum else "changed"
            num_bytes = len(content)
        files.append({"name": name, "num_bytes": num_bytes, "state": state})
    return files


def _inner_path(folder: Path, name: str) -> Path:
    """The path of a file in a resolved folder, by its name in the manifest.

    Raises:
        OSError: If its name or a link leads outside the folder.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise OSError(errno.EINVAL, "it is outside the run's folder")
    return path


@contextmanager
def _placing(final: Path, what: str, option: str) -> Iterator[None]:
    """Within this block, raise an OSError as a UserError, because the user chose the place."""
    try:
        yield
    except OSError as error:
        reason = f"cannot write a {what} here ({error.strerror})"
        raise UserError(f"{final.parent}: {reason}; choose a folder with {option}") from None


def _cell(value: Any) -> Any:
    return repr(value) if isinstance(value, float) else value
