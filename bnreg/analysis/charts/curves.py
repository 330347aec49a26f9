"""Learning curves: the metrics of each arm over the epochs or steps, with their spread over the seeds."""

from collections.abc import Iterator

import pandas as pd

from bnreg.analysis.run_view import RunView
from bnreg.config.source.key_paths import Point
from bnreg.metrics import METRICS, measure_of
from bnreg.statistics.points import each_point

SPREAD = ["mean", "low", "high"]


def learning_curves(view: RunView) -> list[tuple[Point, pd.DataFrame]]:
    """The curves at each point of the sweep; none for a point where every replica diverged before its first evaluation.

    Returns:
        For each point, one row per measure, split, arm and time, which is an epoch or a step: the mean and the lowest
        and highest value over the seeds, and the number of times in its curve.
    """
    return [(point, _spreads(rows)) for point, rows in _tidy(view) if len(rows)]


def seed_curves(view: RunView) -> list[tuple[Point, pd.DataFrame]]:
    """The curves of single seeds on the test split.

    Returns:
        For each point, one row per measure, arm, seed and time, with its value.
    """
    columns = ["measure", "arm", "seed", "time", "value"]
    return [(point, rows[rows["split"] == "test"][columns]) for point, rows in _tidy(view)]


def _tidy(view: RunView) -> Iterator[tuple[Point, pd.DataFrame]]:
    """For each point, one row per measurement."""
    measured = [name for name in view.metrics.columns if measure_of(name) in METRICS]
    for point, rows in each_point(view.metrics, view.point_keys):
        timed = rows.assign(time=rows[view.clock])
        tidy = timed.melt(["arm", "seed", "time"], measured, var_name="column").dropna(subset="value")
        names = {name: name.split("_", 1) for name in measured}
        for place, part in enumerate(("split", "measure")):
            tidy[part] = tidy["column"].map({name: parts[place] for name, parts in names.items()})
        yield point, tidy


def _spreads(tidy: pd.DataFrame) -> pd.DataFrame:
    curve = ["measure", "split", "arm"]
    values = tidy.groupby([*curve, "time"], sort=False)["value"]
    spreads = values.agg(mean="mean", low="min", high="max").reset_index()
    spreads["num_times"] = spreads.groupby(curve)["time"].transform("size")
    return spreads
