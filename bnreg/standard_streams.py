"""The standard streams of a command: whatever becomes of them, the command does its work."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, TextIO, cast

from bnreg.wording import SPELLED


class Lasting:
    """A stream that never fails: what cannot be written is dropped, such as on a full disk or in a closed terminal.

    Args:
        stream: The stream to write to. Characters that it cannot encode are spelled out.

    Attributes:
        error: The first error.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: OSError | None = None
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=SPELLED)

    @property
    def has_lost_its_reader(self) -> bool:
        """Whether the reader has seen enough, such as ``head``: EPIPE, and on Windows EINVAL."""
        return self.error is not None and self.error.errno in (errno.EPIPE, errno.EINVAL)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # whoever finds it writes past this class
            raise AttributeError(name)
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text, and pretend that it worked."""
        with self._enduring():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is buffered, and pretend that it worked."""
        with self._enduring():
            self._stream.flush()

    @contextmanager
    def _enduring(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.error = self.error or error
            with suppress(OSError, ValueError):  # what is still buffered goes nowhere, without another error
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


@contextmanager
def lasting_streams() -> Iterator[Lasting]:
    """Within this block, the standard streams never fail; this yields the one for output."""
    _open_closed_streams()
    before = sys.stdin, sys.stdout, sys.stderr
    with Path(os.devnull).open(encoding="utf-8") as nothing, Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        stdout, stderr = (Lasting(stream or nowhere) for stream in before[1:])
        sys.stdin, sys.stdout, sys.stderr = sys.stdin or nothing, cast("TextIO", stdout), cast("TextIO", stderr)
        try:
            yield stdout
        finally:
            sys.stdin, sys.stdout, sys.stderr = before


def leave(code: int) -> NoReturn:
    """End the process at once: to end Python in order would take its libraries apart, for up to half a second.

    Nothing is lost: what was printed is written here, files are closed, and nothing is registered to be done at exit.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # it is None, cannot be written to, or is closed
            stream.flush()
    os._exit(code)


def _open_closed_streams() -> None:
    """Open what was closed, as in ``2>&-``: otherwise the next file to be opened would get what libraries print."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
