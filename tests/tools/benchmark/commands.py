"""Whole commands: their seconds from the start of Python, and the memory of the workers that they start."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tools.benchmark.processes import ROOT

CACHE = "XDG_CACHE_HOME"  # the variable that names the folder of caches, compiled code among them
WATCH_SECONDS = 0.1


def seconds_of(*arguments: str, cache: Path | None = None) -> float:
    """Seconds of a bnreg command.

    Args:
        arguments: Those of the command.
        cache: The folder of compiled code; None is the usual one.
    """
    start = time.perf_counter()
    with _started(arguments, cache) as process:
        process.wait()
    seconds = time.perf_counter() - start
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return seconds


class Watched(NamedTuple):
    """A command that was watched.

    Attributes:
        seconds: From the start of Python to its end.
        own_bytes: The peak memory of its own process.
        worker_bytes: The peak memory of its largest worker; 0 without workers.
    """

    seconds: float
    own_bytes: int
    worker_bytes: int


def watched(*arguments: str) -> Watched:
    """Run a bnreg command, and watch its memory."""
    start = time.perf_counter()
    own = largest = 0
    with _started(arguments, None) as process:
        while process.poll() is None:
            own = max(own, peak_bytes(Path(f"/proc/{process.pid}")))
            largest = max([largest, *map(peak_bytes, workers_of(process.pid))])
            time.sleep(WATCH_SECONDS)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return Watched(time.perf_counter() - start, own, largest)


def _started(arguments: Sequence[str], cache: Path | None) -> subprocess.Popen[bytes]:
    # Compiled modules are used as an installed bnreg does after its first call.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPATH": str(ROOT)} | ({CACHE: str(cache)} if cache else {})
    command = [sys.executable, "-m", "bnreg", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT, env=environment)


def workers_of(coordinator: int) -> Iterator[Path]:
    """The folders in /proc of the processes that multiprocessing has spawned for a coordinator."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it may end meanwhile
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            if parent == coordinator and b"spawn_main" in (status.parent / "cmdline").read_bytes():
                yield status.parent


def peak_bytes(process: Path) -> int:
    with suppress(OSError):
        for line in (process / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    return 0
