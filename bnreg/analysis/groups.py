"""Groups of replicas: those of one arm at one point, from one run or several."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bnreg.analysis.replicas import DATASET_KEY, Replica
from bnreg.analysis.run_view import RunView
from bnreg.config.source.key_paths import Point
from bnreg.wording import as_written, natural_order, point_label

if TYPE_CHECKING:
    import numpy.typing as npt


class Moments(NamedTuple):
    """A metric over the seeds of a group.

    Attributes:
        mean: NaN if there is no value.
        std: Standard deviation; NaN for fewer than two values.
    """

    mean: float
    std: float


def moments_of(values: Sequence[float]) -> Moments:
    """Mean and standard deviation of some values."""
    mean = float(np.mean(values)) if values else math.nan
    return Moments(mean, float(np.std(values, ddof=1)) if len(values) > 1 else math.nan)


@dataclass(frozen=True, eq=False)
class ReplicaGroup:
    """Replicas that agree in everything that the question asks about.

    Attributes:
        point: Key → value, for all keys except the one along which groups are compared.
        side: The value of that key: usually the arm's name.
        replicas: One for each seed, or more if they come from several runs.
    """

    point: Point
    side: str
    replicas: list[Replica]

    @property
    def label(self) -> str:
        """The side and the point in one line."""
        return f"{self.side} at {point_label(self.point)}" if self.point else self.side

    @cached_property
    def by_seed(self) -> dict[int, list[Replica]]:
        """Its replicas by seed, in the order in which the seeds were trained."""
        seeds: dict[int, list[Replica]] = {}
        for replica in sorted(self.replicas, key=lambda one: (one.view.info.started or "", one.view.id)):
            seeds.setdefault(replica.seed, []).append(replica)
        return seeds

    @property
    def seeds_may_be_added(self) -> bool:
        """Whether a run of its replicas was looked at before its last seeds were trained."""
        return any(view.is_sequential for view in {replica.view for replica in self.replicas})

    @property
    def diverged_seeds(self) -> list[int]:
        """Seeds with a diverged replica."""
        return [seed for seed, replicas in self.by_seed.items() if any(replica.diverged for replica in replicas)]

    @property
    def dead_seeds(self) -> list[int]:
        """Seeds with a replica that ended no better than a guess, though it did not diverge."""
        return [seed for seed, replicas in self.by_seed.items() if any(replica.is_dead for replica in replicas)]

    def values(self, metric: str) -> dict[int, float]:
        """The metric by seed, averaged over a seed's replicas; without seeds that diverged or have no value."""
        values = {}
        for seed, replicas in self.by_seed.items():
            if any(replica.diverged for replica in replicas):
                continue
            known = [value for replica in replicas if math.isfinite(value := replica.values[metric])]
            if known:
                values[seed] = sum(known) / len(known)
        return values

    def moments(self, metric: str) -> Moments:
        """Mean and standard deviation of the metric over the seeds."""
        return moments_of([*self.values(metric).values()])

    @property
    def seconds(self) -> float:
        """Training time of all its replicas together."""
        return sum(replica.seconds for replica in self.replicas)

    def answers(self, seed: int) -> "npt.NDArray[np.number[Any]] | None":
        """Whether a seed's network gets each test example right, shape (examples,); a share if it has several networks.

        None unless it is known of all of them.
        """
        answers = [replica.correct() for replica in self.by_seed.get(seed, ())]
        known = [one for one in answers if one is not None]
        if not known or len(known) < len(answers):
            return None
        return known[0].view(np.int8) if len(known) == 1 else np.mean(known, axis=0, dtype=np.float32)

    def settings(self, key: str) -> list[str]:
        """The distinct values of a setting among its replicas, as a config writes them."""
        return distinct(as_written(one.settings[key]) for one in self.replicas if key in one.settings)


def run_groups(view: RunView, replicas: Sequence[Replica]) -> list[ReplicaGroup]:
    """The groups of one run: each arm at each point of its sweep, in the config's order."""
    cells: dict[tuple[int, str], list[Replica]] = {}
    for replica in replicas:
        cells.setdefault((replica.id.point_index, replica.id.arm), []).append(replica)
    return [ReplicaGroup(view.points[point], arm, members) for (point, arm), members in cells.items()]


def pooled_groups(replicas: Sequence[Replica], point_keys: Sequence[str], along: str) -> list[ReplicaGroup]:
    """The groups of all runs, pooled.

    Args:
        replicas: Replicas from any number of runs.
        point_keys: The keys that distinguish the points.
        along: The key along which groups are compared, such as ``arm``.

    Returns:
        Groups by point, numbers ascending, then by side: arms in the order of appearance, values ascending.
    """
    points: dict[Hashable, Point] = {}
    cells: dict[Hashable, dict[str, list[Replica]]] = {}
    values: dict[str, Any] = {}
    for replica in replicas:
        point = {key: replica.settings.get(key) for key in point_keys}
        name = tuple(map(as_written, point.values()))
        points.setdefault(name, point)
        value = replica.settings.get(along)
        side = as_written(value)
        values.setdefault(side, value)
        cells.setdefault(name, {}).setdefault(side, []).append(replica)
    sides = [*values] if along == "arm" else sorted(values, key=lambda side: natural_order(values[side]))
    ordered = sorted(points, key=lambda name: tuple(map(natural_order, points[name].values())))
    return [
        ReplicaGroup(points[name], side, cells[name][side]) for name in ordered for side in sides if side in cells[name]
    ]


def mixed_data(groups: Sequence[ReplicaGroup], along: str) -> ReplicaGroup | None:
    """A group with replicas that saw other data than those it is averaged or compared with; None if there is none.

    Args:
        groups: Groups by point and side.
        along: The key along which groups are compared: data sets may be compared with each other if asked for.
    """
    seen: dict[Hashable, str] = {}
    for group in groups:
        place = point_label(group.point), group.side if along in (DATASET_KEY, f"data.{DATASET_KEY}") else ""
        if any(seen.setdefault(place, replica.fingerprint) != replica.fingerprint for replica in group.replicas):
            return group
    return None


def varying_keys(groups: Iterable[ReplicaGroup]) -> list[str]:
    """The settings that differ within a group: its mean averages over these as well as over the seeds."""
    keys = []
    for group in groups:
        cells = {replica.cell: replica.settings for replica in group.replicas}
        keys += changed_keys([*cells.values()]) if len(cells) > 1 else []
    return [key for key in distinct(keys) if key not in ("run", "name", "device")]


def changed_keys(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys whose values differ between the cells."""
    keys = distinct(key for settings in cells for key in settings)
    return [key for key in keys if len({as_written(settings.get(key)) for settings in cells}) > 1]


def distinct(names: Iterable[str]) -> list[str]:
    """Each name once, in the order of appearance."""
    return [*dict.fromkeys(names)]


def distinct_values(values: Sequence[Any]) -> list[Any]:
    """Each value once, in the order of appearance; a value may be a list."""
    return [value for index, value in enumerate(values) if value not in values[:index]]
