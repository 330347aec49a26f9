"""The answer to a question about runs, as data: blocks of groups with the verdicts on them."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bnreg.analysis.groups import ReplicaGroup, changed_keys, distinct, mixed_data, pooled_groups, run_groups
from bnreg.analysis.judged import Judged, judge_groups
from bnreg.analysis.query import check_keys, equality, parse_filter, why_none
from bnreg.analysis.question import Question
from bnreg.analysis.replicas import (
    DATASET_KEY,
    LAST,
    TEST_ACCURACY,
    Replica,
    check_at,
    check_metrics,
    metric_names,
    replicas_of,
)
from bnreg.analysis.run_view import RunView
from bnreg.config.cell_settings import cell_settings
from bnreg.errors import UserError
from bnreg.metrics import ACCURACY_SMALLEST_EFFECT, metric_of
from bnreg.wording import did_you_mean, listed, natural_order, point_label

DEFAULT_METRICS = (TEST_ACCURACY, "test_loss")
RUNNING_ACCURACY = "test_accuracy_running"  # shown beside the accuracy if that uses population statistics


@dataclass(frozen=True, eq=False)
class Block:
    """The groups in one table, and the comparisons between them.

    Attributes:
        views: The runs they come from.
        is_run: Whether they are one complete run, rather than a selection from runs.
        point_keys: Keys that distinguish the points.
        along: The key along which groups are compared, usually ``arm``.
        baseline: The side that the others are compared with, if any.
        groups: By point and side.
        metrics: The metrics to show.
        judged: The comparisons, metric by metric.
        columns: Further settings to show.
        question: The question that it answers.
    """

    views: tuple[RunView, ...]
    is_run: bool
    point_keys: tuple[str, ...]
    along: str
    baseline: str | None
    groups: list[ReplicaGroup]
    metrics: tuple[str, ...]
    judged: list[Judged]
    columns: tuple[str, ...]
    question: Question


def compare_views(views: Sequence[RunView], question: Question | None = None) -> list[Block]:
    """Answer a question about runs.

    Raises:
        UserError: If the question asks for something that the runs do not have.
    """
    question = question or Question()
    check_at(question.at)
    check_metrics(views, question.metrics)
    metrics = [_read(view, question) for view in views]
    by_view = [replicas_of(view, names, question.at) for view, names in zip(views, metrics, strict=True)]
    everything = [replica for replicas in by_view for replica in replicas]
    keys = distinct(key for settings in _cells(everything) for key in settings)
    along, baseline = _baseline(question.baseline, views, keys)
    check_keys(question.columns, keys, "--columns")
    check_keys(question.group_by or (), keys, "--group-by")
    if question.sort is not None:
        check_keys([question.sort.removeprefix("-")], [*keys, *everything[0].values], "--sort")

    chosen = _chosen(everything, question.where, keys)
    columns = _columns(chosen, question)
    if question.group_by is None and along == "arm":
        blocks = [
            _run_block(view, names, [one for one in replicas if one in chosen], baseline, columns, question)
            for view, names, replicas in zip(views, metrics, by_view, strict=True)
        ]
    else:
        blocks = [_pooled_block(views, [*chosen], along, baseline, columns, question)]
    return _sorted([block for block in blocks if block.groups], question.sort)


def _read(view: RunView, question: Question) -> tuple[str, ...]:
    """The metrics of a run that the tables need."""
    if question.metrics:
        return question.metrics
    beside = question.at == LAST and RUNNING_ACCURACY in metric_names(view) and _predicts_by_population(view)
    return (*DEFAULT_METRICS, RUNNING_ACCURACY) if beside else DEFAULT_METRICS


def _predicts_by_population(view: RunView) -> bool:
    """Whether any network's final accuracy uses population statistics."""
    cells = (cell_settings(view.config, arm, point) for point in view.points for arm in view.arms)
    return any(settings.get("model.inference_statistics") == "population" for settings in cells)


def _cells(replicas: Sequence[Replica]) -> list[dict[str, Any]]:
    """The distinct settings."""
    return [dict(settings) for settings in {one.cell: one.settings for one in replicas}.values()]


def _chosen(replicas: Sequence[Replica], where: str | None, keys: Sequence[str]) -> dict[Replica, None]:
    """The replicas that match all conditions, in order."""
    if where is None:
        return dict.fromkeys(replicas)
    conditions = parse_filter(where)
    check_keys([condition.key for condition in conditions], [*keys, "seed"], "--where")
    settings = {one: {**one.settings, "seed": one.seed} for one in replicas}
    chosen = [one for one in replicas if all(condition.holds(settings[one]) for condition in conditions)]
    if not chosen:
        reason = why_none(conditions, [*settings.values()])
        raise UserError(f"--where {where!r}: matches none of the {len(replicas)} replicas: {reason}")
    return dict.fromkeys(chosen)


def _columns(chosen: dict[Replica, None], question: Question) -> tuple[str, ...]:
    if not question.only_changed:
        return question.columns
    changed = changed_keys(_cells([*chosen]))
    if question.columns:
        return tuple(key for key in question.columns if key in changed)
    shown = {"arm", "name", "run", *(question.group_by or ())}
    return tuple(key for key in changed if key not in shown)


def _baseline(asked: str | None, views: Sequence[RunView], keys: Sequence[str]) -> tuple[str, str | None]:
    """The key along which to compare, and the side to compare with, if one was given."""
    if asked is None:
        return "arm", None
    key, equals, value = asked.partition("=")
    arms = distinct(arm for view in views for arm in view.arms)
    if asked not in arms and equals:
        check_keys([key], keys, "--baseline")
        if not value:
            raise UserError(f"--baseline {asked}: expected a value after =")
        return key, value
    for view in views:
        if asked not in view.arms and len(views) == 1:
            raise _no_arm(asked, f"{view.id} does not have", view.arms)
    if asked not in arms:
        raise _no_arm(asked, "no run has", arms)
    return "arm", asked


def _no_arm(asked: str, who: str, arms: Sequence[str]) -> UserError:
    return UserError(f"--baseline {asked}: {who} this arm{did_you_mean(asked, arms)} ({listed(arms)})")


def _run_block(
    view: RunView,
    metrics: tuple[str, ...],
    replicas: Sequence[Replica],
    asked: str | None,
    columns: tuple[str, ...],
    question: Question,
) -> Block:
    if asked is not None and asked not in view.arms:
        raise _no_arm(asked, f"{view.id} does not have", view.arms)
    baseline = asked or view.baseline
    block = Block(
        views=(view,),
        is_run=question.where is None,
        point_keys=view.point_keys,
        along="arm",
        baseline=baseline,
        groups=run_groups(view, replicas),
        metrics=metrics,
        judged=[],
        columns=tuple(key for key in columns if key not in view.point_keys),
        question=question,
    )
    return _judged(block)


def _pooled_block(
    views: Sequence[RunView],
    replicas: Sequence[Replica],
    along: str,
    asked: str | None,
    columns: tuple[str, ...],
    question: Question,
) -> Block:
    group_by = [key for key in distinct(question.group_by or ()) if key != along]
    point_keys = group_by if along == "arm" or "arm" in group_by else ["arm", *group_by]
    groups = pooled_groups(replicas, point_keys, along)
    if mixed_data(groups, along) and DATASET_KEY not in (along, *point_keys):
        point_keys = [*point_keys, DATASET_KEY]
        groups = pooled_groups(replicas, point_keys, along)
    if mixed := mixed_data(groups, along):
        what = "the data differ under one name and can be neither averaged nor compared"
        raise UserError(f"{mixed.label}: {what}; add --group-by run")
    sides = distinct(group.side for group in groups)
    declared = distinct(view.baseline for view in views if view.baseline is not None)
    baseline = asked or (declared[0] if len(declared) == 1 else None)
    if baseline is not None and baseline not in sides:
        same = equality(along, baseline)
        equal = [group.side for group in groups if same.holds(group.replicas[0].settings)]
        if not equal:
            what = f"not one of those compared{did_you_mean(baseline, sides)}"
            raise UserError(f"--baseline {question.baseline or baseline}: {what} ({', '.join(sides)})")
        baseline = equal[0]
    known_to_all = tuple(name for name in DEFAULT_METRICS if all(name in one.values for one in replicas))
    block = Block(
        views=tuple(dict.fromkeys(one.view for one in replicas)),
        is_run=False,
        point_keys=tuple(point_keys),
        along=along,
        baseline=baseline,
        groups=groups,
        metrics=question.metrics or known_to_all,
        judged=[],
        columns=tuple(key for key in columns if key not in point_keys and key != along),
        question=question,
    )
    return _judged(block)


def _judged(block: Block) -> Block:
    """The block with its comparisons: each group against the baseline's group at the same point."""
    if block.baseline is None:
        return block
    question = block.question
    if question.only_common:
        sides = Counter(point_label(group.point) for group in block.groups)
        block = replace(block, groups=[one for one in block.groups if sides[point_label(one.point)] > 1])
    baselines = {point_label(group.point): group for group in block.groups if group.side == block.baseline}
    others = [group for group in block.groups if group.side != block.baseline]
    lacking = distinct(point_label(group.point) for group in others if point_label(group.point) not in baselines)
    if lacking:
        where = f" at {'; '.join(lacking)}" if lacking != [""] else ""
        run = f"{block.views[0].id}: " if len(block.views) == 1 else ""
        matching, remedy = "", "leave this out with --where"
        if question.where is not None:
            matching = f" that matches --where {question.where!r}"
            remedy = "filter by a setting that it shares, such as optimizer.lr or seed"
        what = f"{run}the baseline {block.baseline} has no replica{where}{matching}"
        raise UserError(f"{what}; choose another --baseline, or {remedy}")
    pairs = [(group, baselines[point_label(group.point)]) for group in others]
    compared = question.metrics or (TEST_ACCURACY,)
    effects = {metric: _smallest_effect(block, metric) for metric in compared}
    return replace(block, judged=judge_groups(pairs, compared, effects, stored_final=question.at == LAST))


def _smallest_effect(block: Block, metric: str) -> float | None:
    """The smallest effect of interest in the metric's unit; a loss has none unless one is given.

    The smallest that a run declares: what is equivalent by it is so by all.
    """
    asked, natural = block.question.smallest_effect, metric_of(metric).smallest_effect
    if asked is not None:
        if natural is None and len(block.question.metrics) > 1:
            return None
        return asked or None
    if natural is None:
        return None
    return min(declared_effects(block)) or None


def declared_effects(block: Block) -> list[float]:
    """The smallest effects of interest in accuracy that the configs of the runs declare, ascending."""
    declared = ((view.config.get("compare") or {}).get("smallest_effect") for view in block.views)
    return sorted({ACCURACY_SMALLEST_EFFECT if effect is None else effect for effect in declared})


def _sorted(blocks: list[Block], sort: str | None) -> list[Block]:
    """Sort the groups within each block, and the blocks by their first group."""
    if sort is None:
        return blocks
    key, descending = sort.removeprefix("-"), sort.startswith("-")

    def order(group: ReplicaGroup) -> tuple[int, Any, str]:
        if key in group.replicas[0].values:
            mean = group.moments(key).mean
            return natural_order(None if math.isnan(mean) else mean)
        return natural_order(group.replicas[0].settings.get(key))

    blocks = [replace(block, groups=sorted(block.groups, key=order, reverse=descending)) for block in blocks]
    blocks = [_resorted(block) for block in blocks]
    return sorted(blocks, key=lambda block: order(block.groups[0]), reverse=descending)


def _resorted(block: Block) -> Block:
    """The block with its comparisons in the order of its groups."""
    place = {group: index for index, group in enumerate(block.groups)}
    metrics = block.question.metrics or (TEST_ACCURACY,)
    return replace(block, judged=sorted(block.judged, key=lambda one: (metrics.index(one.metric), place[one.arm])))
