"""The hardware to train on, found without importing torch."""

import ctypes
import importlib.util
import os
import sys
from pathlib import Path

from bnreg.errors import UserError


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


def choose_device(wanted: str, where: str) -> str:
    """The device to train on: ``cpu`` or ``cuda:N``.

    Args:
        wanted: auto, cpu, cuda or cuda:N; auto takes CUDA if it is available.
        where: The place where the user chose it, for the message.

    Raises:
        UserError: If the device is not available.
    """
    if wanted == "cpu":
        return "cpu"
    count = num_cuda_devices()
    if wanted == "auto":
        return "cuda:0" if count else "cpu"
    index = int(wanted.partition(":")[2] or 0)
    if index >= count:
        there = f"the CUDA devices are {', '.join(f'cuda:{i}' for i in range(count))}" if count else "no CUDA device"
        raise UserError(f"{where}: {wanted!r} is not available: {there}; use device=cpu or device=auto")
    return f"cuda:{index}"


def memory_bytes() -> int | None:
    """The machine's memory, or None if the system does not report it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def num_cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
