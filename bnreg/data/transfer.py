"""One file from one mirror, bounded in bytes and in time, with its progress shown."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from bnreg.data.files import is_compressed
from bnreg.wording import show

TIMEOUT_SECONDS = 10.0  # for a connection, and for each read
TOTAL_SECONDS = 600.0  # for a file
LINE_SECONDS = 10.0  # between two lines of progress, where there is no terminal
POLL_SECONDS = 0.1
PART_BYTES = 1 << 16
SCHEMES = ("http", "https", "file")

Watch = Callable[[int, int | None], None]


class TransferError(Exception):
    """A file that did not arrive, or not as it should be; the text is the reason in a few words."""


def receive(url: str, max_bytes: int, log: Callable[[str], None]) -> bytes:
    """The content at a URL.

    Args:
        url: An address that begins with one of ``SCHEMES``.
        max_bytes: The largest size to accept.
        log: Takes lines of progress, where there is no terminal to draw a bar on.

    Raises:
        Exception: Whatever the mirror or the URL causes.
    """
    transfer = _Transfer(url, max_bytes)
    # A thread, because timeouts bound neither the look-up of a host nor a header that arrives byte by byte. It is a
    # daemon, so that a mirror that keeps it waiting does not keep the process waiting.
    threading.Thread(target=transfer.run, daemon=True).start()
    deadline = time.monotonic() + TOTAL_SECONDS
    try:
        with _progress(url.rpartition("/")[2], log) as watch:
            while not transfer.finished.wait(POLL_SECONDS):
                watch(len(transfer.content), transfer.total)
                if time.monotonic() >= deadline:
                    raise TransferError(f"not complete after {TOTAL_SECONDS:g} seconds")
    finally:
        transfer.given_up.set()
    if transfer.error is not None:
        raise transfer.error
    return bytes(transfer.content)


class _Transfer:
    """The part of a transfer that waits for the mirror, and what has arrived so far."""

    def __init__(self, url: str, max_bytes: int) -> None:
        self.url = url
        self.max_bytes = max_bytes
        self.content = bytearray()
        self.total: int | None = None
        self.error: Exception | None = None
        self.finished = threading.Event()
        self.given_up = threading.Event()

    def run(self) -> None:
        try:
            self._read()
        except Exception as error:  # no answer of a mirror, however strange, is more than the failure of this mirror
            if isinstance(error, HTTPError):
                error.close()
            self.error = error
        finally:
            self.finished.set()

    def _read(self) -> None:
        if urlsplit(self.url).scheme.lower() not in SCHEMES:
            raise TransferError(f"expected a URL that begins with {', '.join(f'{one}://' for one in SCHEMES)}")
        request = Request(self.url, headers={"User-Agent": "pytorch/vision"})  # the mirrors know torchvision
        with urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            length = response.headers.get("Content-Length") or ""
            self.total = int(length) if length.isdecimal() else None
            if (self.total or 0) > self.max_bytes:
                raise TransferError(f"offers {self.total:,} bytes, expected at most {self.max_bytes:,}")
            while not self.given_up.is_set() and (part := response.read1(PART_BYTES)):
                self.content += part
                if len(self.content) > self.max_bytes:
                    raise TransferError(f"sent more than {self.max_bytes:,} bytes")
        if self.total is not None and len(self.content) < self.total:
            raise TransferError(f"sent only {len(self.content):,} of {self.total:,} bytes")


def describe_content(content: bytes) -> str:
    """What came in place of an archive, in a few words."""
    if not content:
        return "an empty file"
    if is_compressed(content):
        return "a damaged or different archive"
    if content.startswith(b"\0\0\x08"):
        return "an uncompressed file of unknown content"
    if content.lstrip().startswith(b"<"):
        title = re.search(rb"<title[^>]*>\s*(.*?)\s*</title>", content, re.IGNORECASE | re.DOTALL)
        named = f" {show(title[1].decode(errors='replace'))}" if title else ""
        return f"a web page{named}, perhaps a login"
    return show(content[:80].decode(errors="replace"))


@contextmanager
def _progress(name: str, log: Callable[[str], None]) -> Iterator[Watch]:
    """Show what has arrived: as a bar on a terminal, as a line now and then elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True)
    if console.is_terminal and not console.is_dumb_terminal:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(name, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        return
    last = time.monotonic()

    def watch(done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_SECONDS:
            last = time.monotonic()
            log(f"{name}: {done / 1e6:.1f}{f' of {total / 1e6:.1f}' if total else ''} MB")

    yield watch
