"""Reading run folders: checked before anything in them is believed."""

import difflib
import glob
import hashlib
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnreg.errors import UserError
from bnreg.runs.folder import MANIFEST, SCHEMA_VERSION

if TYPE_CHECKING:
    import pandas as pd

RUN = "run.json"
_NO_RUN_FOLDER = f"not a run folder (it has no {MANIFEST})"


@dataclass(frozen=True)
class Run:
    """A complete run, its files verified against the manifest.

    Attributes:
        path: The folder.
        info: Contents of ``run.json``.
        metrics: ``metrics.csv``: one row per replica and epoch.
        summary: ``summary.csv``: one row per replica.
    """

    path: Path
    info: dict[str, Any]
    metrics: "pd.DataFrame"
    summary: "pd.DataFrame"


def read_run(path: Path) -> Run:
    """Read a run folder.

    Raises:
        UserError: If it is no run folder, was written by a newer bnreg, or is damaged: one line for each such file.
    """
    import pandas as pd

    files = verified_files(path, (RUN, "metrics.csv", "summary.csv"))
    info = json.loads(files[RUN])

    def table(name: str) -> "pd.DataFrame":
        return pd.read_csv(
            io.BytesIO(files[name]),
            dtype={"arm": str, "status": str},
            keep_default_na=False,
            na_values=[""],
        )

    return Run(path, info, metrics=table("metrics.csv"), summary=table("summary.csv"))


def expand_runs(arguments: Sequence[str]) -> list[Path]:
    """The run folders meant by the arguments: folders, and patterns that the shell did not expand.

    A file is passed over where some argument is a run, for a pattern that the shell expands matches files too; a folder
    is not, for it may be a damaged run.

    Returns:
        The folders, each once, however many links lead to it.

    Raises:
        UserError: One line for each argument that means nothing.
    """
    paths: list[Path] = []
    files: list[str] = []
    mistakes: list[str] = []
    for argument in arguments:
        # Unlike Path.exists before Python 3.14, this answers no, rather than raising, to a name that is too long.
        if os.path.exists(argument):  # noqa: PTH110
            matches = [Path(argument)]
            files += [] if matches[0].is_dir() else [argument]
        else:
            matches = [Path(match) for match in sorted(glob.glob(argument))]  # noqa: PTH207 # takes any path
        folders = [match for match in matches if match.is_dir()]
        if not folders and argument not in files:
            mistakes.append(f"{argument or repr(argument)}: {_no_match(argument)}")
        paths += folders
    if not any((path / MANIFEST).is_file() for path in paths):
        mistakes += [f"{file}: {_NO_RUN_FOLDER}" for file in files]
    if mistakes:
        raise UserError(*mistakes)
    distinct: dict[Path, Path] = {}
    for path in paths:
        distinct.setdefault(path.resolve(), path)
    return list(distinct.values())


def _no_match(argument: str) -> str:
    if not argument:
        return "an empty argument; give a run folder"
    if glob.has_magic(argument):
        return "no run matches this pattern; `bnreg train configs/bn_vs_plain.yaml` makes one"
    parent = Path(argument).parent
    names = [entry.name for entry in parent.iterdir() if entry.is_dir()] if os.path.isdir(parent) else []  # noqa: PTH112
    near = difflib.get_close_matches(Path(argument).name, names, n=1)
    return "no such run" + (f"; did you mean '{parent / near[0]}'?" if near else "")


def verified_files(path: Path, names: Sequence[str]) -> dict[str, bytes]:
    """The contents of some of a run folder's files, each found to be what the manifest says.

    Raises:
        UserError: If it is no run folder, was written by a newer bnreg, or a file is missing or damaged.
    """
    if not (path / MANIFEST).is_file():
        raise UserError(f"{path}: {_NO_RUN_FOLDER}")
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        schema, checksums = int(manifest["schema"]), dict(manifest["sha256"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UserError(f"{path / MANIFEST}: damaged: it is not the manifest that bnreg wrote") from None
    if schema > SCHEMA_VERSION:
        raise UserError(f"{path}: written by a newer bnreg (folder schema {schema}, here {SCHEMA_VERSION}); upgrade")
    if RUN not in checksums:
        raise UserError(f"{path}: not a run folder (its {MANIFEST} names no {RUN})")
    files: dict[str, bytes] = {}
    mistakes: list[str] = []
    for name in names:
        try:
            files[name] = (path / name).read_bytes()
        except OSError as error:
            mistakes.append(f"{path / name}: damaged run: {error.strerror}")
            continue
        if hashlib.sha256(files[name]).hexdigest() != checksums.get(name):
            mistakes.append(f"{path / name}: damaged run: the file is not what its checksum in {MANIFEST} says")
    if mistakes:
        raise UserError(*mistakes)
    return files
