"""From a run's summary, one row per replica, to one row per arm and one comparison per arm and point."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pandas as pd

from bnreg.statistics.paired import PairedComparison, compare_pairs

Point = dict[str, Any]


class ArmComparison(NamedTuple):
    """An arm against the baseline at one point of the sweep."""

    point: Point
    arm: str
    comparison: PairedComparison


def each_point(frame: pd.DataFrame, point_keys: Sequence[str]) -> Iterator[tuple[Point, pd.DataFrame]]:
    """The points of a sweep with their rows, in the order in which the frame names them.

    Args:
        frame: Has a column for each point key; a missing value there is the swept value null.
        point_keys: Dotted keys; without any, the whole frame is the one point ``{}``.

    Yields:
        The point, with plain Python values, and its rows.
    """
    if not point_keys:
        yield {}, frame
        return
    for values, rows in frame.groupby(list(point_keys), sort=False, dropna=False):
        point: Point = dict(zip(point_keys, values, strict=True))
        yield {key: None if pd.isna(value) else value for key, value in point.items()}, rows


def summarise_arms(
    summary: pd.DataFrame, point_keys: Sequence[str], arms: Sequence[str], metrics: Sequence[str]
) -> pd.DataFrame:
    """Mean and spread over the seeds, for each point and arm.

    Args:
        summary: One row per replica; diverged ones carry chance values and count like the others.
        point_keys: The columns that hold the point.
        arms: In the order in which to list them; an arm without replicas at a point is left out there.
        metrics: Columns to summarise.

    Returns:
        One row per point and arm: the point columns, ``arm``, ``num_seeds``, ``num_diverged``, ``seconds`` (the sum)
        and, for each metric, ``{metric}_mean`` and ``{metric}_std`` (ddof 1, NaN for a single seed).
    """
    rows = []
    for point, at_point in each_point(summary, point_keys):
        for arm in arms:
            replicas = at_point[at_point["arm"] == arm]
            if replicas.empty:
                continue
            row = {
                **point,
                "arm": arm,
                "num_seeds": len(replicas),
                "num_diverged": int((replicas["status"] == "diverged").sum()),
                "seconds": float(replicas["seconds"].sum()),
            }
            for metric in metrics:
                row[f"{metric}_mean"] = float(replicas[metric].mean())
                row[f"{metric}_std"] = float(replicas[metric].std(ddof=1))
            rows.append(row)
    return pd.DataFrame(rows)


def compare_arms(
    summary: pd.DataFrame,
    point_keys: Sequence[str],
    arms: Sequence[str],
    baseline: str,
    metric: str,
    higher_is_better: bool,
) -> list[ArmComparison]:
    """Each arm against the baseline at each point, paired by seed.

    Args:
        summary: One row per replica.
        point_keys: The columns that hold the point.
        arms: In the order in which to list them; the baseline itself and arms without replicas are passed over.
        baseline: The arm to compare with.
        metric: The column to compare.
        higher_is_better: Which sign of the difference is a win.
    """
    comparisons = []
    for point, at_point in each_point(summary, point_keys):
        by_arm = {str(arm): rows.set_index("seed")[metric] for arm, rows in at_point.groupby("arm")}
        for arm in arms:
            if arm == baseline or arm not in by_arm or baseline not in by_arm:
                continue
            comparison = compare_pairs(by_arm[arm], by_arm[baseline], higher_is_better=higher_is_better)
            comparisons.append(ArmComparison(point, arm, comparison))
    return comparisons
