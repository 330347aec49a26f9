"""Downloads from torchvision's mirrors, checked against its checksums; a file gets its name only when complete."""

import contextlib
import io
import os
import shutil
import socket
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from filelock import BaseFileLock, FileLock, Timeout

from bnreg.data.datasets import read_dataset, remedy, source_of
from bnreg.data.files import DamagedFileError
from bnreg.errors import UserError

TIMEOUT_SECONDS = 10.0


class DownloadError(UserError):
    """A data set that could not be downloaded.

    Attributes:
        reason: The reason in a few words; the exception's one line also names the file.
    """

    def __init__(self, line: str, reason: str) -> None:
        super().__init__(line)
        self.reason = reason


def fetch(name: str, root: Path, *, mirror: str | None = None, log: Callable[[str], None]) -> list[Path]:
    """Download the missing files of a data set, and check each against torchvision's MD5.

    Intact files are left alone. The others are downloaded into a temporary folder beside their final place and moved
    once they are complete. Processes that fetch the same data set wait for each other. A download that keeps no file
    leaves no folder behind.

    Args:
        name: The data set.
        root: The data root, created if necessary.
        mirror: The URL of a folder to download from instead of torchvision's mirrors; by default the environment
            variable ``BNREG_MIRROR``, if it is set.
        log: Takes progress messages, a line each.

    Returns:
        The files that make up the data set.

    Raises:
        DownloadError: If no mirror provides a file, or the root is not writable.
        UserError: If there is no such data set, or a damaged file must not be replaced by a download.
    """
    source = source_of(name)
    if source.torchvision_class is None or _is_whole(name, root):
        paths = source.files(root)
        log(f"{name} is already in {paths[0].parent}")
        return paths
    folder = source.folder(root)
    try:
        with _locked(folder, log):
            _download_missing(source.torchvision_class, folder, mirror or os.environ.get("BNREG_MIRROR"), log)
    except OSError as error:
        reason = f"cannot be written: {error.strerror or error}"
        raise DownloadError(f"cannot download {name}: {folder} {reason}", reason) from error
    try:
        read_dataset(name, root)
    except DamagedFileError as damage:
        raise remedy(name, damage) from damage
    return source.files(root)


def _is_whole(name: str, root: Path) -> bool:
    try:
        read_dataset(name, root)
    except (FileNotFoundError, DamagedFileError):
        return False
    return True


def _download_missing(torchvision_class: str, folder: Path, mirror: str | None, log: Callable[[str], None]) -> None:
    from torchvision import datasets
    from torchvision.datasets.utils import check_integrity

    table = getattr(datasets, torchvision_class)
    mirrors = [mirror.rstrip("/") + "/"] if mirror else table.mirrors
    partial = folder / ".download"
    shutil.rmtree(partial, ignore_errors=True)  # left by a killed process: no other process holds the lock
    try:
        for filename, md5 in table.resources:
            target = folder / filename
            # An extracted file has no known MD5; its contents are checked when the data set is read.
            if target.with_suffix("").is_file() or check_integrity(target, md5):
                continue
            _download_file(filename, md5, mirrors, partial, log)
            (partial / filename).replace(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _download_file(filename: str, md5: str, mirrors: list[str], folder: Path, log: Callable[[str], None]) -> None:
    from torchvision.datasets.utils import download_url

    hosts: dict[str, list[str]] = defaultdict(list)
    for mirror in mirrors:
        url = f"{mirror}{filename}"
        log(f"downloading {url}")
        try:
            with _timeout(TIMEOUT_SECONDS), _quiet():
                download_url(url, folder, filename, md5=md5)
        except (OSError, RuntimeError, HTTPException, ValueError) as error:
            if isinstance(error, HTTPError):
                error.close()
            hosts[_reason(error)].append(urlsplit(mirror).netloc or mirror)
        else:
            return
    reasons = "; ".join(f"{', '.join(failed)}: {reason}" for reason, failed in hosts.items())
    raise DownloadError(f"cannot download {filename} from {reasons}", reasons)


def _reason(error: Exception) -> str:
    """The reason of a failed download in a few words: the system's message, without the wrappers around it."""
    cause = error.reason if isinstance(error, URLError) else error
    words = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(error)
    return " ".join(words.split()) or type(error).__name__


@contextlib.contextmanager
def _locked(folder: Path, log: Callable[[str], None]) -> Iterator[None]:
    """Lock a folder for this process; it is created if necessary and removed again if it stays empty."""
    lock = FileLock(folder / ".download.lock")
    while not lock.is_locked:
        created = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        # Without the folder there is no lock to wait for: the process that held it has just removed both.
        with contextlib.suppress(FileNotFoundError):
            _acquire(lock, folder, log)
    try:
        yield
    finally:
        _remove_empty(folder, Path(lock.lock_file), created)
        lock.release()


def _acquire(lock: BaseFileLock, folder: Path, log: Callable[[str], None]) -> None:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log(f"waiting for another process that is downloading into {folder}")
        lock.acquire()


def _remove_empty(folder: Path, lock_file: Path, created: list[Path]) -> None:
    """Remove a lock file that guards nothing, and then the created folders that are empty, innermost first.

    Only the process that holds the lock may do so. Processes that wait for it do not take a lock whose file is gone;
    they start again.
    """
    with contextlib.suppress(OSError):
        if list(folder.iterdir()) == [lock_file]:
            lock_file.unlink()
            for path in created:
                path.rmdir()


@contextlib.contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """Limit the time of each connection and each read; torchvision's functions have no timeout of their own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep torchvision off stdout, which is for results, and its progress bar off a stderr that is not a terminal."""
    progress = sys.stderr if sys.stderr.isatty() else io.StringIO()
    with contextlib.redirect_stdout(progress), contextlib.redirect_stderr(progress):
        yield
