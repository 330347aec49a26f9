"""How the final metrics respond to a swept number, with their spread over the seeds."""

from typing import Any

import pandas as pd

from bnreg.analysis.charts.best import best_of, choosing_metric
from bnreg.analysis.charts.curves import SPREAD
from bnreg.analysis.comparison import declared_metric
from bnreg.analysis.groups import distinct_values
from bnreg.analysis.replicas import metric_names, replicas_of
from bnreg.analysis.run_view import RunView
from bnreg.config.source.key_paths import Point
from bnreg.metrics import METRICS
from bnreg.wording import as_written


def response_key(view: RunView) -> str | None:
    """The swept key with the most values, all of them distinct numbers; a list of widths counts as its sum."""
    counts = {}
    for key in view.point_keys:
        numbers = {as_written(point[key]): _number(point[key]) for point in view.points}
        if None not in numbers.values() and len({*numbers.values()}) == len(numbers) > 1:
            counts[key] = len(numbers)
    return max(counts, key=counts.__getitem__) if counts else None


def responses(view: RunView, key: str) -> list[tuple[Point, pd.DataFrame]]:
    """The final metrics at each value of a key, for each combination of the sweep's other settings.

    Settings that have one value for each value of the key, as those that are zipped with it, make no combinations.

    Returns:
        For each combination, one row per measure, split, arm and value of the key, ``x``: the mean and the lowest and
        highest value over the seeds, without diverged networks; and ``is_best``: whether the arm's declared metric is
        best there, see ``choosing_metric``.
    """
    names = [name for name in metric_names(view) if name.partition("_")[2] in METRICS]
    num_values = len({as_written(point[key]) for point in view.points})
    pairs = {
        other: {(as_written(one[key]), as_written(one[other])) for one in view.points} for other in view.point_keys
    }
    free = [other for other in view.point_keys if len(pairs[other]) > num_values]
    others = [{other: point[other] for other in free} for point in view.points]
    combinations = distinct_values(others)
    rows = []
    for one in replicas_of(view, names):
        point = one.id.point_index
        place = combinations.index(others[point]), one.id.arm, _number(view.points[point][key])
        rows += [(*place, *name.split("_", 1), one.values[name]) for name in names if not one.diverged]
    columns = ["combination", "arm", "x", "split", "measure"]
    found = pd.DataFrame(rows, columns=[*columns, "value"]).dropna()
    values = found.groupby(columns, sort=False)["value"].agg(mean="mean", low="min", high="max")
    spreads = _with_best(values[SPREAD].reset_index(), view)
    each = ((point, spreads[spreads["combination"] == number]) for number, point in enumerate(combinations))
    return [(point, of_point.drop(columns="combination")) for point, of_point in each if len(of_point)]


def _with_best(spreads: pd.DataFrame, view: RunView) -> pd.DataFrame:
    """Whether a row is the declared metric at the best value of the key, for each combination and arm."""
    choosing, declared = (name.split("_", 1) for name in (choosing_metric(view), declared_metric(view)))
    line = ["combination", "arm"]
    by = spreads[(spreads["split"] == choosing[0]) & (spreads["measure"] == choosing[1])]
    by = by[[*line, "x", "mean"]].rename(columns={"mean": "chosen_by"})
    merged = spreads.merge(by, how="left", on=[*line, "x"])
    is_declared = (merged["split"] == declared[0]) & (merged["measure"] == declared[1])
    best = best_of(merged[is_declared], line, declared_metric(view))
    return spreads.assign(is_best=best.reindex(spreads.index, fill_value=False))


def _number(value: Any) -> float | None:
    """A number, or the sum of a list of numbers; None for anything else."""
    if isinstance(value, list | tuple):
        numbers = [number for number in map(_number, value) if number is not None]
        return sum(numbers) if len(numbers) == len(value) > 0 else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
