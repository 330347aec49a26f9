"""A request to stop. Every loop that may take long checks it, so that a signal takes effect within a moment.

A signal is sent to a process, not to a network, so the request is stored here, once per process.
"""

import threading
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")

_requested = threading.Event()


class StoppedError(Exception):
    """Training, evaluation or statistics stopped halfway; the objects that they work on are unchanged."""


def request_stop(*_: Any) -> None:
    """Request a stop; may be used as a signal handler."""
    _requested.set()


def raise_if_stopped() -> None:
    """Raise ``StoppedError`` if a stop was requested."""
    if _requested.is_set():
        raise StoppedError


def unless_stopped(items: Iterable[Item]) -> Iterator[Item]:
    """The items one by one, until a stop is requested.

    Raises:
        StoppedError: Instead of the next item, after a stop was requested.
    """
    for item in items:
        raise_if_stopped()
        yield item
