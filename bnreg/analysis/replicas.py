"""The replicas of a run as a comparison sees them: one network each, with its settings and the requested metrics."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from bnreg.analysis.run_view import RunView
from bnreg.config.cell_settings import cell_settings
from bnreg.data import DATASETS
from bnreg.errors import UserError
from bnreg.metrics import ACCURACY, METRICS, TEST_ACCURACY
from bnreg.names import ReplicaId
from bnreg.training.messages import Proof
from bnreg.wording import counted, unknown

DATASET_KEY = "dataset"
EPOCHS_KEY = "training.epochs"
LAST = "last"
BEST = "best"
# Below this multiple of a guess's accuracy a network has learnt nothing: one that gives all of MNIST the most frequent
# class is right in 1.14 times as many cases as a guess.
DEAD = 1.5


@dataclass(frozen=True, eq=False, slots=True)
class Replica:
    """One network.

    Attributes:
        view: The run it belongs to.
        id: Its point, arm and seed.
        diverged: Whether it diverged; its metrics are then those of a random guess.
        is_dead: Whether it trained, yet ended at about the test accuracy of a guess.
        seconds: Its training time.
        settings: Dotted key → value; also ``arm``, ``run``, ``name``, ``dataset`` and ``device``.
        fingerprint: Fingerprint of the data that it saw.
        proof: The hashes of its initial weights and batch order.
        is_final: Whether the values are those of the final network, whose answers on each test example are known.
        values: Metric → value; NaN if it has none.
    """

    view: RunView
    id: ReplicaId
    diverged: bool
    is_dead: bool
    seconds: float
    settings: Mapping[str, Any]
    fingerprint: str
    proof: Proof
    is_final: bool
    values: Mapping[str, float]

    @property
    def seed(self) -> int:
        """Its seed."""
        return self.id.seed

    @property
    def cell(self) -> tuple[RunView, int, str]:
        """Its run, point and arm: replicas of one cell have the same settings."""
        return self.view, self.id.point_index, self.id.arm

    def correct(self) -> npt.NDArray[np.bool_] | None:
        """The test examples that it classifies correctly, as flags of shape (examples,); None if they are not known."""
        of_point = self.view.correct.get(self.id.point_index) if self.is_final and not self.diverged else None
        if of_point is None:
            return None
        correct: npt.NDArray[np.bool_] = of_point[self.view.arms.index(self.id.arm), self.view.seeds.index(self.seed)]
        return correct


def metric_names(view: RunView) -> list[str]:
    """The metrics that a run has: the final ones of its summary, without ``final_``."""
    names = [column.removeprefix("final_") for column in view.summary if column.startswith("final_")]
    return [name for name in names if name != "epoch"]


def check_metrics(views: Sequence[RunView], metrics: Sequence[str]) -> None:
    """Refuse metrics that a run does not have.

    Raises:
        UserError: One line for each metric that no run has, or that some of the runs lack.
    """
    by_run = {view.id: metric_names(view) for view in views}
    known = [*dict.fromkeys(name for names in by_run.values() for name in names)]
    mistakes = []
    for metric in metrics:
        lacking = [run for run, names in by_run.items() if metric not in names]
        if metric not in known:
            mistakes.append(f"--metric: {unknown('metric', metric, known)}")
        elif lacking:
            mistakes.append(f"--metric {metric}: not measured in {', '.join(lacking)}; compare only the other runs")
    if mistakes:
        raise UserError(*mistakes)


def check_at(at: str) -> None:
    """Refuse everything but ``best``, ``last`` and ``epoch=N``."""
    number = at.removeprefix("epoch=")
    if at not in (BEST, LAST) and not (at.startswith("epoch=") and number.isdecimal() and int(number) > 0):
        raise UserError(f"--at: {at!r}: expected best, last or epoch=N")


def replicas_of(view: RunView, metrics: Sequence[str], at: str = LAST) -> list[Replica]:
    """All networks of a run, by point, arm and seed.

    Args:
        view: The run.
        metrics: Names without ``final_`` or ``best_``.
        at: ``last``: the final metrics; ``best``: those of the best epoch on the validation split; ``epoch=N``.

    Raises:
        UserError: If the run has no validation split to choose by, or no such epoch.
    """
    columns = {metric: _values(view, metric, at) for metric in metrics}
    cells = {(point, arm): _settings(view, point, arm) for point in range(len(view.points)) for arm in view.arms}
    fingerprints = {cell: view.used_data(settings).fingerprint for cell, settings in cells.items()}
    guesses = {cell: _guess(view.used_data(settings).name) for cell, settings in cells.items()}
    status, seconds = view.summary["status"], view.summary["seconds"]
    accuracy = view.summary[f"final_{TEST_ACCURACY}"]
    final = _are_final(view, at)
    replicas = []
    for row, proof in enumerate(view.pairing):
        cell = proof.replica.point_index, proof.replica.arm
        replicas.append(
            Replica(
                view=view,
                id=proof.replica,
                diverged=status[row] == "diverged",
                is_dead=status[row] != "diverged" and accuracy[row] < DEAD * guesses[cell],
                seconds=seconds[row],
                settings=cells[cell],
                fingerprint=fingerprints[cell],
                proof=proof,
                is_final=final[row],
                values={metric: column[row] for metric, column in columns.items()},
            )
        )
    return replicas


def _are_final(view: RunView, at: str) -> list[bool]:
    """Whether each replica's values at this time are those of its final network."""
    if at == LAST:
        return [True] * len(view.pairing)
    final = view.summary.get("final_epoch") or [proof.epochs for proof in view.pairing]
    asked = view.summary.get("best_epoch", []) if at == BEST else [int(at.removeprefix("epoch="))] * len(final)
    return [one == other for one, other in zip(asked, final, strict=True)]


def _guess(dataset: str) -> float:
    """The accuracy of a random guess; 0 if the data set is unknown here."""
    chance = METRICS[ACCURACY].chance
    return chance(DATASETS[dataset].num_classes) if chance and dataset in DATASETS else 0.0


def _settings(view: RunView, point: int, arm: str) -> dict[str, Any]:
    """The arm's settings at a point, and the properties of its run."""
    settings = cell_settings(view.config, arm, view.points[point])
    used = view.used_data(settings).name
    about = {"arm": arm, "run": view.id, "name": view.name, DATASET_KEY: used, "device": view.info.device}
    return about | settings


def _values(view: RunView, metric: str, at: str) -> list[float]:
    """The metric of each replica; for a diverged one, the value of a random guess."""
    final = view.summary[f"final_{metric}"]
    if at == LAST:
        return final
    if at == BEST:
        if "best_epoch" not in view.summary:
            reason = "no validation split, and the test set selects nothing; train with data.validation_size"
            raise UserError(f"--at best: {view.id}: {reason}")
        if f"best_{metric}" not in view.summary:
            raise UserError(f"--at best: {view.id}: {metric} was only measured after the last epoch")
        wanted = view.summary[f"best_{metric}"]
    else:
        wanted = _at_epoch(view, metric, int(at.removeprefix("epoch=")))
    return [
        guess if status == "diverged" and math.isnan(value) else value
        for value, guess, status in zip(wanted, final, view.summary["status"], strict=True)
    ]


def _at_epoch(view: RunView, metric: str, epoch: int) -> list[float]:
    """The metric after an epoch; NaN for replicas that had already stopped or whose metrics were no longer finite."""
    num_epochs = [proof.epochs for proof in view.pairing]
    if epoch > max(num_epochs):
        raise UserError(f"--at epoch={epoch}: {view.id}: was trained for {counted(max(num_epochs), 'epoch')}")
    if metric not in view.metrics:
        raise UserError(f"--at epoch={epoch}: {view.id}: {metric} was only measured after the last epoch")
    # metrics.csv lists each replica's epochs one after the other, and the replicas in the order of the summary.
    history = view.metrics[metric].tolist()
    starts = accumulate(num_epochs, initial=0)
    return [
        history[start + epoch - 1] if epoch <= count else math.nan
        for start, count in zip(starts, num_epochs, strict=False)
    ]
