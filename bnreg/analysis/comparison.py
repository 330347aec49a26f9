"""The answer to a question about runs, as data: blocks of groups with the verdicts on them."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from bnreg.analysis.groups import ReplicaGroup, changed_keys, distinct, mixed_data, pooled_groups, run_groups
from bnreg.analysis.judged import Judged, judge_groups
from bnreg.analysis.query import check_keys, equality, parse_filter, why_none
from bnreg.analysis.question import Question
from bnreg.analysis.replicas import (
    DATASET_KEY,
    LAST,
    Replica,
    check_at,
    check_metrics,
    metric_names,
    replicas_of,
)
from bnreg.analysis.run_view import RunView
from bnreg.config.cell_settings import cell_settings
from bnreg.errors import UserError
from bnreg.metrics import TEST_ACCURACY, effect_of, label_of, metric_of
from bnreg.wording import did_you_mean, listed, natural_order, point_label, unknown

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
        compared: The metrics to compare by.
        judged: The comparisons, metric by metric; those on one metric are a family of their own.
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
    compared: tuple[str, ...]
    judged: list[Judged]
    columns: tuple[str, ...]
    question: Question


@lru_cache(maxsize=8)
def block_of(view: RunView) -> Block:
    """The comparison of a run as its config asks for it, computed once for all that is shown of the run."""
    (block,) = compare_views([view])
    return block


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
            _run_block(view, names, replicas, chosen, baseline, columns, question)
            for view, names, replicas in zip(views, metrics, by_view, strict=True)
        ]
    else:
        blocks = [_pooled_block(views, [*chosen], along, baseline, columns, question)]
    _check_effects(question, [metric for block in blocks for metric in block.compared], views)
    return _sorted([block for block in blocks if block.groups], question.sort)


def _read(view: RunView, question: Question) -> tuple[str, ...]:
    """The metrics of a run that the tables need."""
    if question.metrics:
        return question.metrics
    beside = question.at == LAST and RUNNING_ACCURACY in metric_names(view) and _predicts_by_population(view)
    shown = (*DEFAULT_METRICS, RUNNING_ACCURACY) if beside else DEFAULT_METRICS
    return tuple(distinct([declared_metric(view), *shown]))


def declared_metric(view: RunView) -> str:
    """The metric that a run's config declares for its verdicts; what else is compared is secondary."""
    return str((view.config.get("compare") or {}).get("metric") or TEST_ACCURACY)


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
    chosen: Mapping[Replica, None],
    asked: str | None,
    columns: tuple[str, ...],
    question: Question,
) -> Block:
    if asked is not None and asked not in view.arms:
        raise _no_arm(asked, f"{view.id} does not have", view.arms)
    baseline = asked or view.baseline
    groups = run_groups(view, [one for one in replicas if one in chosen])
    block = Block(
        views=(view,),
        is_run=question.where is None,
        point_keys=view.point_keys,
        along="arm",
        baseline=baseline,
        groups=groups,
        metrics=metrics,
        compared=question.metrics or (declared_metric(view),),
        judged=[],
        columns=tuple(key for key in columns if key not in view.point_keys),
        question=question,
    )
    # What was compared does not become fewer comparisons by looking at some of them only.
    shown = {(point_label(group.point), group.side) for group in groups}
    everything = run_groups(view, replicas) if question.where is not None else []
    hidden = [one for one in everything if one.side == baseline or (point_label(one.point), one.side) not in shown]
    return _judged(block, hidden)


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
    declared_metrics = distinct(map(declared_metric, views))
    compared = question.metrics or (declared_metrics[0] if len(declared_metrics) == 1 else TEST_ACCURACY,)
    names = distinct([*compared, *DEFAULT_METRICS])
    known_to_all = tuple(name for name in names if all(name in one.values for one in replicas))
    block = Block(
        views=tuple(dict.fromkeys(one.view for one in replicas)),
        is_run=False,
        point_keys=tuple(point_keys),
        along=along,
        baseline=baseline,
        groups=groups,
        metrics=question.metrics or known_to_all,
        compared=compared,
        judged=[],
        columns=tuple(key for key in columns if key not in point_keys and key != along),
        question=question,
    )
    return _judged(block)


def _judged(block: Block, hidden: Sequence[ReplicaGroup] = ()) -> Block:
    """The block with its comparisons: each group against the baseline's group at the same point.

    Args:
        block: The block.
        hidden: Further groups, whose comparisons belong to the same family but are not shown.
    """
    if block.baseline is None:
        return block
    question, baseline = block.question, block.baseline
    if question.only_common:
        sides = Counter(point_label(group.point) for group in block.groups)
        block = replace(block, groups=[one for one in block.groups if sides[point_label(one.point)] > 1])
    pairs, lacking = _pairs(block.groups, baseline)
    if lacking:
        where = f" at {'; '.join(lacking)}" if lacking != [""] else ""
        run = f"{block.views[0].id}: " if len(block.views) == 1 else ""
        matching, remedy = "", "leave this out with --where"
        if question.where is not None:
            matching = f" that matches --where {question.where!r}"
            remedy = "filter by a setting that it shares, such as optimizer.lr or seed"
        what = f"{run}the baseline {block.baseline} has no replica{where}{matching}"
        raise UserError(f"{what}; choose another --baseline, or {remedy}")
    unseen, _ = _pairs(hidden, baseline)
    effects = {metric: smallest_effect(block, metric) for metric in block.compared}
    judged = judge_groups([*pairs, *unseen], block.compared, effects)
    shown = {arm for arm, _ in pairs}
    return replace(block, judged=[one for one in judged if one.arm in shown])


def _pairs(groups: Sequence[ReplicaGroup], baseline: str) -> tuple[list[tuple[ReplicaGroup, ReplicaGroup]], list[str]]:
    """Each group with the baseline's at the same point, and the points at which the baseline has none."""
    baselines = {point_label(group.point): group for group in groups if group.side == baseline}
    others = [group for group in groups if group.side != baseline]
    lacking = distinct(point_label(group.point) for group in others if point_label(group.point) not in baselines)
    paired = [(group, point_label(group.point)) for group in others]
    return [(group, baselines[point]) for group, point in paired if point in baselines], lacking


def smallest_effect(block: Block, metric: str) -> float | None:
    """The smallest effect of interest in the metric's unit; 0 if every difference matters, None if none was declared.

    Of several that runs declare, the smallest: what is equivalent by it is so by all.

    Raises:
        UserError: If the one that is asked for is none.
    """
    asked = block.question.smallest_effects
    is_meant = metric_of(metric).smallest_effect is not None or len(block.question.metrics) <= 1
    name = metric if metric in asked else "" if "" in asked and is_meant else None
    if name is not None:
        try:
            return effect_of(asked[name], metric)
        except ValueError as wrong:
            raise UserError(f"--smallest-effect {asked[name]}: {label_of(metric)}: {wrong}") from None
    declared = declared_effects(block, metric)
    return min(declared) if declared else None


def _check_effects(question: Question, compared: Sequence[str], views: Sequence[RunView]) -> None:
    """Refuse a smallest effect of a metric by which nothing is compared.

    Raises:
        UserError: A line for each.
    """
    known = distinct(name for view in views for name in metric_names(view))
    mistakes = []
    for metric in question.smallest_effects:
        if metric and metric not in compared:
            reason = f"it is not compared; add --metric {metric}"
            mistakes.append(
                f"--smallest-effect {metric}: {reason if metric in known else unknown('metric', metric, known)}"
            )
    if mistakes:
        raise UserError(*mistakes)


def declared_effects(block: Block, metric: str) -> list[float]:
    """The smallest effects of interest that the configs of the runs declare for a metric, ascending."""
    found = []
    for view in block.views:
        declared = (view.config.get("compare") or {}).get("smallest_effect")
        if isinstance(declared, Mapping):
            declared = declared.get(metric)
        elif metric_of(metric).smallest_effect is None:
            declared = None
        effect = metric_of(metric).smallest_effect if declared is None else effect_of(declared, metric)
        found += [] if effect is None else [effect]
    return sorted({*found})


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
    metrics = block.compared
    return replace(block, judged=sorted(block.judged, key=lambda one: (metrics.index(one.metric), place[one.arm])))
