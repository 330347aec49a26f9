"""A run as tables and charts see it, whatever its folder looks like."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

    from bnreg.runs import Run

Correct = Mapping[int, npt.NDArray[np.bool_]]


def nothing_correct() -> Correct:
    """Of a run that does not tell which test examples its networks got right."""
    return {}


@dataclass(frozen=True, eq=False)
class RunView:
    """One run's results with what a reader must know about how they came about.

    Attributes:
        name: The experiment's.
        id: The name of the run's folder, which tells runs of one experiment apart.
        arms: In the config's order.
        baseline: The arm that the others are compared with, if any.
        point_keys: Dotted keys of the swept settings; empty without a sweep.
        dataset: The one that was really used.
        requested_dataset: The one that the config asked for.
        device: What trained it, e.g. ``cpu``.
        seconds: Wall-clock time of the whole run.
        load_metrics: Gives one row per replica and epoch; NaN from where a replica diverged.
        summary: Column → one value per replica; diverged ones carry chance values.
        overrides: The settings that replaced the config's, as they were typed.
        seeds: In the config's order.
        points: Of the sweep; one without keys where there is none.
        data: For each data set that was asked for, what was used: its name, fingerprint and numbers of examples.
        pairing: One row per replica, as in the summary: point_index, arm, seed, the hash of its batches, its epochs.
        config: The resolved config.
        load_correct: Gives for each point which test examples are classified right, shape (arms, seeds, examples).
    """

    name: str
    id: str
    arms: tuple[str, ...]
    baseline: str | None
    point_keys: tuple[str, ...]
    dataset: str
    requested_dataset: str
    device: str
    seconds: float
    load_metrics: Callable[[], "pd.DataFrame"]
    summary: Mapping[str, list[Any]]
    overrides: tuple[str, ...]
    seeds: tuple[int, ...]
    points: tuple[Mapping[str, Any], ...]
    data: Mapping[str, Mapping[str, Any]]
    pairing: Sequence[Mapping[str, Any]]
    config: Mapping[str, Any]
    load_correct: Callable[[], Correct] = nothing_correct

    @cached_property
    def metrics(self) -> "pd.DataFrame":
        """One row per replica and epoch; NaN from where a replica diverged."""
        return self.load_metrics()

    @cached_property
    def correct(self) -> Correct:
        """For each point which test examples are classified right, shape (arms, seeds, examples)."""
        return self.load_correct()

    @property
    def num_seeds(self) -> int:
        return len(self.seeds)

    @property
    def num_epochs(self) -> int:
        """The last epoch that any replica reached."""
        return max(int(row["epochs"]) for row in self.pairing)

    @property
    def used_fallback(self) -> bool:
        return self.dataset != self.requested_dataset

    @property
    def dataset_label(self) -> str:
        """The data set that was really used, and the requested one where that was another."""
        return f"{self.dataset} (requested {self.requested_dataset})" if self.used_fallback else self.dataset


def short_names(point_keys: Sequence[str]) -> list[str]:
    """The last part of each dotted key, after the arm if it is one arm's; the whole key where two would read alike."""
    names = [_short_name(key) for key in point_keys]
    return [name if names.count(name) == 1 else key for key, name in zip(point_keys, names, strict=True)]


def _short_name(key: str) -> str:
    parts = key.split(".")
    if parts[0] == "arms" and len(parts) > 2:
        return f"{parts[1]} {parts[-1]}"
    return parts[-1]


def point_value(value: Any) -> str:
    """A swept value as the config would write it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(point_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {point_value(item)}' for key, item in value.items())}}}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def point_label(point: Mapping[str, Any]) -> str:
    """A point in one line, e.g. ``lr=0.01, norm=batch``."""
    values = (point_value(value) for value in point.values())
    return ", ".join(f"{name}={value}" for name, value in zip(short_names([*point]), values, strict=True))


def counted(number: int, noun: str) -> str:
    """A number with its noun, e.g. ``1 seed`` and ``2 seeds``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def view_of(info: Mapping[str, Any], metrics: "pd.DataFrame", summary: Mapping[str, list[Any]]) -> RunView:
    """A run whose results are at hand.

    Args:
        info: Contents of ``run.json``.
        metrics: One row per replica and epoch.
        summary: Column → one value per replica.
    """
    return _view(info, summary, info.get("config", {}), lambda: metrics, nothing_correct)


def view_of_run(run: "Run") -> RunView:
    """A run as its folder describes it, of which large files are read when they are needed."""
    from bnreg.runs import read_correct

    return _view(run.info, run.summary, run.config, lambda: run.metrics, lambda: read_correct(run))


def _view(
    info: Mapping[str, Any],
    summary: Mapping[str, list[Any]],
    config: Mapping[str, Any],
    load_metrics: Callable[[], "pd.DataFrame"],
    load_correct: Callable[[], Correct],
) -> RunView:
    return RunView(
        name=info["name"],
        id=info["id"],
        arms=tuple(info["arms"]),
        baseline=info["baseline"],
        point_keys=tuple(info["point_keys"]),
        dataset=", ".join(data["name"] for data in info["data"].values()),
        requested_dataset=", ".join(info["data"]),
        device=info["device"],
        seconds=info["seconds"],
        load_metrics=load_metrics,
        summary=summary,
        overrides=tuple(word for word in info["command"] if re.match(r"[A-Za-z0-9_][\w.-]*=", word)),
        seeds=tuple(info["seeds"]),
        points=tuple(info["points"]),
        data=info["data"],
        pairing=info["pairing"],
        config=config,
        load_correct=load_correct,
    )
