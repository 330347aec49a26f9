"""The setup of a process before it trains its first stack."""

import ctypes
import os
from contextlib import suppress

# MKL's setting for conditional numerical reproducibility. Without it, what MKL multiplies for a network depends, on
# AMD's processors, on the number of networks that it multiplies for at a time.
REPRODUCIBLE = "AUTO"


def prepare_process() -> None:
    """Set up torch for small matrix products that repeat bit for bit; call it before torch computes anything."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with a fixed workspace
    os.environ.setdefault("MKL_CBWR", REPRODUCIBLE)
    keep_freed_memory()
    import torch

    torch.set_num_threads(1)  # on such small products, a second thread costs more than it gains
    torch.set_flush_denormal(True)  # moments of unused pixels decay to subnormal numbers, which are slow
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.allow_tf32 = False  # otherwise only convolutions would keep just 10 bits


def keep_freed_memory() -> None:
    """Stop glibc from returning freed memory to the system at every step and requesting it again."""
    m_trim_threshold, m_mmap_threshold = -1, -3
    largest = 32 << 20  # the largest value that glibc accepts for M_MMAP_THRESHOLD
    with suppress(OSError, AttributeError):  # another C library
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(m_mmap_threshold, largest)
        libc.mallopt(m_trim_threshold, largest)
