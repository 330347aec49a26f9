"""Which point of a sweep is best for an arm, and by which split that is known."""

import math

import pandas as pd

from bnreg.analysis.comparison import declared_metric
from bnreg.analysis.replicas import metric_names, replicas_of
from bnreg.analysis.run_view import RunView
from bnreg.metrics import measure_of, metric_of


def choosing_metric(view: RunView) -> str:
    """The metric to choose by: the declared one on the validation split if there is one, else on the test split.

    The best by the test split flatters itself: the same images choose and judge.
    """
    declared = declared_metric(view)
    on_validation = f"validation_{measure_of(declared)}"
    return on_validation if on_validation in metric_names(view) else declared


def final_means(view: RunView) -> pd.DataFrame:
    """The declared metric of each arm at each point, in the mean over the seeds that did not diverge.

    Returns:
        One row per point and arm: ``point``, its index, ``arm``, ``mean``, ``chosen_by``, the mean by which to choose,
        both NaN if every network diverged, and the numbers ``num_diverged`` and ``num_seeds``.
    """
    shown, choosing = declared_metric(view), choosing_metric(view)
    rows = [
        {
            "point": one.id.point_index,
            "arm": one.id.arm,
            "mean": math.nan if one.diverged else one.values[shown],
            "chosen_by": math.nan if one.diverged else one.values[choosing],
            "num_diverged": one.diverged,
        }
        for one in replicas_of(view, [shown, choosing])
    ]
    cells = pd.DataFrame(rows).groupby(["point", "arm"], sort=False)
    means = cells[["mean", "chosen_by"]].mean().join(cells["num_diverged"].agg(["sum", "size"]))
    return means.reset_index().rename(columns={"sum": "num_diverged", "size": "num_seeds"})


def best_of(rows: pd.DataFrame, of: list[str], metric: str) -> pd.Series:
    """Whether each row is the best of its group, as flags: the first of equally good ones, none without a direction.

    Args:
        rows: Rows with the value to choose by, ``chosen_by``.
        of: The columns that name the group.
        metric: The metric that the value is of.
    """
    higher_is_better = metric_of(metric).higher_is_better
    if higher_is_better is None:
        return pd.Series(False, rows.index)
    known = rows.dropna(subset="chosen_by").sort_values("chosen_by", ascending=not higher_is_better, kind="stable")
    return pd.Series(rows.index.isin(known.drop_duplicates(of).index), rows.index)
