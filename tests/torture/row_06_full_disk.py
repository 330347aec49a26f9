"""A full disk, files that may not grow, and a folder that cannot be written."""

import contextlib
import functools
import multiprocessing
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab import Lab
from torture import Case

from bnreg.executors import pool

TITLE = "disks and files too small by any amount, a read-only folder"
PROMISE = "A full disk ends the command with one line; with more space, the run can be resumed."


def cases(full: bool) -> Iterator[Case]:
    """Disks of every size up to what the run needs, limits on the size of files, and no write permission."""
    with Lab() as lab:
        may_mount = os.geteuid() == 0 and _can_mount(lab.folder)
        if may_mount:
            for pages in range(2, 82, 4) if full else (40,):
                yield f"a disk of {pages * 4} kB", functools.partial(_small_disk, lab, pages * 4096)
            yield "a read-only disk", functools.partial(_read_only, lab)
        else:
            print("    skipped: small and read-only disks (needs root and permission to mount)")
        for num_bytes in range(500, 20_500, 500) if full else (1_000,):
            yield f"files of at most {num_bytes} bytes", functools.partial(_small_files, lab, num_bytes)


def _small_disk(lab: Lab, num_bytes: int) -> None:
    with _mounted(lab.new_root(), f"size={num_bytes}") as root:
        ended = lab.train(root).wait()
        assert ended.code in (0, 1, 2), ended
        if ended.code:
            assert "No space left on device" in ended.err, ended.err
        subprocess.run(["mount", "-o", "remount,size=64m", root], check=True)
        lab.assert_nothing_is_lost(root)


def _read_only(lab: Lab) -> None:
    with _mounted(lab.new_root(), "size=64m") as root:
        subprocess.run(["mount", "-o", "remount,ro", root], check=True)
        ended = lab.train(root).wait()
        assert (ended.code, ended.err.splitlines()[-1].split("(")[-1]) == (
            2,
            "Read-only file system); choose a folder with --runs",
        )
        assert not list(root.iterdir())


def _small_files(lab: Lab, num_bytes: int) -> None:
    root = lab.new_root()
    ended = lab.train(root, setup=functools.partial(_limit_files, num_bytes)).wait()
    assert ended.code in (0, 1, 2), ended
    if ended.code:
        assert "File too large" in ended.err, ended.err
    lab.assert_nothing_is_lost(root)


def _limit_files(num_bytes: int) -> None:
    real = pool.share

    def share(*arguments: Any) -> None:  # the data for the workers is not in the run folder
        real(*arguments)
        for process in (os.getpid(), *(one.pid for one in multiprocessing.active_children() if one.pid)):
            resource.prlimit(process, resource.RLIMIT_FSIZE, (num_bytes, resource.RLIM_INFINITY))

    pool.share = share


def _can_mount(folder: Path) -> bool:
    with contextlib.suppress(subprocess.CalledProcessError, OSError), _mounted(folder / "probe", "size=1m"):
        return True
    return False


@contextlib.contextmanager
def _mounted(path: Path, options: str) -> Iterator[Path]:
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "bnreg", path]
    subprocess.run(command, check=True, capture_output=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)
