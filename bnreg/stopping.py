"""A request to stop, which every loop that may take long heeds, so that a signal is answered within a moment.

A signal comes to a process, not to a network; hence the request stands here, once for the process.
"""

import threading
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")

_requested = threading.Event()


class StoppedError(Exception):
    """Training, evaluation or statistics were left where they were; what they are about is as it was before."""


def request_stop(*_: Any) -> None:
    """Ask for a stop; may be called by a signal."""
    _requested.set()


def heed_stop() -> None:
    """Raise ``StoppedError`` if a stop was asked for."""
    if _requested.is_set():
        raise StoppedError


def unless_stopped(items: Iterable[Item]) -> Iterator[Item]:
    """The items one by one, as long as nobody has asked for a stop.

    Raises:
        StoppedError: Instead of the next item, once somebody has.
    """
    for item in items:
        heed_stop()
        yield item
