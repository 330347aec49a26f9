"""The run folder: created whole or not at all, and never overwritten.

A run is built beside its place under a hidden name and renamed when it is complete, its manifest of checksums written
last. Whoever lists the runs sees all of a run or none of it.
"""

import csv
import hashlib
import io
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bnreg.errors import RunError, UserError

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"


class DraftRun:
    """A run folder while it is being written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._checksums: dict[str, str] = {}

    def write(self, name: str, content: bytes) -> None:
        """Write one file, durably, and note its checksum for the manifest.

        Raises:
            RunError: If it cannot be written, e.g. because the disk is full.
        """
        try:
            with (self._folder / name).open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            raise
        except OSError as error:
            raise RunError(f"{self._folder.parent}: {name} of this run cannot be written: {error.strerror}") from error
        self._checksums[name] = hashlib.sha256(content).hexdigest()

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        """Write a JSON file; NaN and infinity are refused, for JSON has no such numbers."""
        self.write(name, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())

    def write_csv(self, name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
        """Write a CSV file: floats by repr, so that nothing is lost, and missing values empty."""
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
        self.write(name, text.getvalue().encode())

    def seal(self) -> None:
        """Write the manifest: the SHA-256 of every file."""
        self.write_json(MANIFEST, {"schema": SCHEMA_VERSION, "sha256": dict(self._checksums)})


@contextmanager
def new_run(root: Path, name: str) -> Iterator[tuple[Path, DraftRun]]:
    """Within this block a run is drafted; leaving it well makes the run appear under ``root``, else nothing remains.

    Args:
        root: The folder that holds the runs; made if absent.
        name: The experiment's name, the first part of the folder's.

    Yields:
        Where the folder will be, and the draft.

    Raises:
        UserError: If no run can be written there.
    """
    started = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    final = root / f"{name}-{started}-{secrets.token_hex(3)}"
    hidden = root / f".{final.name}.partial"
    try:
        root.mkdir(parents=True, exist_ok=True)
        hidden.mkdir()
    except OSError as error:
        raise UserError(f"{root}: no run can be written here ({error.strerror}); choose a folder with --runs") from None
    try:
        draft = DraftRun(hidden)
        yield final, draft
        draft.seal()
        _sync(hidden)
        hidden.rename(final)
        _sync(root)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _cell(value: Any) -> Any:
    return repr(value) if isinstance(value, float) else value


def _sync(folder: Path) -> None:
    """Make a folder's list of names durable, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
