"""The replicas of a run as a comparison sees them: one network each, with its settings and the requested metrics."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt

from bnreg.analysis.run_view import RunView
from bnreg.budget import Moment
from bnreg.config.cell_settings import cell_settings
from bnreg.errors import UserError
from bnreg.metrics import TEST_ACCURACY, metric_of
from bnreg.names import ReplicaId
from bnreg.runs import UsedData
from bnreg.training.messages import Proof
from bnreg.wording import counted, unknown

DATASET_KEY = "dataset"
LAST = "last"
BEST = "best"
_NUMBERED = (LAST, "epoch", "step")
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
    return [name for name in names if name not in Moment._fields]


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
    """Refuse everything but ``best``, ``last``, ``last=N``, ``epoch=N`` and ``step=N``."""
    kind, _, number = at.partition("=")
    if at not in (BEST, LAST) and not (kind in _NUMBERED and number.isdecimal() and int(number) > 0):
        raise UserError(f"--at: {at!r}: expected best, last, last=N, epoch=N or step=N")


def replicas_of(view: RunView, metrics: Sequence[str], at: str = LAST) -> list[Replica]:
    """All networks of a run, by point, arm and seed.

    Args:
        view: The run.
        metrics: Names without ``final_`` or ``best_``.
        at: ``last``: the final metrics; ``best``: those of the best evaluation on the validation split; ``last=N``: the
            mean of the last N evaluations; ``epoch=N`` or ``step=N``: those of the evaluation at this moment.

    Raises:
        UserError: If the run has no validation split to choose by, or no such evaluations.
    """
    columns = {metric: _values(view, metric, at) for metric in metrics}
    cells = {(point, arm): _settings(view, point, arm) for point in range(len(view.points)) for arm in view.arms}
    fingerprints = {cell: view.used_data(settings).fingerprint for cell, settings in cells.items()}
    guesses = {cell: guess_of(TEST_ACCURACY, view.used_data(settings)) or 0.0 for cell, settings in cells.items()}
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
    kind, _, number = at.partition("=")
    if kind == LAST:
        return [int(number) == 1] * len(view.pairing)
    clock = "step" if kind == "step" or not view.is_by_epochs else "epoch"
    final = view.summary.get(f"final_{clock}") or [proof.epochs for proof in view.pairing]
    asked = view.summary.get(f"best_{clock}", []) if at == BEST else [int(number)] * len(final)
    return [one == other for one, other in zip(asked, final, strict=True)]


def guess_of(metric: str, used: UsedData) -> float | None:
    """The metric of a random guess; None if guessing does not determine it."""
    chance = metric_of(metric).chance
    return chance(used.num_classes) if chance else None


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
            raise UserError(f"--at best: {view.id}: {metric} was only measured at the end")
        wanted = view.summary[f"best_{metric}"]
    else:
        wanted = _at_moment(view, metric, at)
    return [
        guess if status == "diverged" and math.isnan(value) else value
        for value, guess, status in zip(wanted, final, view.summary["status"], strict=True)
    ]


def _at_moment(view: RunView, metric: str, at: str) -> list[float]:
    """The metric at a moment; NaN for replicas that had already stopped or whose metrics were no longer finite."""
    kind, _, text = at.partition("=")
    number = int(text)
    place = f"--at {at}: {view.id}"
    if metric not in view.metrics:
        raise UserError(f"{place}: {metric} was only measured at the end")
    if kind == "step" and "step" not in view.metrics:
        raise UserError(f"{place}: is older than the steps in its tables; use epoch=N")
    if kind == "epoch" and not view.is_by_epochs:
        raise UserError(f"{place}: was not evaluated after whole epochs; use step=N")
    histories = view.histories(metric)
    if kind == LAST:
        longest = max(map(len, histories))
        if number > longest:
            raise UserError(f"{place}: has {counted(longest, 'evaluation')}")
        return [fmean(history[-number:]) for history in histories]
    moments = view.histories(kind)
    times = {*chain.from_iterable(moments)}
    if number > max(times):
        raise UserError(f"{place}: was trained for {counted(max(times), kind)}")
    if number not in times:
        nearest = sorted(sorted(times, key=lambda time: abs(time - number))[:2])
        raise UserError(f"{place}: was not evaluated then; the nearest: {', '.join(map(str, nearest))}")
    found = (dict(zip(times, history, strict=True)) for times, history in zip(moments, histories, strict=True))
    return [one.get(number, math.nan) for one in found]
