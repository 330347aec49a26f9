"""Downloads from torchvision's mirrors, checked against its checksums; a file gets its name only when complete."""

import contextlib
import gzip
import hashlib
import io
import os
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit

from filelock import BaseFileLock, FileLock, Timeout

from bnreg.data.datasets import read_dataset, remedy, source_of
from bnreg.data.files import STEMS, DamagedFileError, archive_md5, is_compressed, max_archive_bytes
from bnreg.data.transfer import describe_content, receive
from bnreg.errors import UserError

MAX_REASON = 200  # characters: a mirror writes the reason, too


class DownloadError(UserError):
    """A data set that could not be downloaded.

    Attributes:
        reason: The reason in a few words; the exception's one line also names the file.
    """

    def __init__(self, line: str, reason: str) -> None:
        super().__init__(line)
        self.reason = reason


def fetch(name: str, root: Path, *, mirror: str | None = None, log: Callable[[str], None]) -> list[Path]:
    """Download the missing files of a data set, and check each against torchvision's MD5 or its known content.

    Intact files are left alone. The others get their names once they are complete. Processes that fetch the same data
    set wait for each other. A download that keeps no file leaves no folder behind.

    Args:
        name: The data set.
        root: The data root, created if necessary.
        mirror: The URL of a folder to download from instead of torchvision's mirrors (http, https or file); by default
            the environment variable ``BNREG_MIRROR``, if it is set.
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
            _download_missing(name, root, mirror or os.environ.get("BNREG_MIRROR"), log)
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


def _download_missing(name: str, root: Path, mirror: str | None, log: Callable[[str], None]) -> None:
    from torchvision import datasets

    source = source_of(name)
    table = getattr(datasets, str(source.torchvision_class))
    mirrors = [mirror.rstrip("/") + "/"] if mirror else table.mirrors
    here = source.locate(root)
    for number, (filename, md5) in enumerate(table.resources):
        stem = STEMS[number]
        max_bytes = source.num_bytes(stem)
        if stem in here and (source.recognise(here[stem]) == stem or _is_intact(here[stem], md5, max_bytes)):
            continue
        sha256 = source.sha256[number] if source.sha256 else None
        content = _download_file(filename, md5, sha256, max_bytes, mirrors, log)
        _keep(content, source.folder(root) / (filename if is_compressed(content) else stem))


def _is_intact(path: Path, md5: str, max_bytes: int) -> bool:
    """Whether a file needs no download: an extracted file is its owner's, and checked when the data set is read."""
    try:
        return path.suffix != ".gz" or archive_md5(path, max_bytes) == md5
    except DamagedFileError:
        return False


def _download_file(
    filename: str, md5: str, sha256: str | None, max_bytes: int, mirrors: list[str], log: Callable[[str], None]
) -> bytes:
    hosts: dict[str, list[str]] = defaultdict(list)
    for mirror in mirrors:
        url = f"{mirror}{filename}"
        log(f"downloading {url}")
        try:
            content = receive(url, max_archive_bytes(max_bytes), log)
        except Exception as error:  # whatever went wrong, another mirror may do better
            hosts[_reason(error)].append(_host(mirror))
            continue
        if hashlib.md5(content).hexdigest() == md5 or _contains(content, sha256, max_bytes):
            return content
        hosts[f"sent {describe_content(content)}"].append(_host(mirror))
    reasons = "; ".join(f"{', '.join(failed)}: {reason}" for reason, failed in hosts.items())
    raise DownloadError(f"cannot download {filename} from {reasons}", reasons)


def _contains(content: bytes, sha256: str | None, max_bytes: int) -> bool:
    """Whether this is a known file after all: mirrors and proxies unpack archives, or pack them again."""
    with contextlib.suppress(OSError, EOFError, zlib.error):
        if is_compressed(content):
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(max_bytes + 1)
        return hashlib.sha256(content).hexdigest() == sha256
    return False


def _keep(content: bytes, target: Path) -> None:
    """Write a file that gets its name only when it is complete."""
    partial = target.with_name(f".{target.name}.download")
    partial.unlink(
        missing_ok=True
    )  # left by a killed process, or a link that leads elsewhere: nobody else has the lock
    try:
        with partial.open("xb") as file:
            file.write(content)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _host(mirror: str) -> str:
    with contextlib.suppress(ValueError):
        return urlsplit(mirror).netloc or mirror
    return mirror


def _reason(error: Exception) -> str:
    """The reason of a failed download in a few words: the system's message, without the wrappers around it."""
    cause = error.reason if isinstance(error, URLError) else error
    words = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(error)
    return " ".join(words.split())[:MAX_REASON] or type(error).__name__


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
