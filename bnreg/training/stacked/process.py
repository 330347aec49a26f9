"""What a process does once before it trains its first stack."""

import ctypes
import os
from contextlib import suppress


def prepare_process() -> None:
    """Set torch up for small products that repeat bit for bit; before CUDA is started."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with a fixed workspace
    keep_freed_memory()
    import torch

    torch.set_num_threads(1)  # two threads on such small products lose more than they gain
    torch.set_flush_denormal(True)  # moments of unused pixels decay into subnormal numbers, which are slow
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.allow_tf32 = False  # else convolutions, and they alone, would keep only 10 bits


def keep_freed_memory() -> None:
    """Keep glibc from giving freed memory back to the system at every step, only to ask for it again."""
    m_trim_threshold, m_mmap_threshold = -1, -3
    largest = 32 << 20  # the most that glibc accepts for the second
    with suppress(OSError, AttributeError):  # another C library
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(m_mmap_threshold, largest)
        libc.mallopt(m_trim_threshold, largest)
