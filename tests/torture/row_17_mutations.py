"""Test the suite itself: each flush, checksum, rename and check is removed from the code, and some row must fail."""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from torture import FOLDER, Case

import bnreg

TITLE = "each fsync, checksum, rename and check of what is read removed from the code: some row fails"
PROMISE = "Each safeguard is needed: without it, some row of this table fails."

PACKAGE = Path(bnreg.__file__).parent
HIDDEN = "    hidden = disk.hidden_beside(final)\n    with _placing(final, what, option):\n"
# File, code, its replacement, the row that must fail.
MUTATIONS = (
    (
        "runs/disk.py",
        "            rest = rest[os.write(descriptor, rest) :]\n        if durably:\n            _flush(descriptor)\n",
        "            rest = rest[os.write(descriptor, rest) :]\n",
        2,
    ),
    ("runs/disk.py", "            _flush(descriptor)\n        finally", "            pass\n        finally", 2),
    ("runs/disk.py", "        sync_folder(folder.parent)\n", "", 2),
    (
        "runs/disk.py",
        "    os.rename(hidden, final)\n    sync_folder(final.parent)\n",
        "    os.rename(hidden, final)\n",
        2,
    ),
    (
        "runs/disk.py",
        "    rename(path, hidden)\n    if hidden.is_symlink():\n",
        "    hidden = path\n    if hidden.is_symlink():\n",
        2,
    ),
    ("runs/disk.py", "        os.replace(hidden, path)\n", "        pass\n", 12),
    ("runs/folder.py", "            disk.sync_folder(self._folder / folder)\n", "            pass\n", 2),
    ("runs/folder.py", "        disk.sync_folder(self._folder)\n", "", 2),
    ("runs/folder.py", HIDDEN, HIDDEN.replace("disk.hidden_beside(final)", "final"), 2),
    (
        "runs/folder.py",
        "        if hashlib.sha256(content).hexdigest() == checksum:\n",
        "        if name in checksums:\n",
        7,
    ),
    (
        "runs/in_training/shard.py",
        '            if found["origin"] != self.origin.to_json():\n',
        "            if False:\n",
        18,
    ),
    ("runs/consistency.py", "    if _names(info, summary) != _expected_names(info):\n", "    if False:\n", 20),
)


def cases(full: bool) -> Iterator[Case]:
    """Each safeguard."""
    for number, (file, before, after, row) in enumerate(MUTATIONS):
        if full or number == len(MUTATIONS) - 1:
            first = before.strip().splitlines()[0]
            yield f"{file}: {first}", functools.partial(_try, file, before, after, row)


def _try(file: str, before: str, after: str, row: int) -> None:
    with tempfile.TemporaryDirectory(prefix="bnreg-mutant-") as folder:
        shutil.copytree(PACKAGE, Path(folder) / "bnreg", ignore=shutil.ignore_patterns("__pycache__"))
        mutated = Path(folder) / "bnreg" / file
        text = mutated.read_text()
        assert text.count(before) == 1, f"{file} has changed: {before!r} occurs {text.count(before)} times"
        mutated.write_text(text.replace(before, after))
        path = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))
        done = subprocess.run(
            [sys.executable, str(FOLDER / "torture.py"), str(row), "--small"],
            cwd=folder,  # Python imports from here first
            env=os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, f"row {row} did not fail: {done.stdout}{done.stderr}"
