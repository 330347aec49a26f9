"""Signal handling while something trains: the first signal stops it cleanly, the second stops a command at once."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

# SIGBREAK is how Windows says that the terminal was closed; the last three are how batch systems announce the end of a
# job's time.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK", "SIGUSR1", "SIGUSR2", "SIGXCPU")
SIGNALS: list[int] = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]

_REASONS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "the terminal was closed"}
_REASONS["SIGBREAK"] = _REASONS["SIGHUP"]

Handler = Callable[[int, FrameType | None], None] | signal.Handlers

_DEFAULT: tuple[Handler, ...] = (signal.SIG_DFL, signal.default_int_handler)
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
    """Within this block, the first signal to stop a command raises an exception, and the second ends the process."""
    with _handling(_stop_at_once):
        yield


@contextmanager
def passed_on() -> Iterator[None]:
    """Within this block, a signal to stop raises an exception; the program around it gets the signal at the end.

    It does nothing outside the main thread, which alone gets signals, and leaves a signal alone that the program around
    it handles itself.

    Raises:
        KeyboardInterrupt: For an interrupt.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    try:
        # To stop takes a moment, and the user's program goes on afterwards.
        with _handling(signal.SIG_IGN, only=_DEFAULT):
            yield
    except Stopped as stopped:
        try:
            signal.raise_signal(stopped.number)
        except BaseException as theirs:
            raise theirs from None
        raise


@contextmanager
def _handling(second: Handler, only: Collection[Handler] | None = None) -> Iterator[None]:
    """Within this block, a signal raises ``Stopped``, and further ones are handled by ``second``.

    Args:
        second: The handler of further signals.
        only: Only signals with one of these handlers; None for all.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        _received.append(number)
        for other in SIGNALS:
            if signal.getsignal(other) is stop:
                signal.signal(other, second)
        if not _held:
            raise Stopped(number)

    # nohup and background jobs want a signal to be ignored; what Python did not install, it cannot restore
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    before = {
        number: handler
        for number, handler in handlers.items()
        if handler not in (signal.SIG_IGN, None) and (only is None or handler in only)
    }
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _received.clear()


def raise_received() -> None:
    """Raise ``Stopped`` if a signal has arrived: Python drops exceptions in some places, such as finalisers.

    A signal is meant for the main thread: what trains in another one goes on.
    """
    if _received and threading.current_thread() is threading.main_thread():
        raise Stopped(_received[0])


@contextmanager
def held_back() -> Iterator[None]:
    """Within this block, signals raise no exception until the end. A process that is started in it blocks them, too.

    Blocking signals is not enough: another thread, such as one of a library, would receive them, and Python would then
    still call the handler here.
    """
    _held.append(True)
    before: set[int] = set()
    if sys.platform != "win32":
        before = {*signal.pthread_sigmask(signal.SIG_BLOCK, set(SIGNALS))}
    try:
        yield
    finally:
        if sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        _held.pop()
    raise_received()


def _stop_at_once(number: int, _frame: FrameType | None) -> None:
    """Stop without cleaning up: run folders stay valid at any moment."""
    for worker in multiprocessing.active_children():
        worker.kill()
    with suppress(OSError, ValueError):  # the terminal may be gone
        if sys.stderr.isatty():
            os.write(2, b"\x1b[?25h\n")  # the display hid the cursor and can no longer restore it
    os._exit(128 + number)
