"""Signal handling of a command: the first signal stops it cleanly, the second at once."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

# The last three are how batch systems announce the end of a job's time.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")
SIGNALS: list[int] = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]

_REASONS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "the terminal was closed"}

_received: list[int] = []
_held: list[bool] = []


class Stopped(BaseException):
    """A signal to stop, raised as an exception so that open resources are closed on the way out.

    Attributes:
        number: The number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def reason(self) -> str:
        """What happened, in words."""
        name = signal.Signals(self.number).name
        return _REASONS.get(name, f"stopped by {name}")


@contextmanager
def handled() -> Iterator[None]:
    """Within this block, a signal to stop raises an exception."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:  # nohup and background jobs want a signal to be ignored
            signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _received.clear()


def raise_received() -> None:
    """Raise ``Stopped`` if a signal has arrived: Python drops exceptions in some places, such as finalisers."""
    if _received:
        raise Stopped(_received[0])


@contextmanager
def held_back() -> Iterator[None]:
    """Within this block, signals raise no exception until the end. A process that is started in it blocks them, too.

    Blocking signals is not enough: another thread, such as one of a library, would receive them, and Python would then
    still call the handler here.
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
    raise_received()


def _stop(number: int, _frame: FrameType | None) -> None:
    """Stop cleanly, which takes a moment; a second signal stops at once."""
    _received.append(number)
    for other in SIGNALS:
        if signal.getsignal(other) == _stop:
            signal.signal(other, _stop_at_once)
    if not _held:
        raise Stopped(number)


def _stop_at_once(number: int, _frame: FrameType | None) -> None:
    """Stop without cleaning up: run folders stay valid at any moment."""
    for worker in multiprocessing.active_children():
        worker.kill()
    with suppress(OSError, ValueError):  # the terminal may be gone
        if sys.stderr.isatty():
            os.write(2, b"\x1b[?25h\n")  # the display hid the cursor and can no longer restore it
    os._exit(128 + number)
