"""All runs in a folder, each with the state that its files prove."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from statistics import fmean
from typing import get_args

from bnreg.errors import UserError
from bnreg.runs.finding.marks import Marks, marks_of
from bnreg.runs.folder import DamagedError
from bnreg.runs.in_training.progress import Progress
from bnreg.runs.in_training.unfinished import UnfinishedRun
from bnreg.runs.info import RunInfo
from bnreg.runs.names import (
    UNFINISHED,
    complete_runs,
    hidden_run,
    is_latest,
    is_run,
    latest_of,
    recorded_id,
    started_of,
    unfinished_run,
)
from bnreg.runs.read import Run, RunState, UnreadableRunError, read_run
from bnreg.wording import natural_order, unknown

ACCURACY = "final_test_accuracy"
STATES: tuple[RunState, ...] = get_args(RunState)
SORT_KEYS = ("when", "name", "accuracy")


@dataclass(frozen=True)
class ListedRun:
    """A run as the list shows it; if it is not complete, only what its name and its plan reveal is known.

    Attributes:
        path: Its folder.
        state: The state that its files prove.
        reason: Why it is not complete; empty if it is.
        started: When it began; None if unknown.
        arms: In the config's order.
        baseline: The arm that the others are compared with, if any.
        num_seeds: Number of seeds.
        num_diverged: Number of replicas that diverged.
        accuracy: Each arm's mean final test accuracy over the seeds, at each point of the sweep.
        progress: The progress of an unfinished run.
        info: Its record; None if it cannot be read.
        marks: Its tags and its note.
    """

    path: Path
    state: RunState
    reason: str = ""
    started: datetime | None = None
    arms: tuple[str, ...] = ()
    baseline: str | None = None
    num_seeds: int = 0
    num_diverged: int = 0
    accuracy: dict[str, tuple[float, ...]] = field(default_factory=dict)
    progress: Progress | None = None
    info: RunInfo | None = field(default=None, repr=False)
    marks: Marks = field(default_factory=Marks)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def run(self) -> str:
        """Its id, which it keeps when its folder is renamed; the name of its folder if that is not known."""
        return self.info.id if self.info else recorded_id(self.path)

    @property
    def best_arm(self) -> str | None:
        """The arm, other than the baseline, with the highest mean accuracy over the sweep; None without such an arm."""
        others = [arm for arm in self.accuracy if arm != self.baseline]
        return max(others, key=lambda arm: fmean(self.accuracy[arm]), default=None)

    @property
    def best_accuracy(self) -> float:
        """The highest of its arms' means over the sweep; if nothing was measured, a number below every accuracy."""
        return max((fmean(means) for means in self.accuracy.values()), default=-1.0)


def list_runs(root: Path) -> list[ListedRun]:
    """List every run in a folder by name, including unfinished and damaged ones.

    Every file is checked, as in ``read_run``, so that all commands agree about a run's state.

    Raises:
        UserError: If there is no such folder.
    """
    if not root.is_dir():
        raise UserError(
            f"{root}: no such folder; create runs with `bnreg train bn_vs_plain`, "
            "or name their folder with --runs FOLDER"
        )
    paths = sorted(root.iterdir(), key=lambda path: natural_order(path.name))
    names = {path.name for path in paths}
    return [_listed(path) for path in paths if is_run(path) and not _is_part(path.name, names)]


def list_marked_runs(root: Path) -> tuple[list[ListedRun], list[str]]:
    """The same with the tags and notes of the runs; also a line for each file of them that is damaged.

    Raises:
        UserError: As ``list_runs``.
    """
    listed = [(one, one.run) for one in list_runs(root)]
    marks, mistakes = marks_of([run for _, run in listed], root)
    return [replace(one, marks=marks.get(run, one.marks)) for one, run in listed], mistakes


def select_runs(
    listed: Sequence[ListedRun], patterns: Sequence[str], states: Sequence[str], sort: str
) -> list[ListedRun]:
    """Select some of the runs and sort them.

    Args:
        listed: All runs.
        patterns: Prefixes of names, patterns for full names, or ``latest``, see ``latest_of``; a run must match one of
            them. Empty: all runs.
        states: A run must be in one of these states. Empty: all runs.
        sort: ``when`` puts the newest first, ``accuracy`` the highest; runs without a value come last. Or ``name``.

    Raises:
        UserError: If a state or the sort key is unknown, or there are not so many runs as ``latest~N`` needs.
    """
    mistakes = [f"--state: {unknown('state', state, STATES)}" for state in states if state not in STATES]
    if sort not in SORT_KEYS:
        mistakes.append(f"--sort: {unknown('key', sort, SORT_KEYS)}")
    if mistakes:
        raise UserError(*mistakes)
    names = [_meant(pattern, listed) for pattern in patterns]
    selected = [one for one in listed if _matches(one.name, names) and (not states or one.state in states)]
    selected.sort(key=lambda one: natural_order(one.name))
    if sort == "when":
        selected.sort(key=lambda one: one.started.timestamp() if one.started else 0.0, reverse=True)
    elif sort == "accuracy":
        selected.sort(key=lambda one: one.best_accuracy, reverse=True)
    return selected


def _meant(pattern: str, listed: Sequence[ListedRun]) -> str:
    """A pattern as it is, unless it is ``latest`` and its kind: then the name of the run that it means."""
    if not listed or not is_latest(pattern) or any(_matches(one.name, [pattern]) for one in listed):
        return pattern
    return latest_of(pattern, complete_runs(listed[0].path.parent), "complete run").name


def _matches(name: str, patterns: Sequence[str]) -> bool:
    visible = hidden_run(name) or name
    return not patterns or any(visible.startswith(pattern) or fnmatchcase(visible, pattern) for pattern in patterns)


def _is_part(name: str, names: Collection[str]) -> bool:
    """Whether a folder belongs to a run that another folder represents: a half-written commit or training leftovers."""
    hidden = hidden_run(name, "partial")
    run = unfinished_run(hidden or name) or hidden
    return run is not None and (run in names or (hidden is not None and run + UNFINISHED in names))


def _listed(path: Path) -> ListedRun:
    try:
        if unfinished_run(path.name):
            return _unfinished(UnfinishedRun(path))
        return _complete(read_run(path))
    except DamagedError as error:
        reason = "; ".join(_reason(path, line) for line in error.lines)
        return ListedRun(path, "newer" if error.is_newer else "damaged", reason, started_of(path.name))
    except UnreadableRunError as error:
        return ListedRun(
            path, error.state, "; ".join(_reason(path, line) for line in error.lines), started_of(path.name)
        )


def _unfinished(run: UnfinishedRun) -> ListedRun:
    standing, info = run.standing(), run.beginning().info
    return ListedRun(
        path=run.folder,
        state=standing.state,
        reason=standing.reason,
        started=started_of(run.folder.name),
        arms=info.arms,
        baseline=info.baseline,
        num_seeds=len(info.seeds),
        progress=standing.progress,
        info=info,
    )


def _reason(path: Path, line: str) -> str:
    """An error's line without the folder and the state, which the list shows anyway."""
    place_and_reason = line.removeprefix(str(path)).lstrip("/\\: ")
    return re.sub(rf"(damaged run|{'|'.join(STATES)}): ", "", place_and_reason, count=1)


def _complete(run: Run) -> ListedRun:
    summary = run.summary
    values: dict[str, dict[tuple[str, ...], list[float]]] = {arm: {} for arm in run.info.arms}
    for row, arm in enumerate(summary["arm"]):
        point = tuple(summary[key][row] for key in run.info.point_keys)
        values[arm].setdefault(point, []).append(summary[ACCURACY][row])
    started = run.info.started
    return ListedRun(
        path=run.path,
        state="complete",
        started=datetime.fromisoformat(started) if started else started_of(run.path.name),
        arms=run.info.arms,
        baseline=run.info.baseline,
        num_seeds=len(set(summary["seed"])),
        num_diverged=summary["status"].count("diverged"),
        accuracy={arm: tuple(map(fmean, points.values())) for arm, points in values.items() if points},
        info=run.info,
    )
