"""The hardware to train on, found without importing torch."""

import ctypes
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bnreg.errors import UserError
from bnreg.wording import printable

# The files of a control group that hold its limits, of version 2 and of version 1. "max" and -1 mean no limit.
_MEMORY_FILES = ("memory.max", "memory.limit_in_bytes")
# The lines of /proc/cpuinfo that may name the processor: of x86, of ARM, of POWER and MIPS.
_CPU_MODELS = ("model name", "Model", "Hardware", "cpu", "cpu model")
MAX_MODEL = 100
_CPU_FILES = ("cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us")


def num_cuda_devices() -> int:
    """Number of CUDA devices that the installed torch could use; 0 if torch or the driver has no CUDA."""
    spec = importlib.util.find_spec("torch")
    windows = sys.platform == "win32"
    library = "torch_cuda.dll" if windows else "libtorch_cuda.so"
    if spec is None or spec.origin is None or not (Path(spec.origin).parent / "lib" / library).exists():
        return 0
    try:
        driver = ctypes.CDLL("nvcuda.dll" if windows else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


@dataclass(frozen=True)
class Machines:
    """The hardware on which an executor trains.

    Attributes:
        num_cores: Number of cores.
        count_gpus: Returns the number of CUDA devices.
        memory_bytes: The memory for all workers together; None if it is not known.
        gives_gpus: Whether each worker is given a CUDA device of its own, which it sees as the first.
    """

    num_cores: int
    count_gpus: Callable[[], int]
    memory_bytes: int | None
    gives_gpus: bool = False

    def num_workers(self, device: str) -> int:
        """The number of workers for a device, unless the user chooses one."""
        if device == "cpu":
            return self.num_cores
        return self.count_gpus() if self.gives_gpus else 1


def this_machine(_where: str = "") -> Machines:
    """The hardware of this machine, as far as this process may use it."""
    return Machines(num_cores(), num_cuda_devices, memory_bytes())


def choose_device(wanted: str, where: str, machines: Machines) -> str:
    """The device to train on: ``cpu`` or ``cuda:N``.

    Args:
        wanted: auto, cpu, cuda or cuda:N; auto takes CUDA if it is available.
        where: The place where the user chose it, for the message.
        machines: The hardware.

    Raises:
        UserError: If the device is not available.
    """
    if wanted == "cpu":
        return "cpu"
    count = machines.count_gpus()
    if wanted == "auto":
        return "cuda:0" if count else "cpu"
    index = int(wanted.partition(":")[2] or 0)
    if index and machines.gives_gpus:
        raise UserError(f"{where}: {wanted!r} cannot be chosen: each worker is given a CUDA device; use device=cuda")
    if index >= count:
        there = f"the CUDA devices are {', '.join(f'cuda:{i}' for i in range(count))}" if count else "no CUDA device"
        raise UserError(f"{where}: {wanted!r} is not available: {there}; use device=cpu or device=auto")
    return f"cuda:{index}"


def cpu_model(root: Path = Path("/")) -> str | None:
    """The name of the processor, as far as the system tells it; None if it does not.

    Args:
        root: Where ``proc`` is.
    """
    if sys.platform == "win32":
        text = platform.processor()
    elif sys.platform == "darwin":
        text = _printed("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")
    else:
        text = _of_cpuinfo(root)
    return printable(" ".join(text.split())[:MAX_MODEL]) or None


def _of_cpuinfo(root: Path) -> str:
    lines: list[str] = []
    with suppress(OSError):
        lines = (root / "proc/cpuinfo").read_text(errors="replace").splitlines()
    found = {key.strip(): value for key, colon, value in (line.partition(":") for line in lines) if colon}
    return next((found[key] for key in _CPU_MODELS if found.get(key, "").strip()), "")


def _printed(*command: str) -> str:
    """What a program of the system prints; nothing if it fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def memory_bytes(root: Path = Path("/")) -> int | None:
    """The memory that this process may use, or None if the system does not report it.

    Args:
        root: Where ``proc`` and ``sys`` are, which name the limits of a container.
    """
    limits = [text for group in _control_groups(root, "memory") for text in _words(group, *_MEMORY_FILES)]
    known = [int(text) for text in limits if text.isdigit()]
    if sys.platform != "win32":
        with suppress(ValueError, OSError):
            known.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(known, default=None)


def num_cores(root: Path = Path("/")) -> int:
    """Number of cores that this process may use; of a container's share of the CPUs, the whole cores.

    Args:
        root: Where ``proc`` and ``sys`` are, which name the limits of a container.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for group in _control_groups(root, "cpu"):
        match _words(group, *_CPU_FILES):
            case [quota, period] if quota.isdigit():
                cores = min(cores, int(quota) // int(period))
    return max(1, cores)


def most_workers() -> int:
    """The largest number of worker processes: on Windows, Python waits for at most 63 of their pipes."""
    return 60 if sys.platform == "win32" else sys.maxsize


def _control_groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of the control groups that may limit this process: its own and all above it."""
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers or controller in controllers.split(","):  # version 2 has one hierarchy, without a name
                mount = root / "sys/fs/cgroup" / (controller if controllers else "")
                names = Path(path.lstrip("/"))
                yield from (mount / name for name in (names, *names.parents))


def _words(group: Path, *files: str) -> list[str]:
    """The words in those of the files that exist."""
    words = []
    for file in files:
        with suppress(OSError):
            words += (group / file).read_text(encoding="ascii").split()
    return words
