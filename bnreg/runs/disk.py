"""Every operation on files by which results come about; what is promised of run folders rests on this module alone.

What is written is on the disk before the next step relies on it: a file's content and a folder's list of names are each
flushed (fsync), so that a loss of power leaves what was committed. Contents are made in memory first: only then does a
full disk say so. Nothing that has its final name is ever written to.
"""

import errno
import os
import secrets
import shutil
import stat
from pathlib import Path

MAX_BYTES = 1 << 30  # what no file of a run comes near


def write(path: Path, content: bytes) -> None:
    """Make a file of this content, durably.

    Raises:
        OSError: If it exists, or cannot be written whole.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """A file's content, of a regular file that is not larger than it may be.

    Raises:
        OSError: If it is not there, is too large, or is something else, such as a pipe, which one would wait for.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        if status.st_size > max_bytes:
            raise OSError(errno.EFBIG, f"larger than {max_bytes >> 20} MiB", str(path))
        return file.read(max_bytes)


def make_folder(path: Path) -> None:
    """Make a folder and what is missing above it, durably; that it exists already is no mistake."""
    missing = [folder for folder in (path, *path.parents) if not folder.is_dir()]
    for folder in reversed(missing):
        try:
            os.mkdir(folder)
        except FileExistsError:  # somebody else was faster, unless it is something else than a folder
            if not folder.is_dir():
                raise
        sync_folder(folder.parent)


def sync_folder(path: Path) -> None:
    """Make a folder's list of names durable, where the system can."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def rename(hidden: Path, final: Path) -> None:
    """Give a folder that is whole its final name, durably.

    Raises:
        OSError: If there is such a folder already, unless it is empty.
    """
    os.rename(hidden, final)
    sync_folder(final.parent)


def replace(path: Path, content: bytes) -> None:
    """Put another content in a file's place: whoever reads it sees the one or the other, whole."""
    hidden = hidden_beside(path)
    try:
        write(hidden, content)
        os.replace(hidden, path)
    finally:
        discard(hidden)


def remove_folder(path: Path, hidden: Path) -> None:
    """Remove a folder: it vanishes whole, under a hidden name, before the first of its files is deleted.

    Raises:
        OSError: If that is not possible. What is left has the hidden name.
    """
    rename(path, hidden)
    shutil.rmtree(hidden)


def discard(path: Path) -> None:
    """Delete a hidden file or folder, if it is there; where that is not possible it is left, and means nothing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        try:
            os.unlink(path)
        except OSError:
            return


def hidden_beside(final: Path, kind: str = "partial") -> Path:
    """A name beside the final one that nobody else uses, whatever a killed process has left."""
    return final.with_name(f".{final.name}.{secrets.token_hex(3)}.{kind}")
