"""One copy of the data for all worker processes: written once, then mapped into each process."""

import io
import json
import platform
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from filelock import BaseFileLock, FileLock

from bnreg.data.dataset import Arrays, Dataset

LOCK = "process.lock"


@contextmanager
def sharing_folder() -> Iterator[Path]:
    """A temporary folder for ``share``, which exists within this block.

    If the process is killed, the system releases its lock, and the next one that needs such a folder removes it.

    Raises:
        OSError: If no temporary folder can be created.
    """
    # Locks on a network's file system may not reach other machines.
    prefix = f"bnreg-data-{re.sub('[^A-Za-z0-9]', '_', platform.node())}-"
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        folder = Path(name)
        lock = _lock_of(folder)
        try:
            try:
                lock.acquire(blocking=False)
            except OSError:  # without its file, no other process takes this one for dead
                (folder / LOCK).unlink(missing_ok=True)
            _remove_abandoned(folder, prefix)
            yield folder
        finally:
            lock.release()


def _lock_of(folder: Path) -> BaseFileLock:
    return FileLock(folder / LOCK, fallback_to_soft=False)  # a soft lock outlives its process


def _remove_abandoned(own: Path, prefix: str) -> None:
    """Remove the folders of dead processes beside a process's own folder, if they belong to the same user.

    A living process holds its lock before it shares any data. So a folder that has more than a lock, which can be
    locked, is abandoned; an empty one may belong to a process that is just starting.
    """
    for folder in own.parent.glob(f"{prefix}*"):
        with suppress(OSError):  # such as a lock that is held
            about = folder.lstat()
            is_own = stat.S_ISDIR(about.st_mode) and about.st_uid == own.stat().st_uid
            if is_own and {LOCK} < {entry.name for entry in folder.iterdir()}:
                with _lock_of(folder).acquire(blocking=False):
                    shutil.rmtree(folder)


def share(dataset: Dataset, folder: Path) -> None:
    """Write a data set's arrays into a folder for ``attach``; the folder is created if necessary."""
    folder.mkdir(parents=True, exist_ok=True)
    for field in Arrays._fields:
        content = io.BytesIO()  # an array that is written directly to a full disk is cut off without an error
        np.save(content, getattr(dataset, field))
        (folder / f"{field}.npy").write_bytes(content.getbuffer())
    scalars = {
        "name": dataset.name,
        "num_classes": dataset.num_classes,
        "fingerprint": dataset.fingerprint,
        "source": dataset.source,
    }
    (folder / "dataset.json").write_text(json.dumps(scalars), encoding="utf-8")


def attach(folder: Path) -> Dataset:
    """Map a data set that ``share`` wrote: read-only, and only once in memory for any number of processes."""
    scalars = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    # Plain arrays keep the map alive; numpy's memmap class would only add overhead.
    arrays = Arrays(*(np.asarray(np.load(folder / f"{field}.npy", mmap_mode="r")) for field in Arrays._fields))
    return Dataset(scalars.pop("name"), *arrays, **scalars)
