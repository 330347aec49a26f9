"""Learning curves: the metrics of each arm over the epochs or steps, with their spread over the seeds."""

import pandas as pd

from bnreg.analysis.run_view import RunView
from bnreg.config.key_paths import Point
from bnreg.metrics import METRICS, measure_of
from bnreg.statistics.points import each_point

SPREAD = ["mean", "low", "high"]


def learning_curves(view: RunView) -> list[tuple[Point, pd.DataFrame]]:
    """The curves at each point of the sweep; none for a point where every replica diverged before its first evaluation.

    Returns:
        For each point, one row per measure, split, arm and time, which is an epoch or a step: the mean and the lowest
        and highest value over the seeds, and the number of times in its curve.
    """
    measured = [name for name in view.metrics.columns if measure_of(name) in METRICS]
    known = view.metrics.dropna(subset=measured, how="all")
    known = known.assign(time=known[view.clock])
    return [(point, _spreads(rows, measured)) for point, rows in each_point(known, view.point_keys) if len(rows)]


def _spreads(metrics: pd.DataFrame, measured: list[str]) -> pd.DataFrame:
    tidy = metrics.melt(["arm", "time"], measured, var_name="column").dropna(subset="value")
    tidy[["split", "measure"]] = tidy["column"].str.split("_", n=1, expand=True)
    curve = ["measure", "split", "arm"]
    values = tidy.groupby([*curve, "time"], sort=False)["value"]
    spreads = values.agg(mean="mean", low="min", high="max").reset_index()
    spreads["num_times"] = spreads.groupby(curve)["time"].transform("size")
    return spreads
