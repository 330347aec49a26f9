"""Remove run folders, and nothing else."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bnreg.errors import UserError
from bnreg.runs import disk
from bnreg.runs.finding.marks import forget_marks
from bnreg.runs.folder import MANIFEST, DamagedError, read_manifest
from bnreg.runs.in_training.unfinished import UnfinishedRun, is_of_training
from bnreg.runs.names import RUN, experiment_of, hidden_run, recorded_id, unfinished_run
from bnreg.runs.read import expand_runs


@dataclass(frozen=True)
class Removable:
    """A run that may be removed.

    Attributes:
        path: Its folder.
        is_unfinished: Whether it could be resumed.
        num_files: Number of files in it.
        num_bytes: Their total size.
    """

    path: Path
    is_unfinished: bool
    num_files: int
    num_bytes: int


def removable_runs(arguments: Sequence[str], root: Path) -> list[Removable]:
    """The runs that the arguments refer to, as in ``expand_runs``, if all of them may be removed.

    Args:
        arguments: Folders, patterns and names.
        root: The folder that holds the runs. It may itself be a link; links inside it are not followed.

    Raises:
        UserError: One line for each argument that matches nothing, and for each folder that is not a run, is outside
            the root, or was reached through a symbolic link.
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
    """Remove a run's folder: it gets a hidden name before the first of its files is deleted. Its marks go with it.

    An unfinished run is locked meanwhile, so that what a process trains is not removed.

    Raises:
        UserError: If a process has begun to train it.
        OSError: If that fails. What remains has the hidden name, which ``list_runs`` lists.
    """
    run = recorded_id(path)
    is_resumable = unfinished_run(path.name) and (path / MANIFEST).is_file()
    with ExitStack() as lock:
        if is_resumable:
            lock.enter_context(UnfinishedRun(path).locked())
        if not disk.moves_open_files():  # so not this lock, nor that of a process that takes it from here on
            lock.close()
        disk.remove_folder(path, disk.hidden_beside(path.with_name(hidden_run(path.name) or path.name), "removed"))
    forget_marks(path, run)


def _refusal(path: Path, root: Path) -> str | None:
    """The reason why a folder may not be removed, or None."""
    real_root, real = root.resolve(), path.resolve()
    if real == real_root or not real.is_relative_to(real_root):
        link = f" (it is a link to {real})" if path.is_symlink() else ""
        return f"is outside {root}{link}; name the folder of the runs with --runs FOLDER"
    # Below the root, the path as written must equal the path with all links resolved; otherwise it contains a link.
    written = Path(os.path.abspath(path))  # noqa: PTH100 # without following links, unlike Path.resolve
    roots = (Path(os.path.abspath(root)), real_root)  # noqa: PTH100
    below = next((written.relative_to(one) for one in roots if written.is_relative_to(one)), None)
    if below is None or real_root / below != real:
        return f"is reached through a symbolic link; give the path of the run itself, {real}"
    if not (_is_recorded(real) or hidden_run(real.name)):
        return f"not a run folder (it has no {MANIFEST} of a run)"
    if unfinished_run(real.name) and UnfinishedRun(real).is_running():
        return "is being trained; stop it first"
    return None


def _is_recorded(folder: Path) -> bool:
    """Whether a folder holds the manifest of a run; if the folder has a run's name, a damaged manifest counts too.

    An unfinished run may also have lost everything but what its training wrote.
    """
    if unfinished_run(folder.name) and all(is_of_training(path.name) for path in folder.iterdir()):
        return True
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
