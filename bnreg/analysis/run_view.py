"""A run as the analysis sees it, independent of the layout of its folder."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bnreg.budget import Budget
from bnreg.config.cell_settings import cell_settings
from bnreg.config.own_data import data_name
from bnreg.config.source.key_paths import Point
from bnreg.names import TUNE, TUNED
from bnreg.runs import RunInfo, UsedData
from bnreg.training.messages import Proof
from bnreg.tuning import Tuned, tuned_of
from bnreg.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from bnreg.runs import Run

Correct = Mapping[int, npt.NDArray[np.bool_]]

_OVERRIDE = re.compile(r"[A-Za-z0-9_][\w.-]*=")


def nothing_correct() -> Correct:
    """The empty record, for a run that does not store which test examples its networks got right."""
    return {}


@dataclass(frozen=True, eq=False)
class RunView:
    """One run's results, with what a reader must know about how they were obtained.

    Attributes:
        info: What the run recorded about itself.
        summary: Column → one value per replica; diverged replicas have chance values.
        config: The resolved config; empty if the run recorded none.
        load_table: Returns a table by its name, such as ``metrics``: one row per replica and evaluation, with NaN from
            the one where a replica diverged.
        load_correct: Returns for each point which test examples are classified correctly, shape (arms, seeds,
            examples).
        chosen_clock: What its evaluations are counted by, if not by its own clock; see ``analysis.charts.clocks``.
    """

    info: RunInfo
    summary: Mapping[str, list[Any]]
    config: Mapping[str, Any]
    load_table: Callable[[str], "pd.DataFrame"]
    load_correct: Callable[[], Correct] = nothing_correct
    chosen_clock: str | None = None

    @cached_property
    def metrics(self) -> "pd.DataFrame":
        """One row per replica and evaluation; NaN from the one where a replica diverged."""
        return self.load_table("metrics")

    def table(self, name: str) -> "pd.DataFrame":
        """A table of the run."""
        return self.metrics if name == "metrics" else self.load_table(name)

    @cached_property
    def correct(self) -> Correct:
        """For each point, which test examples are classified correctly, shape (arms, seeds, examples)."""
        return self.load_correct()

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self.info.name

    @property
    def id(self) -> str:
        """The name of the run's folder, which distinguishes runs of one experiment."""
        return self.info.id

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms, in the config's order."""
        return self.info.arms

    @property
    def baseline(self) -> str | None:
        """The arm that the others are compared with, if any."""
        return self.info.baseline

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, in the order in which they were added."""
        return self.info.seeds

    @property
    def is_sequential(self) -> bool:
        """Whether its results were looked at before all of its seeds were trained, or might have been."""
        is_in_rounds = isinstance(self.config.get("seeds"), Mapping) and not self.config.get(TUNE)
        return len(self.info.looks) > 1 or is_in_rounds

    @cached_property
    def tuned(self) -> Tuned | None:
        """How the settings of its arms were chosen before, if they were."""
        record = self.config.get(TUNED)
        return tuned_of(record) if record else None

    @property
    def point_keys(self) -> tuple[str, ...]:
        """Dotted keys of the swept settings; empty without a sweep."""
        return self.info.point_keys

    @property
    def points(self) -> tuple[Point, ...]:
        """The points of the sweep; without a sweep, one point without keys."""
        return self.info.points

    @property
    def pairing(self) -> tuple[Proof, ...]:
        """The initial weights and batch order of each replica, as hashes, in the order of the summary."""
        return self.info.pairing

    @property
    def num_seeds(self) -> int:
        """Number of seeds."""
        return len(self.seeds)

    @property
    def num_epochs(self) -> int:
        """The last epoch that any replica reached."""
        return max(proof.epochs for proof in self.pairing)

    @cached_property
    def _budgets(self) -> list[Budget]:
        """Those of its cells, but for the number of steps in an epoch."""
        cells = product(self.points, self.arms) if self.config else ()
        return [Budget.of(cell_settings(self.config, arm, point), 1) for point, arm in cells]

    @property
    def is_by_epochs(self) -> bool:
        """Whether its networks were evaluated after whole epochs, and at no other time."""
        return all(budget.is_by_epochs for budget in self._budgets)

    @property
    def is_logarithmic(self) -> bool:
        """Whether they were evaluated at steps that grow by equal factors."""
        return bool(self._budgets) and all(budget.is_log for budget in self._budgets)

    @property
    def clock(self) -> str:
        """What its evaluations are counted by: ``epoch`` or ``step``, unless another clock was chosen."""
        return self.chosen_clock or ("epoch" if self.is_by_epochs else "step")

    @property
    def length(self) -> str:
        """How long its networks trained, in words."""
        if self.is_by_epochs:
            return counted(self.num_epochs, "epoch")
        return counted(max(self.summary["final_step"]), "step")

    def histories(self, column: str) -> list[list[Any]]:
        """A column of the metrics for each replica, in the order of the summary: one value per evaluation."""
        points = [np.array([*map(str, self.metrics[key])]) for key in self.point_keys]  # also of a missing value
        keys = [*points, self.metrics["arm"].to_numpy(), self.metrics["seed"].to_numpy()]
        is_other = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
        return [part.tolist() for part in np.split(self.metrics[column].to_numpy(), np.flatnonzero(is_other) + 1)]

    @property
    def dataset(self) -> str:
        """The data set, or data sets, that were actually used."""
        return ", ".join(used.name for used in self.info.data.values())

    @property
    def requested_dataset(self) -> str:
        """The data set, or data sets, that the config asked for."""
        return ", ".join(self.info.data)

    @property
    def dataset_as_written(self) -> str:
        """The data set of the first cell, as its config names it: a path has its folders."""
        if not self.config:
            return self.requested_dataset
        return str(cell_settings(self.config, self.arms[0], self.points[0])["data.dataset"])

    @property
    def used_fallback(self) -> bool:
        """Whether another data set replaced the requested one."""
        return self.dataset != self.requested_dataset

    @property
    def dataset_label(self) -> str:
        """The data set that was actually used, and the requested one if that was different."""
        return f"{self.dataset} (requested {self.requested_dataset})" if self.used_fallback else self.dataset

    @property
    def overrides(self) -> tuple[str, ...]:
        """The command-line overrides of the config's settings, as typed."""
        return tuple(word for word in self.info.command if _OVERRIDE.match(word))

    def requested(self, settings: Mapping[str, Any]) -> str:
        """The name of the data set that was requested for a cell with these settings."""
        only, *others = self.info.data
        return data_name(settings["data.dataset"]) if others else only

    def used_data(self, settings: Mapping[str, Any]) -> UsedData:
        """The data that a cell with these settings was trained on."""
        return self.info.data[self.requested(settings)]


def view_of(
    info: RunInfo,
    tables: Mapping[str, "pd.DataFrame"],
    summary: Mapping[str, list[Any]],
    load_correct: Callable[[], Correct] = nothing_correct,
) -> RunView:
    """A view of a run whose results are in memory.

    Args:
        info: What the run recorded about itself.
        tables: Its tables by name; in ``metrics`` one row per replica and evaluation.
        summary: Column → one value per replica.
        load_correct: See ``RunView``.
    """
    return RunView(info, summary, info.config or {}, tables.__getitem__, load_correct)


def view_of_run(run: "Run") -> RunView:
    """A view of a run's folder; large files are read only when they are needed."""
    from bnreg.runs import read_correct

    return RunView(run.info, run.summary, run.config, run.table, lambda: read_correct(run))
