"""Removing run folders, and nothing else."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bnreg.errors import UserError
from bnreg.runs import disk
from bnreg.runs.folder import MANIFEST, DamagedError, read_manifest
from bnreg.runs.names import RUN, experiment_of, hidden_run, unfinished_run
from bnreg.runs.read import expand_runs
from bnreg.runs.unfinished import UnfinishedRun


@dataclass(frozen=True)
class Removable:
    """A run that may be removed.

    Attributes:
        path: Its folder.
        is_unfinished: Whether it could be gone on with.
        num_files: How many it holds.
        num_bytes: Their size.
    """

    path: Path
    is_unfinished: bool
    num_files: int
    num_bytes: int


def removable_runs(arguments: Sequence[str], root: Path) -> list[Removable]:
    """The runs that arguments mean, as in ``expand_runs``, if all of them may be removed.

    Args:
        arguments: Folders, patterns and names.
        root: The folder that holds the runs. It may itself be a link; below it none is followed.

    Raises:
        UserError: One line for each argument that means nothing, and for each folder that is not a run, does not lie
            below the root, or was reached through a symbolic link.
    """
    mistakes: list[str] = []
    found: dict[Path, Path] = {}
    for argument in arguments:
        try:
            paths = expand_runs([argument], root)
        except UserError as error:
            mistakes += error.lines
            continue
        for path in paths:
            found.setdefault(path.resolve(), path)
            if refusal := _refusal(path, root):
                mistakes.append(f"{path}: {refusal}")
    if mistakes:
        raise UserError(*dict.fromkeys(mistakes))
    return [_measured(path) for path in found.values()]


def remove_run(path: Path) -> None:
    """Remove a run's folder: it vanishes whole, under a hidden name, before the first of its files is deleted.

    Raises:
        OSError: If that is not possible. What is left has the hidden name, which ``list_runs`` lists.
    """
    disk.remove_folder(path, disk.hidden_beside(path.with_name(hidden_run(path.name) or path.name), "removed"))


def _refusal(path: Path, root: Path) -> str | None:
    """Why a folder may not be removed, if so."""
    real_root, real = root.resolve(), path.resolve()
    if real == real_root or not real.is_relative_to(real_root):
        link = f" (it is a link to {real})" if path.is_symlink() else ""
        return f"lies outside {root}{link}; --runs FOLDER names the folder of the runs"
    # The same place written without any link below the root; else something on the way was one.
    written = Path(os.path.abspath(path))  # noqa: PTH100 # without following links, unlike Path.resolve
    roots = (Path(os.path.abspath(root)), real_root)  # noqa: PTH100
    below = next((written.relative_to(one) for one in roots if written.is_relative_to(one)), None)
    if below is None or real_root / below != real:
        return f"is reached through a symbolic link; name the run itself, {real}"
    if not (_is_recorded(real) or hidden_run(real.name)):
        return f"not a run folder (it has no {MANIFEST} of a run)"
    if unfinished_run(real.name) and UnfinishedRun(real).is_running():
        return "is being trained; stop it first"
    return None


def _is_recorded(folder: Path) -> bool:
    """Whether a folder holds the manifest of a run; a manifest that is damaged counts if the folder is named as one."""
    if experiment_of(folder.name):
        return (folder / MANIFEST).is_file()
    try:
        return RUN in read_manifest(folder)
    except (OSError, DamagedError):
        return False


def _measured(path: Path) -> Removable:
    sizes = [(Path(folder) / name).lstat().st_size for folder, _, names in os.walk(path) for name in names]
    is_unfinished = unfinished_run(path.name) is not None and not UnfinishedRun(path).final.is_dir()
    return Removable(path, is_unfinished, len(sizes), sum(sizes))
