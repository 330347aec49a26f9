"""Learning curves: the metrics of each arm over the epochs or steps, with their spread over the seeds."""

import pandas as pd

from bnreg.analysis.run_view import RunView
from bnreg.config.source.key_paths import Point
from bnreg.metrics import METRICS, measure_of
from bnreg.statistics.points import each_point

SPREAD = ["mean", "low", "high"]


def has_curves(view: RunView) -> bool:
    """Whether anything could be measured: a replica may diverge before its first evaluation."""
    return bool(view.metrics[_measured(view)].notna().any(axis=None))


def learning_curves(view: RunView) -> list[tuple[Point, pd.DataFrame]]:
    """The curves at each point of the sweep; none for a point where every replica diverged before its first evaluation.

    Returns:
        For each point, one row per measure, split, arm and time, which is an epoch or a step: the mean and the lowest
        and highest value over the seeds, and the number of times in its curve.
    """
    keys = [*view.point_keys]
    curve = [*keys, "measure", "split", "arm"]
    values = _tidy(view).groupby([*curve, "time"], sort=False, dropna=False)["value"]
    spreads = values.agg(mean="mean", low="min", high="max").reset_index()
    spreads["num_times"] = spreads.groupby(curve, sort=False, dropna=False)["time"].transform("size")
    at_points = ((point, rows) for point, rows in each_point(spreads, keys) if len(rows))
    return [(point, rows.drop(columns=keys).reset_index(drop=True)) for point, rows in at_points]


def seed_curves(view: RunView) -> list[tuple[Point, pd.DataFrame]]:
    """The curves of single seeds on the test split.

    Returns:
        For each point, one row per measure, arm, seed and time, with its value.
    """
    columns = ["measure", "arm", "seed", "time", "value"]
    return [(point, rows[rows["split"] == "test"][columns]) for point, rows in each_point(_tidy(view), view.point_keys)]


def _measured(view: RunView) -> list[str]:
    return [name for name in view.metrics.columns if measure_of(name) in METRICS]


def _tidy(view: RunView) -> pd.DataFrame:
    """One row per measurement, with its point in further columns."""
    measured = _measured(view)
    timed = view.metrics.assign(time=view.metrics[view.clock])
    tidy = timed.melt([*view.point_keys, "arm", "seed", "time"], measured, var_name="column").dropna(subset="value")
    for place, part in enumerate(("split", "measure")):
        tidy[part] = tidy["column"].map({name: name.split("_", 1)[place] for name in measured})
    return tidy
