"""The compiled programs on disk, so that only the first process ever compiles them.

A folder belongs to one version of bnreg, of numba and of LLVM, and to one CPU's features; any other combination has
another folder. It counts only once it is sealed: a record names the files and their hashes. A folder without one, or
whose files are not those, is emptied and filled again; so a kill while it is filled, or damage, does no harm.
"""

import functools
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

from filelock import FileLock

from bnreg.training.compiled.processor import processor

P = ParamSpec("P")
R = TypeVar("R")

SEAL = "sealed.json"
_not_kept: list[OSError] = []  # why programs of this process could not be written into the folder
_PACKAGE = Path(__file__).parent.parent.parent  # everything that the programs are traced from


class program(Generic[P, R]):  # noqa: N801 # a decorator
    """A function that is called from Python: loaded or compiled at its first call.

    It is kept in the folder that is open at that moment, if any; where that fails, it is compiled for this process.
    """

    def __init__(self, function: Callable[P, R]) -> None:
        self._function = function
        self._compiled: Any = None
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call it."""
        if self._compiled is None:
            return self._first(*args, **kwargs)
        result: R = self._compiled(*args, **kwargs)
        return result

    def _first(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The first call, which does nothing but get the program ready: its arguments are empty."""
        import numba

        try:
            self._compiled = numba.njit(cache=bool(numba.config.CACHE_DIR))(self._function)
            result: R = self._compiled(*args, **kwargs)
        except OSError as error:  # there is no space in the folder
            _not_kept.append(error)
            self._compiled = numba.njit(self._function)
            result = self._compiled(*args, **kwargs)
        return result

    @property
    def was_loaded(self) -> bool:
        """Whether it was called and came from the folder."""
        return self._compiled is not None and bool(self._compiled.stats.cache_hits)


@contextmanager
def opened() -> Iterator[None]:
    """Within this block programs are loaded from the folder or, if it is not sealed yet, compiled into it.

    While one process compiles, others wait. Where the folder cannot be written, programs are compiled for this process
    alone: numba does not even read such a folder.
    """
    place = folder()
    if is_sealed(place) and os.access(place, os.W_OK):
        with _settings(NUMBA_CACHE_DIR=str(place)):
            yield
        return
    with _locked(place) as is_ours:
        if is_ours and not is_sealed(place):
            _empty(place)
        with _settings(NUMBA_CACHE_DIR=str(place) if is_ours else ""):
            yield
        if is_ours and not _not_kept and not is_sealed(place):
            with suppress(OSError):
                _seal(place)


def folder() -> Path:
    """The folder for this version of everything that the programs depend on."""
    from platformdirs import user_cache_path

    try:
        place = user_cache_path("bnreg", appauthor=False)
    except RuntimeError:  # the user has no home folder
        place = Path(os.devnull)  # where no folder can be
    return place / "compiled" / _key()


def is_sealed(place: Path) -> bool:
    """Whether a folder holds exactly the files that its record names."""
    try:
        recorded = json.loads((place / SEAL).read_bytes())
        return bool(recorded == _hashes(place))
    except (OSError, ValueError):
        return False


@functools.cache
def _key() -> str:
    """A hash of the sources and of their place, of the versions of compiler and Python, and of the processor."""
    digest = hashlib.sha256()
    for path in sorted((*_PACKAGE.glob("training/compiled/*.py"), _PACKAGE / "nn" / "activations.py")):
        digest.update(path.read_bytes())
    versions = version("numba"), version("llvmlite"), sys.version_info[:2]
    digest.update(repr((str(_PACKAGE), versions, processor())).encode())
    return digest.hexdigest()[:16]


@contextmanager
def _settings(**variables: str) -> Iterator[None]:
    """Within this block numba has these settings, and those with which it compiles twice as fast.

    The programs' loops say themselves which values go together, so numba need not find out.
    """
    import numba

    before = dict(os.environ)
    os.environ.update(variables, NUMBA_OPT="2", NUMBA_LOOP_VECTORIZE="0", NUMBA_SLP_VECTORIZE="0")
    numba.config.reload_config()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        numba.config.reload_config()


@contextmanager
def _locked(place: Path) -> Iterator[bool]:
    """Lock a folder, which is created; yield False where this is not allowed."""
    lock = FileLock(place.with_suffix(".lock"))
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError:
        yield False
        return
    try:
        yield os.access(place, os.W_OK)
    finally:
        lock.release()


def _empty(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    with suppress(OSError):
        place.mkdir(exist_ok=True)


def _hashes(place: Path) -> dict[str, str]:
    """The hash of each file in a folder, but for the record itself."""
    files = sorted(path for path in place.rglob("*") if path.is_file() and path.name != SEAL)
    return {path.relative_to(place).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _seal(place: Path) -> None:
    unfinished = place / f"{SEAL}.tmp"
    recorded = json.dumps(_hashes(place))
    unfinished.write_text(recorded, encoding="utf-8")
    unfinished.replace(place / SEAL)
