"""The start of a worker process, which imports bnreg and nothing of the program that started it.

multiprocessing would run that program again in each worker: the cells of a notebook cannot be run so, and a script that
trains would train in each worker, too. It would also look for modules in the current folder.
"""

import os
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from threading import Lock
from typing import Any

from bnreg.search_path import environment_of_children, leave_current_folder

_ONE_AT_A_TIME = Lock()  # what a process takes over from this one is changed while it is started


def start_alone(process: BaseProcess) -> None:
    """Start a process that takes over neither the program that called bnreg nor its current folder.

    Raises:
        OSError: If no process can be started.
    """
    program = vars(sys.modules["__main__"])
    where_it_is: dict[str, Any] = {name: None for name in ("__spec__", "__file__") if name in program}
    with _ONE_AT_A_TIME, _set(program, where_it_is), _set(os.environ, environment_of_children()), _own_search_path():
        process.start()


@contextmanager
def _set(mapping: MutableMapping[str, Any], changes: dict[str, Any]) -> Iterator[None]:
    """Within this block, the mapping has these values."""
    before = {name: mapping[name] for name in changes if name in mapping}
    mapping.update(changes)
    try:
        yield
    finally:
        for name in changes.keys() - before.keys():
            del mapping[name]
        mapping.update(before)


@contextmanager
def _own_search_path() -> Iterator[None]:
    """Within this block, the current folder is not on the path."""
    before = [*sys.path]
    leave_current_folder()
    try:
        yield
    finally:
        sys.path[:] = before
