"""The lines below a table: they keep a reader from reading too much into its numbers."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bnreg.analysis.audit import TooFewSeeds, audit
from bnreg.analysis.comparison import RUNNING_ACCURACY, Block, declared_effects
from bnreg.analysis.groups import ReplicaGroup, distinct, varying_keys
from bnreg.analysis.judged import Judged
from bnreg.analysis.power import too_few_pairs
from bnreg.analysis.replicas import DATASET_KEY
from bnreg.metrics import label_of, metric_of
from bnreg.report.comparison.findings import finding_text
from bnreg.report.comparison.numbers import p_text, seeds_text
from bnreg.wording import as_written, counted, point_label

if TYPE_CHECKING:
    from bnreg.statistics.evidence import Evidence

MAX_LISTED = 8

_DECIDED = "inconclusive; {} seeds would decide it in 80 % of cases"


def notes_on(block: Block) -> list[str]:
    """The notes on a block, one line each, the most important first."""
    return [
        *_on_replicas(block),
        *_on_pairing(block),
        *_on_power(block.judged),
        *_on_fairness(block),
        *_on_effects(block),
        *_on_method(block.judged),
    ]


def _on_replicas(block: Block) -> list[str]:
    notes = []
    if RUNNING_ACCURACY in block.metrics and not block.question.metrics:
        notes.append("batch norm uses population statistics; 'by running' uses running statistics")
    if diverged := _by_seeds([(group, group.diverged_seeds) for group in block.groups]):
        notes.append(f"diverged, counted as chance: {diverged}")
    if dead := _by_seeds([(group, group.dead_seeds) for group in block.groups]):
        causes = "dead units, a learning rate that is too high, or a warm-up that never ends"
        notes.append(f"warning: no better than a guess: {dead}; usual causes: {causes}")
    if DATASET_KEY in block.point_keys and DATASET_KEY not in (block.question.group_by or ()):
        notes.append("the runs use different data sets, which are never averaged: each has rows of its own")
    if not block.is_run and (keys := varying_keys(block.groups)):
        notes.append(f"each seed's value is averaged over {', '.join(keys)}; --group-by separates them")
    if not block.is_run and len(block.views) > 1:
        for side in distinct(group.side for group in block.groups):
            runs = {one.view for group in block.groups if group.side == side for one in group.replicas}
            if len(runs) < len(block.views) and block.along == "arm" and "run" not in block.point_keys:
                notes.append(f"{side} is in {len(runs)} of {counted(len(block.views), 'run')}")
    return notes


def _by_seeds(seeds: Sequence[tuple[ReplicaGroup, list[int]]]) -> str:
    """The groups that have any of these seeds, each with the seeds; groups that differ only in their point together."""
    points: dict[str, list[str]] = {}
    for group, some in seeds:
        if some:
            points.setdefault(f"{group.side}, {seeds_text(some)}", []).append(point_label(group.point))
    return _listed([f"{who}{_at_points(labels)}" for who, labels in points.items()])


def _on_pairing(block: Block) -> list[str]:
    notes = []
    declared = distinct(view.baseline for view in block.views if view.baseline is not None)
    if block.baseline is None and len(declared) > 1:
        return [f"nothing is compared: the runs have different baselines ({', '.join(declared)}); choose a --baseline"]
    if not block.judged:
        return []
    of_one_metric = [one for one in block.judged if one.metric == block.judged[0].metric]
    for reason in distinct(one.unpaired for one in of_one_metric if one.unpaired):
        names = [one.arm.label for one in of_one_metric if one.unpaired == reason]
        notes.append(
            f"warning: {_listed(names)} against {block.baseline}: unpaired because the {reason} differ: "
            "Welch's interval and p, over the seeds of each"
        )
    for one in of_one_metric:
        if one.evidence.pairs and one.evidence.pairs.unmatched_seeds:
            alone = one.evidence.pairs.unmatched_seeds
            verb = "has no partner and is left out" if len(alone) == 1 else "have no partner and are left out"
            notes.append(f"{one.arm.label} against {one.baseline.side}: {seeds_text(alone)} {verb}")
    return notes


def _on_power(judged: Sequence[Judged]) -> list[str]:
    """Too few pairs, ties, and the remarks on the verdicts."""
    notes = []
    for few in too_few_pairs(judged):
        are = "is" if few.num_pairs == 1 else "are"
        interval = "" if few.has_interval else "an interval or "
        after = f" after Holm for {few.family_size} comparisons" if few.family_size > 1 else ""
        remedy = f"use at least {few.enough} seeds" if few.enough else "compare fewer"
        notes.append(
            f"{counted(few.num_pairs, 'pair')} {are} too few for {interval}a p below "
            f"{p_text(few.smallest_p)}{after}: {remedy}"
        )
    if num_ties := sum(one.evidence.pairs.ties for one in judged if one.evidence.pairs):
        notes.append(f"{counted(num_ties, 'pair')} tied: neither side won")
    return [*notes, *_remarks(judged)]


def _remarks(judged: Sequence[Judged]) -> list[str]:
    """The remarks on the verdicts: one line for all comparisons with the same remark."""
    several = len({one.metric for one in judged}) > 1
    by_remark: dict[str, list[str]] = {}
    needed: list[int] = []
    for one in judged:
        verdict = one.evidence.verdict
        if verdict.remark and one.evidence.interval is not None:
            name = f"{label_of(one.metric)} of {one.arm.label}" if several else one.arm.label
            by_remark.setdefault(_DECIDED if verdict.seeds_needed else verdict.remark, []).append(name)
            needed += [verdict.seeds_needed] if verdict.seeds_needed else []
    notes = []
    for remark, names in by_remark.items():
        said = remark
        if remark == _DECIDED:
            least, most = min(needed), max(needed)
            said = remark.format(f"{least:,}" if least == most else f"{least:,} to {most:,}")
        who = f"all {len(names)} comparisons" if 1 < len(names) == len(judged) else _listed(names)
        notes.append(f"{who}: {said}")
    return notes


def _on_fairness(block: Block) -> list[str]:
    """The audit's findings in the runs, except for too few seeds, which the comparisons themselves report."""
    if not block.judged:
        return []
    findings = Counter(
        finding_text(finding) for view in block.views for finding in audit(view) if not isinstance(finding, TooFewSeeds)
    )
    if len(block.views) == 1:
        return [f"audit: {line}" for line in findings]
    runs = counted(len(block.views), "run")
    return [f"audit: {line} (in {number} of {runs})" for line, number in findings.items()]


def _on_effects(block: Block) -> list[str]:
    """Which smallest effect of interest applies, if the runs declare several."""
    effects = declared_effects(block)
    have_one = any(metric_of(one.metric).smallest_effect is not None for one in block.judged)
    if len(effects) == 1 or not have_one or block.question.smallest_effect is not None:
        return []
    values = ", ".join(map(as_written, effects))
    return [f"the runs declare different smallest effects ({values}): the smallest applies, or --smallest-effect"]


def _on_method(judged: Sequence[Judged]) -> list[str]:
    """The basis of the verdicts: the smallest effect of interest, the kind of interval, the correction of p."""
    tested = [one for one in judged if one.evidence.is_tested]
    if not tested:
        return []
    effects = []
    for metric in distinct(one.metric for one in tested):
        effect = next(one.evidence.verdict.smallest_effect for one in tested if one.metric == metric)
        if effect is not None:
            shown = metric_of(metric)
            effects.append(f"±{effect * shown.scale:.{shown.digits}f} {shown.difference_unit}".rstrip())
    parts = [f"equivalent: within {' and '.join(distinct(effects))}"] if effects else []
    bases = distinct(one.evidence.interval_over for one in tested if one.evidence.interval)
    if bases:
        parts.append(f"[95 % interval] over {' or '.join(bases)}")
    family = tested[0].evidence.verdict.family_size
    parts.append(f"p after Holm for {family} comparisons" if family > 1 else f"p of {_test_of(tested[0].evidence)}")
    if any(one.evidence.verdict.word == "inconclusive" for one in tested):
        parts.append("~ inconclusive")
    return ["; ".join(parts)]


def _test_of(evidence: "Evidence") -> str:
    return "sign flips" if evidence.pairs else "Welch's test"


def _at_points(labels: Sequence[str]) -> str:
    if len(labels) == 1:
        return f", at {labels[0]}" if labels[0] else ""
    return f", at {len(labels)} points"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return f"{'; '.join(names[:MAX_LISTED])}{more}"
