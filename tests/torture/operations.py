"""Record bnreg's file operations or make them fail, with a stand-in for ``os`` in the module ``disk``."""

import errno
import os
import pickle
import shutil
import stat
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bnreg.runs import disk

KINDS = ("open", "write", "fsync", "mkdir", "rename", "replace", "unlink")


class Recorded:
    """``os``, with a log of file operations: (operation, path or paths, content)."""

    def __init__(self, log: list[tuple[Any, ...]]) -> None:
        self._log = log
        self._open: dict[int, str] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        descriptor = os.open(path, flags, mode)
        self._open[descriptor] = str(path)
        if flags & os.O_CREAT:
            self._log.append(("create", str(path)))
        return descriptor

    def write(self, descriptor: int, content: bytes) -> int:
        written = os.write(descriptor, content)
        self._log.append(("write", self._open[descriptor], bytes(content[:written])))
        return written

    def fsync(self, descriptor: int) -> None:
        os.fsync(descriptor)
        kind = "fsync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "fsync"
        self._log.append((kind, self._open[descriptor]))

    def mkdir(self, path: Path) -> None:
        os.mkdir(path)
        self._log.append(("mkdir", str(path)))

    def rename(self, old: Path, new: Path) -> None:
        os.rename(old, new)
        self._log.append(("rename", str(old), str(new)))

    def replace(self, old: Path, new: Path) -> None:
        os.replace(old, new)
        self._log.append(("rename", str(old), str(new)))

    def unlink(self, path: Path) -> None:
        os.unlink(path)
        self._log.append(("unlink", str(path)))


def record(to: Path) -> None:
    """A setup: write a log of all operations to a file when the process ends."""
    import atexit
    import multiprocessing.util

    log: list[tuple[Any, ...]] = []

    def rmtree(path: Path, **options: Any) -> None:
        log.append(("rmtree", str(path)))
        shutil.rmtree(path, **options)

    disk.os = Recorded(log)
    disk.shutil = SimpleNamespace(rmtree=rmtree)

    def save() -> None:
        to.write_bytes(pickle.dumps(log))

    # A multiprocessing process ends without running atexit's functions, but it runs these.
    multiprocessing.util.Finalize(None, save, exitpriority=1)
    atexit.register(save)


class Failing:
    """``os``, except that the n-th call of one kind fails, once or permanently."""

    def __init__(self, kind: str, n: int, code: int, for_ever: bool) -> None:
        self._kind, self._n, self._code, self._for_ever = kind, n, code, for_ever
        self._calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name != self._kind:
            return real

        def call(*arguments: Any) -> Any:
            if name == "open" and not arguments[1] & os.O_CREAT:
                return real(*arguments)
            self._calls[name] += 1
            if self._calls[name] == self._n or (self._for_ever and self._calls[name] > self._n):
                raise OSError(self._code, os.strerror(self._code))
            return real(*arguments)

        return call


def fail(kind: str, n: int, code: int, for_ever: bool) -> None:
    """A setup: make the n-th call of one kind fail."""
    disk.os = Failing(kind, n, code, for_ever)


NO_SPACE, BROKEN = errno.ENOSPC, errno.EIO
