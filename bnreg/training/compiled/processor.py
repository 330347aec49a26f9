"""The processor that programs are compiled for."""

import os
from functools import cache


@cache
def processor() -> tuple[str, str]:
    """Its name and features as LLVM calls them: this machine's, unless numba's variables say otherwise."""
    import llvmlite.binding as llvm

    name, features = (os.environ.get(f"NUMBA_CPU_{what}") for what in ("NAME", "FEATURES"))
    if features is None:
        features = "" if name == "generic" else llvm.get_host_cpu_features().flatten()
    return name or llvm.get_host_cpu_name(), features


def has_feature(name: str) -> bool:
    """Whether it has a feature, such as ``avx2``."""
    return f"+{name}" in processor()[1].split(",")
