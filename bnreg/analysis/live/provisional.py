"""What can be said of a run before it is complete: the verdicts so far, and the learning curves so far."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from bnreg.analysis.comparison import Block, compare_views, declared_metric
from bnreg.analysis.replicas import guess_of
from bnreg.analysis.run_view import RunView
from bnreg.budget import Moment
from bnreg.config.cell_settings import cell_settings
from bnreg.errors import UserError
from bnreg.metrics import TEST_ACCURACY
from bnreg.names import ReplicaId
from bnreg.runs import RunInfo
from bnreg.runs.in_training.so_far import SoFar
from bnreg.training.messages import Proof, Row

Pair = tuple[int, int]  # a point's index and a seed: its arms are compared with each other


@dataclass(frozen=True, eq=False)
class Provisional:
    """The answer so far.

    Attributes:
        metric: The metric that the config declares for its verdicts.
        clock: What evaluations are counted by: ``epoch`` or ``step``.
        curves: Arm → time → the metric's mean over the networks that were evaluated then.
        block: The comparisons; None if no seed has been evaluated in all arms.
        moment: The evaluation that is compared; None if the networks are those that are trained to the end.
        num_seeds: Number of seeds that are compared.
    """

    metric: str
    clock: str
    curves: dict[str, dict[int, float]]
    block: Block | None
    moment: Moment | None
    num_seeds: int


def judge_so_far(so_far: SoFar) -> Provisional:
    """Judge the seeds that are trained to the end; until there is one, those in training, after the same evaluation."""
    info = so_far.info
    moment: Moment | None = None
    ends = _in_all_arms(so_far.summary, info)
    if not ends:
        moment, rows = _common_moment(so_far.metrics, info)
        ends = [_as_end(row, info) for row in rows]
    view = _view(info, ends)
    metric = declared_metric(view)
    metric = metric if any(metric in row for row in so_far.metrics) else TEST_ACCURACY
    return Provisional(
        metric=metric,
        clock=view.clock,
        curves=_curves(so_far, metric, view.clock),
        block=_compared(view) if ends else None,
        moment=moment,
        num_seeds=len({row["seed"] for row in ends}),
    )


def _in_all_arms(rows: Iterable[Row], info: RunInfo) -> list[Row]:
    """One row for each replica, of the seeds that have one in each arm at a point, in the run's order."""
    found: dict[Pair, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        found[row["point_index"], row["seed"]][row["arm"]] = row
    seeds = dict.fromkeys([*info.seeds, *sorted({seed for _, seed in found})])
    whole = {pair for pair, arms in found.items() if len(arms) == len(info.arms)}
    return [
        found[point, seed][arm]
        for point in range(len(info.points))
        for arm in info.arms
        for seed in seeds
        if (point, seed) in whole
    ]


def _common_moment(metrics: Sequence[Row], info: RunInfo) -> tuple[Moment | None, list[Row]]:
    """The evaluation that most seeds have reached in all arms, of several the last, with its rows; None without one."""
    at_moment: dict[Moment, list[Row]] = defaultdict(list)
    for row in metrics:
        at_moment[Moment(row["epoch"], row["step"])].append(row)
    reached = {moment: _in_all_arms(rows, info) for moment, rows in at_moment.items()}
    last = max(reached, key=lambda moment: (len(reached[moment]), moment), default=None)
    return (last, reached[last]) if last and reached[last] else (None, [])


def _as_end(row: Row, info: RunInfo) -> Row:
    """An evaluation as if training had ended there; a diverged network has the metrics of a guess."""
    metrics = {name: value for name, value in row.items() if name not in ReplicaId._fields + Moment._fields}
    has_diverged = any(value is None for value in metrics.values())
    if has_diverged:
        settings = cell_settings(info.config or {}, row["arm"], info.points[row["point_index"]])
        used = _view(info, []).used_data(settings)
        metrics = {name: guess_of(name, used) for name in metrics}
    named = {name: row[name] for name in ReplicaId._fields}
    moment = {f"final_{name}": row[name] for name in Moment._fields}
    final = {f"final_{name}": value for name, value in metrics.items()}
    return named | {"status": "diverged" if has_diverged else "ok", "seconds": 0.0} | moment | final


def _view(info: RunInfo, ends: Sequence[Row]) -> RunView:
    """A view of a run of these networks alone. Within a run, pairs need no proof that they are pairs."""
    proofs = [Proof(ReplicaId(*(row[name] for name in ReplicaId._fields)), "", "", row["final_epoch"]) for row in ends]
    seeds = tuple(dict.fromkeys(row["seed"] for row in ends))
    names = dict.fromkeys(name for row in ends for name in row)
    summary = {name: [_number(row.get(name)) for row in ends] for name in names}
    return RunView(replace(info, pairing=tuple(proofs), seeds=seeds), summary, info.config or {}, _no_table)


def _number(value: Any) -> Any:
    return math.nan if value is None else value


def _no_table(name: str) -> Any:
    raise LookupError(name)


def _compared(view: RunView) -> Block | None:
    try:
        (block,) = compare_views([view])
    except (UserError, LookupError):  # a metric that is only measured at the end
        return None
    return block


def _curves(so_far: SoFar, metric: str, clock: str) -> dict[str, dict[int, float]]:
    values: Mapping[str, dict[int, list[float]]] = {arm: defaultdict(list) for arm in so_far.info.arms}
    for row in so_far.metrics:
        if row.get(metric) is not None:
            values[row["arm"]][row[clock]].append(row[metric])
    return {arm: {time: fmean(times[time]) for time in sorted(times)} for arm, times in values.items() if times}
