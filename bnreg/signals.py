"""What a signal does to a command: the first stops it in good order, the second at once."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

_received: list[int] = []
_held: list[bool] = []


class Stopped(BaseException):
    """A signal to stop, as an exception, so that what is open gets closed on the way out.

    Attributes:
        number: The signal's.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def handled() -> Iterator[None]:
    """Within this block a signal to stop becomes an exception."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    _received.clear()
    for number, handler in before.items():
        if handler != signal.SIG_IGN:  # nohup and background jobs ask for a signal to be ignored
            signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def heed() -> None:
    """Raise ``Stopped`` if a signal has come: Python drops exceptions in some places, such as between two processes."""
    if _received:
        raise Stopped(_received[0])


@contextmanager
def held_back() -> Iterator[None]:
    """Within this block no signal raises; one that comes does so at its end. A process started in it begins deaf.

    To block signals is not enough: any other thread, such as those of a library, would take them, and Python then
    calls the handler here all the same.
    """
    _held.append(True)
    can_block = hasattr(signal, "pthread_sigmask")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, set(SIGNALS)) if can_block else set()
    try:
        yield
    finally:
        if can_block:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        _held.pop()
    heed()


def _stop(number: int, _frame: FrameType | None) -> None:
    """Stop in good order, which takes a moment; a second signal is not so patient."""
    _received.append(number)
    for other in SIGNALS:
        if signal.getsignal(other) == _stop:
            signal.signal(other, _stop_at_once)
    if not _held:
        raise Stopped(number)


def _stop_at_once(number: int, _frame: FrameType | None) -> None:
    """Stop without another thought: run folders are such that they can be left at any moment."""
    for worker in multiprocessing.active_children():
        worker.kill()
    if sys.stderr.isatty():
        os.write(2, b"\x1b[?25h\n")  # the display has hidden the cursor, and cannot bring it back any more
    os._exit(128 + number)
