"""The runs that a question is about, read from their folders."""

from collections.abc import Sequence
from pathlib import Path

from bnreg.analysis.run_view import RunView, view_of_run
from bnreg.errors import UserError
from bnreg.runs import Run, expand_runs, read_run
from bnreg.runs.read import FolderOfRunsError, UnreadableRunError


def read_runs(arguments: Sequence[str], root: Path) -> tuple[list[Run], list[str]]:
    """Read the runs that the arguments name; also return a line for each unfinished, damaged or foreign folder.

    Raises:
        UserError: If no run is complete, with a line for each folder.
    """
    runs: list[Run] = []
    left_out: list[str] = []
    for folder in expand_runs(arguments, root):
        try:
            runs.append(read_run(folder))
        except UnreadableRunError as error:
            left_out += error.lines
    if not runs:
        raise UserError(*left_out)
    return runs, left_out


def read_views(
    arguments: Sequence[str], root: Path, *, refuse_damaged: bool = False, leave_out_repeats: bool = False
) -> tuple[list[RunView], list[str]]:
    """Read the runs that the arguments name; also return a line for each copy, unfinished, damaged or foreign folder.

    Args:
        arguments: As typed, or as the shell expanded them.
        root: The folder that holds the runs.
        refuse_damaged: Whether a damaged run is an error instead of being left out. A program that relies on the
            result needs this.
        leave_out_repeats: Whether a run that only repeats the networks of an earlier one is left out, too.

    Raises:
        UserError: If no run is complete, with a line for each folder; or with a line for each damaged run.
    """
    views: list[RunView] = []
    mistakes: list[str] = []
    left_out: list[str] = []
    first: dict[str, Path] = {}
    for folder in expand_runs(arguments, root):
        try:
            run = read_run(folder)
            # Together they would count each network twice.
            marks = {run.info.id: "a copy of {}: it has the same id"}
            if leave_out_repeats:
                marks[run.training_hash] = "a repeat of {}: the same settings gave the same results"
            if twin := next((mark for mark in marks if mark in first), None):
                left_out.append(f"{folder}: {marks[twin].format(first[twin])}")
            else:
                views.append(view_of_run(run))
                first |= dict.fromkeys(marks, folder)
        except UnreadableRunError as error:
            is_run = not isinstance(error, FolderOfRunsError)
            is_mistake = refuse_damaged and is_run and error.state in ("damaged", "newer")
            (mistakes if is_mistake else left_out).extend(error.lines)
    if leave_out_repeats:
        extended = {view.info.extends: view.id for view in views}
        left_out += [f"{first[one.id]}: {extended[one.id]} extends it" for one in views if one.id in extended]
        views = [view for view in views if view.id not in extended]
    if mistakes or not views:
        raise UserError(*mistakes, *left_out)
    return views, left_out
