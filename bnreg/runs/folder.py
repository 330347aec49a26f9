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
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import bnreg
from bnreg.errors import RunError, UserError
from bnreg.runs import disk
from bnreg.runs.strict_json import parse_json
from bnreg.wording import printable, show

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 64 << 20

# A file can claim any size without taking any space, so the bytes that are read to check a folder are limited.
MAX_FOLDER_BYTES = 8 << 30

_VERSION = re.compile(r"[0-9][0-9a-z.+]{0,19}")
_NAME = re.compile(r"[A-Za-z0-9_][\w.+-]*(/[A-Za-z0-9_][\w.+-]*)*", re.ASCII)


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
        try:
            disk.make_inner_folders(self._folder, name)
            disk.write(self._folder / name, content)
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
def new_folder(final: Path, *, what: str, option: str, parents: bool = True) -> Iterator[Draft]:
    """Draft a folder within this block; after success it appears as ``final``, after an exception nothing remains.

    Args:
        final: The folder.
        what: One word for its content, shown to the user.
        option: The option that lets the user choose another path.
        parents: Whether missing folders above it are created.

    Raises:
        UserError: If it exists, or cannot be created there.
    """
    refuse_existing(final, option)
    hidden = disk.hidden_beside(final)
    with _placing(final, what, option):
        if parents:
            disk.make_folder(final.parent)
        disk.make_folder(hidden, parents=False)
    try:
        draft = Draft(hidden)
        yield draft
        draft.seal()
        with _placing(final, what, option):
            disk.rename(hidden, final)
    finally:
        disk.discard(hidden)


def write_file(final: Path, content: bytes, *, option: str, force: bool = False) -> None:
    """Write a file, durably: all of it or nothing.

    Args:
        final: The file; missing folders above it are created.
        content: Its bytes.
        option: The option that lets the user choose another path.
        force: Whether a file that is there is replaced; see ``refuse_existing``.

    Raises:
        UserError: If it exists, or cannot be written there.
    """
    refuse_existing(final, option, force=force)
    hidden = disk.hidden_beside(final)
    try:
        with _placing(final, "file", option):
            disk.make_folder(final.parent)
            if force:
                disk.replace(final, content)
                return
            disk.write(hidden, content)
            try:
                disk.place(hidden, final)
            except FileExistsError:  # it has appeared meanwhile
                refuse_existing(final, option)
                raise
    finally:
        disk.discard(hidden)


def refuse_existing(path: Path, option: str, *, force: bool = False) -> None:
    """Raise a UserError if anything exists at a path, even a broken link: nothing is overwritten.

    With ``force``, a file is, unless it lies in a sealed folder such as a run, whose manifest it would belie.
    """
    is_file = path.is_file() and not path.is_symlink()
    if force and is_file and not (path.parent / MANIFEST).exists():
        return
    if path.is_symlink() or path.exists():
        reason = "is part of a run" if force and is_file else "already exists"
        raise UserError(f"{path}: {reason} and will not be overwritten; choose another path with {option}")


class DamagedError(UserError):
    """A sealed folder does not match its manifest, or has none: one line for each file.

    Attributes:
        is_newer: Whether it is intact, but written by a newer bnreg.
    """

    def __init__(self, *lines: str, is_newer: bool = False) -> None:
        super().__init__(*map(printable, lines))  # a parser's message may quote what it could not read
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
        manifest = parse_json(content)
        schema, checksums = manifest["schema"], manifest["sha256"]
        if not (type(schema) is int and isinstance(checksums, dict)):
            raise TypeError
    except (ValueError, LookupError, TypeError):
        raise DamagedError(f"{path / MANIFEST}: damaged run: not a manifest that bnreg wrote") from None
    if schema > SCHEMA_VERSION:
        version = str(manifest.get("bnreg"))
        writer = f"bnreg {version}" if _VERSION.fullmatch(version) else "a newer bnreg"
        reason = f"written by {writer} (folder schema {schema}, here {SCHEMA_VERSION}); upgrade"
        raise DamagedError(f"{path}: {reason}", is_newer=True)
    for name, checksum in checksums.items():
        if not (_is_normal(name) and isinstance(checksum, str)):
            raise DamagedError(f"{path / MANIFEST}: damaged run: it lists {show(name)}, which bnreg does not write")
    return checksums


def verified(
    path: Path,
    checksums: Mapping[str, str],
    names: Iterable[str],
    *,
    keep: Collection[str] | None = None,
    max_bytes: int = disk.MAX_BYTES,
) -> dict[str, bytes]:
    """Read some of a sealed folder's files and check each against the manifest.

    Args:
        path: The folder.
        checksums: The SHA-256 of each of its files, by name.
        names: The files to read.
        keep: The files whose contents are returned; None for all of them.
        max_bytes: The largest size of a file.

    Raises:
        DamagedError: One line for each file that is missing, has changed, is outside the folder or is not a file.
    """
    files: dict[str, bytes] = {}
    mistakes: list[str] = []
    for name, content, wrong in _read(path, checksums, names, max_bytes):
        if content is None or wrong:
            mistakes.append(f"{path / name}: damaged run: {wrong}")
        elif keep is None or name in keep:
            files[name] = content
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
    checksums = read_manifest(path)
    files = []
    for name, content, wrong in _read(path, checksums, checksums):
        state = "missing" if content is None else "changed" if wrong else "whole"
        files.append({"name": name, "num_bytes": len(content or b""), "state": state})
    return files


def _read(
    path: Path, checksums: Mapping[str, str], names: Iterable[str], max_bytes: int = disk.MAX_BYTES
) -> Iterator[tuple[str, bytes | None, str]]:
    """Of some of a sealed folder's files: name, content, and what is wrong with it; None if it cannot be read."""
    real = path.resolve()
    left = MAX_FOLDER_BYTES
    for name in names:
        try:
            content = disk.read(_inner_path(real, name), min(left, max_bytes))
        except OSError as error:
            is_rest = error.errno == errno.EFBIG and left < max_bytes
            too_large = f"its folder is larger than {MAX_FOLDER_BYTES >> 20:,} MiB"
            yield name, None, too_large if is_rest else str(error.strerror)
            continue
        left -= len(content)
        checksum = checksums.get(name)
        if hashlib.sha256(content).hexdigest() == checksum:
            yield name, content, ""
        elif hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest() == checksum:
            yield name, content, "its line ends were changed, probably by git; `git config core.autocrlf false` helps"
        else:
            yield name, content, f"the file does not match its checksum in {MANIFEST}"


def _is_normal(name: str) -> bool:
    """Whether a name is one that bnreg writes: the only name of a file, and inside its folder."""
    return _NAME.fullmatch(name) is not None


def _inner_path(folder: Path, name: str) -> Path:
    """The path of a file in a resolved folder, by its name in the manifest.

    Raises:
        OSError: If a link leads outside the folder.
    """
    path = os.path.realpath(folder / name)  # a Path would take three times as long, and there are many files
    if not path.startswith(os.path.join(folder, "")):  # noqa: PTH118
        raise OSError(errno.EINVAL, "it is outside the run's folder")
    return Path(path)


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
