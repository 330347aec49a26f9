"""Reading run folders: checked before anything in them is believed."""

import difflib
import glob
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnreg.errors import UserError
from bnreg.runs.folder import MANIFEST, SCHEMA_VERSION

if TYPE_CHECKING:
    import pandas as pd


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

    files = _verified_files(path, ("run.json", "metrics.csv", "summary.csv"))
    info = json.loads(files["run.json"])

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

    Raises:
        UserError: One line for each argument that means nothing.
    """
    paths: list[Path] = []
    mistakes: list[str] = []
    for argument in arguments:
        matches = [argument] if Path(argument).exists() else sorted(glob.glob(argument))  # noqa: PTH207 # takes any path
        folders = [Path(match) for match in matches]
        if len(folders) > 1 or glob.has_magic(argument):
            folders = [folder for folder in folders if folder.is_dir()]
        if not folders:
            mistakes.append(f"{argument}: {_no_match(argument)}")
        paths += [folder for folder in folders if folder not in paths]
    if mistakes:
        raise UserError(*mistakes)
    return paths


def _no_match(argument: str) -> str:
    if glob.has_magic(argument):
        return "no run matches this pattern; `bnreg train configs/bn_vs_plain.yaml` makes one"
    parent = Path(argument).parent
    names = [entry.name for entry in parent.iterdir() if entry.is_dir()] if parent.is_dir() else []
    near = difflib.get_close_matches(Path(argument).name, names, n=1)
    return "no such run" + (f"; did you mean '{parent / near[0]}'?" if near else "")


def _verified_files(path: Path, names: Sequence[str]) -> dict[str, bytes]:
    if not (path / MANIFEST).is_file():
        raise UserError(f"{path}: not a run folder (it has no {MANIFEST})")
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        schema, checksums = int(manifest["schema"]), dict(manifest["sha256"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UserError(f"{path / MANIFEST}: damaged: it is not the manifest that bnreg wrote") from None
    if schema > SCHEMA_VERSION:
        raise UserError(f"{path}: written by a newer bnreg (folder schema {schema}, here {SCHEMA_VERSION}); upgrade")
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
