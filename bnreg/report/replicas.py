"""The replicas of a run as a comparison sees them: one network each, with its settings and the metrics asked for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from bnreg.errors import UserError
from bnreg.report.query import unknown_name
from bnreg.report.run_view import RunView
from bnreg.report.settings import cell_settings

DATASET_KEY = "dataset"
EPOCHS_KEY = "training.epochs"
LAST = "last"
BEST = "best"


@dataclass(frozen=True, eq=False, slots=True)
class Replica:
    """One network.

    Attributes:
        view: The run it belongs to.
        place: Its point, arm and seed as indices, in the run's order.
        arm: Name of its arm.
        seed: Its seed.
        diverged: Whether it did; it then has the metrics of a guess.
        seconds: How long its training took.
        settings: Dotted key → value; also ``arm``, ``run``, ``name``, ``dataset`` and ``device``.
        fingerprint: Of the data that it saw.
        batch_order: Hash of the batches that it saw.
        num_epochs: How many it was trained for.
        values: Metric → value; NaN where it has none.
    """

    view: RunView
    place: tuple[int, int, int]
    arm: str
    seed: int
    diverged: bool
    seconds: float
    settings: Mapping[str, Any]
    fingerprint: str
    batch_order: str
    num_epochs: int
    values: Mapping[str, float]

    def correct(self) -> npt.NDArray[np.bool_] | None:
        """Which test examples it classifies right, shape (examples,); None where that was not recorded."""
        point, arm, seed = self.place
        of_point = self.view.correct.get(point)
        return None if of_point is None else of_point[arm, seed]


def metric_names(view: RunView) -> list[str]:
    """The metrics that a run has: its summary's final ones, without ``final_``."""
    names = [column.removeprefix("final_") for column in view.summary if column.startswith("final_")]
    return [name for name in names if name != "epoch"]


def check_metrics(views: Sequence[RunView], metrics: Sequence[str]) -> None:
    """Refuse metrics that a run does not have.

    Raises:
        UserError: One line for each: unknown to all runs, or only to those named.
    """
    by_run = {view.id: metric_names(view) for view in views}
    known = [*dict.fromkeys(name for names in by_run.values() for name in names)]
    mistakes = []
    for metric in metrics:
        lacking = [run for run, names in by_run.items() if metric not in names]
        if metric not in known:
            mistakes.append(f"--metric: {unknown_name('metric', metric, known)}")
        elif lacking:
            mistakes.append(f"--metric {metric}: not measured in {', '.join(lacking)}; compare the other runs only")
    if mistakes:
        raise UserError(*mistakes)


def check_at(at: str) -> None:
    """Refuse what is neither ``best`` nor ``last`` nor ``epoch=N``."""
    number = at.removeprefix("epoch=")
    if at not in (BEST, LAST) and not (at.startswith("epoch=") and number.isdecimal() and int(number) > 0):
        raise UserError(f"--at: {at!r}: expected best, last or epoch=N")


def replicas_of(view: RunView, metrics: Sequence[str], at: str = LAST) -> list[Replica]:
    """All networks of a run, by point, arm and seed.

    Args:
        view: The run.
        metrics: Names without ``final_`` or ``best_``.
        at: ``last``: the final metrics; ``best``: of the best epoch on the validation split; ``epoch=N``.

    Raises:
        UserError: If the run has no validation split to choose by, or no such epoch.
    """
    columns = {metric: _values(view, metric, at) for metric in metrics}
    cells = {(point, arm): _settings(view, point, arm) for point in range(len(view.points)) for arm in view.arms}
    requested = {cell: _requested(view, settings) for cell, settings in cells.items()}
    arms = {arm: index for index, arm in enumerate(view.arms)}
    seeds = {seed: index for index, seed in enumerate(view.seeds)}
    status, seconds = view.summary["status"], view.summary["seconds"]
    replicas = []
    for row, proof in enumerate(view.pairing):
        cell = proof["point_index"], proof["arm"]
        replicas.append(
            Replica(
                view=view,
                place=(proof["point_index"], arms[proof["arm"]], seeds[proof["seed"]]),
                arm=proof["arm"],
                seed=proof["seed"],
                diverged=status[row] == "diverged",
                seconds=seconds[row],
                settings=cells[cell],
                fingerprint=view.data[requested[cell]]["fingerprint"],
                batch_order=proof["batch_order"],
                num_epochs=proof["epochs"],
                values={metric: column[row] for metric, column in columns.items()},
            )
        )
    return replicas


def _settings(view: RunView, point: int, arm: str) -> dict[str, Any]:
    """The arm's settings at a point, and what the run is besides."""
    settings = cell_settings(view.config, arm, view.points[point])
    used = view.data[_requested(view, settings)]["name"]
    return {"arm": arm, "run": view.id, "name": view.name, DATASET_KEY: used, "device": view.device, **settings}


def _requested(view: RunView, settings: Mapping[str, Any]) -> str:
    """The data set that was asked for, under which ``run.json`` describes the one used."""
    only, *others = view.data
    return str(settings["data.dataset"]) if others else only


def _values(view: RunView, metric: str, at: str) -> list[float]:
    """The metric of each replica; where one has diverged, what a guess would reach."""
    final = view.summary[f"final_{metric}"]
    if at == LAST:
        return final
    if at == BEST:
        if "best_epoch" not in view.summary:
            reason = "no validation split, and the test set selects nothing; train with data.validation_size"
            raise UserError(f"--at best: {view.id}: {reason}")
        if f"best_{metric}" not in view.summary:
            raise UserError(f"--at best: {view.id}: {metric} is known of the last epoch only")
        wanted = view.summary[f"best_{metric}"]
    else:
        wanted = _at_epoch(view, metric, int(at.removeprefix("epoch=")))
    return [
        guess if status == "diverged" and math.isnan(value) else value
        for value, guess, status in zip(wanted, final, view.summary["status"], strict=True)
    ]


def _at_epoch(view: RunView, metric: str, epoch: int) -> list[float]:
    """The metric after an epoch; NaN for replicas that had stopped before, or were no numbers any more."""
    num_epochs = [row["epochs"] for row in view.pairing]
    if epoch > max(num_epochs):
        raise UserError(f"--at epoch={epoch}: {view.id}: was trained for {max(num_epochs)} epochs")
    if metric not in view.metrics:
        raise UserError(f"--at epoch={epoch}: {view.id}: {metric} is known of the last epoch only")
    # metrics.csv holds each replica's epochs in a row, and the replicas in the order of the summary.
    history = view.metrics[metric].tolist()
    starts = accumulate(num_epochs, initial=0)
    return [
        history[start + epoch - 1] if epoch <= count else math.nan
        for start, count in zip(starts, num_epochs, strict=False)
    ]
