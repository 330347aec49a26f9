"""The final results of a sweep of two settings, as grids: one setting along, one across."""

from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from bnreg.analysis.charts.best import best_of, final_means
from bnreg.analysis.comparison import declared_metric
from bnreg.analysis.run_view import RunView
from bnreg.config.source.key_paths import Point
from bnreg.wording import as_written


@dataclass(frozen=True, eq=False)
class Grids:
    """The grids of a run.

    Attributes:
        along: The key along the grids.
        across: The other key.
        cells: One row per point and arm, as ``final_means``, and ``is_best``: whether it is the best of its arm.
        rest: For each point, the values of the other keys that are swept.
    """

    along: str
    across: str
    cells: pd.DataFrame
    rest: list[Point]


def free_keys(view: RunView) -> list[str]:
    """The swept keys that have several values, the one with the most first; of those that vary together, the first."""
    written = {key: [as_written(point[key]) for point in view.points] for key in view.point_keys}
    keys = [key for key in view.point_keys if len({*written[key]}) > 1]
    for first, second in combinations(tuple(keys), 2):
        pairs = {*zip(written[first], written[second], strict=True)}
        if second in keys and len(pairs) == len({*written[first]}) == len({*written[second]}):
            keys.remove(second)
    return sorted(keys, key=lambda key: -len({*written[key]}))


def grids_of(view: RunView) -> Grids:
    """The grids of a run that sweeps at least two settings."""
    along, across, *others = free_keys(view)
    cells = final_means(view)
    cells["is_best"] = best_of(cells, ["arm"], declared_metric(view))
    rest: list[Point] = [{key: point[key] for key in others} for point in view.points]
    return Grids(along, across, cells, rest)
