"""All file operations that write results; the promises about run folders rest on this module alone.

Data is on the disk before the next step relies on it: a file's content and a folder's list of names are each flushed
(fsync), so what was committed survives a power loss. Contents are made in memory first, because only then does a full
disk raise an error. A file that has its final name is never written to.

Windows moves and replaces nothing that is open; what is open only for a moment, because another program reads or checks
it, is tried again. It has no flush for a folder; its journal keeps the lists of names in order.

Some network and shared file systems cannot flush or link; ``UNSUPPORTED`` has their answers. Results are then written
without these guards, and ``limits`` says what is no longer promised.
"""

import errno
import os
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath

MAX_BYTES = 1 << 30  # far larger than any file of a run
PATIENCE_SECONDS = 2.0  # for a file that another program has open
UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTTY}

limits: set[str] = set()  # promises that the file systems used so far could not keep


def write(path: Path, content: bytes, *, durably: bool = True) -> None:
    """Create a file with this content.

    Args:
        path: The file.
        content: Its content.
        durably: Whether it must survive a power loss.

    Raises:
        OSError: If it exists, or cannot be written completely.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        if durably:
            _flush(descriptor)
    finally:
        os.close(descriptor)


def read(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """Read a regular file of limited size.

    Raises:
        OSError: If it is missing, too large, or not a regular file, such as a pipe, which would block.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        if status.st_size > max_bytes:
            raise OSError(errno.EFBIG, f"larger than {max_bytes >> 20} MiB", str(path))
        return file.read(status.st_size)  # Python allocates as much as it is asked for, even for a small file


def make_folder(path: Path, *, parents: bool = True) -> None:
    """Create a folder and, unless told otherwise, its missing parents, durably; it may already exist."""
    folders = (path, *path.parents) if parents else (path,)
    missing = [folder for folder in folders if not folder.is_dir()]
    for folder in reversed(missing):
        try:
            os.mkdir(folder)
        except FileExistsError:  # another process was faster, unless this is not a folder
            if not folder.is_dir():
                raise
        sync_folder(folder.parent)


def make_inner_folders(folder: Path, name: str) -> None:
    """Create the folders that a file's name with slashes leads through, but not the folder itself, if it is gone."""
    for inner in reversed(PurePosixPath(name).parents[:-1]):
        try:
            os.mkdir(folder / inner)
        except FileExistsError:
            continue


def sync_folder(path: Path) -> None:
    """Make a folder's list of names durable, if the system supports it."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            _flush(descriptor)
        finally:
            os.close(descriptor)


def _flush(descriptor: int) -> None:
    try:
        _sync(descriptor)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        limits.add("this file system cannot flush to the disk: what was just written may not survive a power loss")


def _sync(descriptor: int) -> None:
    """Flush a file; on macOS, where ``fsync`` leaves it in the disk's own cache, by a call that does not."""
    if sys.platform == "darwin":
        import fcntl

        with suppress(OSError):  # a file system without it
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def moves_open_files() -> bool:
    """Whether this system moves, replaces and deletes what is open, by this process or another one."""
    return os.name == "posix"


def _patiently(operation: Callable[[Path, Path], None], old: Path, new: Path) -> None:
    """Do an operation; where it fails because another program has the file open, again for a moment."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            operation(old, new)
        except PermissionError:
            if moves_open_files() or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def rename(hidden: Path, final: Path) -> None:
    """Give a complete folder its final name, durably.

    Raises:
        OSError: If a file, or a folder that is not empty, already has that name.
    """
    _patiently(os.rename, hidden, final)
    sync_folder(final.parent)


def place(hidden: Path, final: Path) -> None:
    """Give a complete file its final name, durably; it replaces nothing, not even a file that has just been created.

    Raises:
        FileExistsError: If something already has that name.
    """
    try:
        os.link(hidden, final)
    except OSError as error:
        if error.errno not in UNSUPPORTED | {errno.EPERM, errno.EMLINK}:
            raise
        # Without links, an empty file claims the name for the moment until the complete one replaces it.
        os.close(os.open(final, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        _patiently(os.replace, hidden, final)
    else:
        os.unlink(hidden)
    sync_folder(final.parent)


def replace(path: Path, content: bytes, *, durably: bool = True) -> None:
    """Replace a file's content: a reader sees either the old or the new content, complete; see ``write``."""
    hidden = hidden_beside(path)
    try:
        write(hidden, content, durably=durably)
        _patiently(os.replace, hidden, path)
    finally:
        discard(hidden)


def remove_file(path: Path) -> None:
    """Delete a file, durably; it may be missing."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    sync_folder(path.parent)


def remove_folder(path: Path, hidden: Path) -> None:
    """Remove a folder, or only the link if it is one: it gets a hidden name before the first of its files is deleted.

    Raises:
        OSError: If that fails. What remains has the hidden name.
    """
    rename(path, hidden)
    if hidden.is_symlink():
        os.unlink(hidden)
    else:
        shutil.rmtree(hidden)


def discard(path: Path) -> None:
    """Delete a hidden file or folder if it exists; one that cannot be deleted stays and is ignored."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        try:
            os.unlink(path)
        except OSError:
            return


def hidden_beside(final: Path, kind: str = "partial") -> Path:
    """A name beside the final one that nothing else uses, not even the leftovers of a killed process."""
    return final.with_name(f".{final.name}.{secrets.token_hex(3)}.{kind}")
