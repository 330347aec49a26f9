"""The versions of what decides the results, which must be the same on all machines."""

import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

import bnreg
from bnreg.training.engines import ENGINES

Versions = dict[str, str | None]


def versions_here(engine: str) -> Versions:
    """Those of bnreg, of Python and of the engine's packages; None for a package that is missing."""
    found: Versions = {"bnreg": bnreg.__version__, "python": platform.python_version()}
    for package in ENGINES[engine].packages:
        found[package] = None
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def mismatch(here: Versions, there: Versions, machine: str) -> str | None:
    """How the versions on a worker's machine differ from those here, in one line; None if they do not."""
    differences = [
        f"{name} is {there.get(name) or 'missing'} on {machine} but {version} here"
        for name, version in here.items()
        if there.get(name) != version
    ]
    return "; ".join(differences) + "; install the same on all machines of the Ray cluster" if differences else None
