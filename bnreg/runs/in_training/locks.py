"""Locks between processes, on the file systems that have them."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bnreg.runs import disk


@contextmanager
def held(path: Path, seconds: float) -> Iterator[bool]:
    """Hold a lock within this block. Its file is created if necessary, but never its folder.

    Args:
        path: The lock's file.
        seconds: How long to wait for another process that holds it.

    Yields:
        Whether it is held; not so on a file system without locks.

    Raises:
        TimeoutError: If another process does not release it.
        OSError: If its file cannot be opened, such as that of another user.
    """
    from filelock import FileLock, Timeout

    if is_held(path) is None:
        disk.limits.add("this file system has no locks: nothing stops two processes from training a run at once")
        yield False
        return
    lock = FileLock(path)
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        raise TimeoutError(errno.ETIMEDOUT, "another process holds this lock", str(path)) from None
    try:
        yield True
    finally:
        lock.release()


def is_held(path: Path) -> bool | None:
    """Whether another process holds a lock; None on a file system without locks. The lock's file is created.

    Raises:
        OSError: If its file cannot be opened, such as that of another user.
    """
    if sys.platform == "win32":
        return _is_held_alone(path)
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared, so that two who ask do not see each other
    except BlockingIOError:
        return True
    except OSError as error:
        if error.errno in disk.UNSUPPORTED | {errno.ENOLCK}:
            return None
        raise
    finally:
        os.close(descriptor)
    return False


def _is_held_alone(path: Path) -> bool:
    """The same on Windows, whose locks are not shared: the lock is taken for a moment."""
    from filelock import FileLock, Timeout

    try:
        FileLock(path).acquire(timeout=0).lock.release()
    except Timeout:
        return True
    return False
