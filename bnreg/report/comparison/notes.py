"""The lines below a table: they keep a reader from reading too much into its numbers."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bnreg.analysis.audit import TooFewSeeds, audit
from bnreg.analysis.comparison import RUNNING_ACCURACY, Block, declared_effects, smallest_effect
from bnreg.analysis.groups import distinct, varying_keys
from bnreg.analysis.judged import Comparison, Side
from bnreg.analysis.power import too_few_pairs
from bnreg.analysis.replicas import DATASET_KEY
from bnreg.analysis.tuned import tuned_record
from bnreg.metrics import Metric, label_of, metric_of
from bnreg.report.comparison.findings import finding_text
from bnreg.report.comparison.numbers import p_text, seeds_text, shares_text
from bnreg.report.tuning import tuning_text
from bnreg.wording import as_written, counted, point_label

if TYPE_CHECKING:
    from bnreg.statistics.evidence import Evidence
    from bnreg.statistics.forecast import Forecast

MAX_LISTED = 8

MAX_FORESEEN = 40  # each takes a thirtieth of a second


def notes_on(block: Block) -> list[str]:
    """The notes on a block, one line each, the most important first."""
    return [
        *_on_replicas(block),
        *_on_pairing(block),
        *power_notes(block.judged, _command_that_adds_seeds(block)),
        *_on_tuning(block),
        *_on_fairness(block),
        *_on_effects(block),
        *method_notes(block.judged),
    ]


def _on_replicas(block: Block) -> list[str]:
    notes = []
    if RUNNING_ACCURACY in block.metrics and not block.question.metrics:
        notes.append("batch norm uses population statistics; 'by running' uses running statistics")
    notes += divergence_notes([(group, group.diverged_seeds) for group in block.groups], block.judged)
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


def divergence_notes(
    diverged: Sequence[tuple[Side, Sequence[int | str]]], judged: Sequence[Comparison[Any]]
) -> list[str]:
    """Which seeds diverged, how often on each side, and what these counts allow; equal ones of several points together.

    Args:
        diverged: Each side with its seeds that diverged.
        judged: The comparisons between them.
    """
    listed = _by_seeds(diverged)
    if not listed:
        return []
    points: dict[str, list[str]] = {}
    for one in judged:
        found = one.evidence.divergence
        if one.metric == judged[0].metric and (found.num_arm or found.num_baseline):
            shares = (one.arm.side, found.num_arm, found.arm), (one.baseline.side, found.num_baseline, found.baseline)
            sides = [f"{name} {number} [{shares_text(share)}]" for name, number, share in shares]
            said = f"{' against '.join(sides)}, exact p = {p_text(found.p_value)}"
            points.setdefault(said, []).append(point_label(one.arm.point))
    exact = [f"how often, with exact bounds: {said}{_at_points(labels)}" for said, labels in points.items()]
    return [f"diverged: {listed}; means and differences are of the seeds that trained", *exact[:MAX_LISTED]]


def _by_seeds(seeds: Sequence[tuple[Side, Sequence[int | str]]]) -> str:
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
        anytime = any(one.evidence.is_anytime for one in of_one_metric if one.unpaired == reason)
        notes.append(unpaired_note(names, block.baseline or "", f"the {reason} differ", anytime=anytime))
    for one in of_one_metric:
        if one.evidence.pairs and one.evidence.pairs.unmatched_seeds:
            notes.append(unmatched_note(one, one.evidence.pairs.unmatched_seeds))
    return notes


def unpaired_note(names: Sequence[str], baseline: str, reason: str, *, anytime: bool = False) -> str:
    """The warning that comparisons are unpaired, and why; ``anytime``: whether seeds were added after a look."""
    test = "Welch's interval and p, over the seeds of each"
    if anytime:
        test = "no verdict, because seeds were added after a look, and Welch's test is for one look"
    return f"warning: {_listed(names)} against {baseline}: unpaired because {reason}: {test}"


def unmatched_note(one: Comparison[Any], alone: Sequence[int | str]) -> str:
    """The note that seeds are left out because only one of the two sides has them."""
    verb = "has no partner and is left out" if len(alone) == 1 else "have no partner and are left out"
    return f"{one.arm.label} against {one.baseline.side}: {seeds_text(alone)} {verb}"


def _command_that_adds_seeds(block: Block) -> str:
    """A comparison between runs has no run to extend."""
    return f"bnreg extend {block.views[0].id} --until-decided" if len(block.views) == 1 else ""


def power_notes(judged: Sequence[Comparison[Any]], command: str = "") -> list[str]:
    """Too few pairs, ties, and the remarks on the verdicts.

    Args:
        judged: The comparisons.
        command: The command that adds seeds, if there is one.
    """
    notes = []
    for few in too_few_pairs(judged):
        are = "is" if few.num_pairs == 1 else "are"
        interval = "" if few.has_interval else "an interval or "
        after = f" after Holm for {few.family_size} comparisons" if few.family_size > 1 else ""
        remedy = f"use at least {few.enough} {few.noun}s" if few.enough else "compare fewer"
        notes.append(
            f"{counted(few.num_pairs, 'pair')} {are} too few for {interval}a p below "
            f"{p_text(few.smallest_p)}{after}: {remedy}"
        )
    if num_ties := sum(one.evidence.pairs.ties for one in judged if one.evidence.pairs):
        notes.append(f"{counted(num_ties, 'pair')} tied: neither side won")
    return [*notes, *_remarks(judged, command)]


def _remarks(judged: Sequence[Comparison[Any]], command: str) -> list[str]:
    """The remarks on the verdicts: one line for all comparisons with the same remark."""
    several = len({one.metric for one in judged}) > 1
    by_remark: dict[str, list[str]] = {}
    undecided: list[tuple[str, Forecast]] = []
    for one in judged:
        name = f"{label_of(one.metric)} of {one.arm.label}" if several else one.arm.label
        if one.evidence.verdict.remark and one.evidence.interval is not None:
            by_remark.setdefault(one.evidence.verdict.remark, []).append(name)
        if len(undecided) < MAX_FORESEEN and (found := one.forecast):
            undecided.append((name, found))
    notes = [f"{_all_or_listed(names, judged)}: {remark}" for remark, names in by_remark.items()]
    if undecided:
        names = [name for name, _ in undecided]
        remedy = f"; to add them: {command}" if command and any(found.low is not None for _, found in undecided) else ""
        forecast = foreseen([found for _, found in undecided])
        notes.append(f"{_all_or_listed(names, judged)}: inconclusive; {forecast}{remedy}")
    return notes


def _all_or_listed(names: Sequence[str], judged: Sequence[Comparison[Any]]) -> str:
    return f"all {len(names)} comparisons" if 1 < len(names) == len(judged) else _listed(names)


def foreseen(forecasts: Sequence["Forecast"]) -> str:
    """``12 to 40 seeds would probably decide it``, over all comparisons."""
    lows = [one.low for one in forecasts if one.low is not None]
    highs = [one.high for one in forecasts if one.high is not None]
    if not lows:
        return f"not even {forecasts[0].most} seeds would decide it"
    if len(highs) < len(forecasts):
        return f"{min(lows)} seeds or more would decide it, perhaps more than {forecasts[0].most}"
    least, most = min(lows), max(highs)
    return f"{f'{least} to {most}' if least < most else least} seeds would decide it in 8 of 10 cases"


def _on_tuning(block: Block) -> list[str]:
    """What the arms of each tuned run chose before."""
    return [tuning_text(record) for record in map(tuned_record, block.views) if record]


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
    notes = []
    for metric in distinct(one.metric for one in block.judged):
        effects = declared_effects(block, metric)
        if len(effects) > 1 and smallest_effect(block, metric) == effects[0]:
            values = ", ".join(map(as_written, effects))
            notes.append(
                f"the runs declare different smallest effects ({values}): the smallest applies, or --smallest-effect"
            )
    return notes


def other_effects(block: Block) -> list[str]:
    """The smallest effects that replace declared ones: ``0.30 pp instead of 0.20 pp``."""
    found = []
    for metric in distinct(one.metric for one in block.judged):
        effect, declared = smallest_effect(block, metric), declared_effects(block, metric)
        if effect is not None and declared and effect not in declared:
            shown = metric_of(metric)
            found.append(f"{amount(shown, effect)} instead of {amount(shown, declared[0])}")
    return found


def amount(metric: Metric, effect: float) -> str:
    """An effect in the unit in which differences are shown: ``0.20 pp``."""
    value = effect * metric.scale
    text = f"{value:.{metric.digits}f}"
    # A smaller effect than the decimals can show would look like none.
    shown = text if math.isclose(float(text), value, rel_tol=0.01) else f"{value:.3g}"
    return f"{shown} {metric.difference_unit}".rstrip()


def method_notes(judged: Sequence[Comparison[Any]]) -> list[str]:
    """The basis of the verdicts: the smallest effect of interest, the kind of interval and of p, the correction."""
    tested = [one for one in judged if one.evidence.is_tested]
    if not tested:
        return []
    effects = [
        f"±{amount(one.shown, one.evidence.smallest_effect)}"
        for one in tested
        if one.evidence.smallest_effect is not None
    ]
    parts = [f"equivalent: within {' and '.join(distinct(effects))}"] if effects else []
    with_interval = [one for one in tested if one.evidence.interval]
    bases = distinct(_basis_of(one) for one in with_interval)
    if bases:
        parts.append(f"[95 % interval] over {' or '.join(bases)}")
    kinds = distinct(_test_of(one.evidence) for one in tested)
    family = max(one.evidence.verdict.family_size for one in tested)
    corrected = f", after Holm for {family} comparisons" if family > 1 else ""
    parts.append(f"p of {' or '.join(kinds)}{corrected}")
    if any(one.evidence.is_anytime for one in tested):
        parts.append("interval and p hold at every look, so that seeds may be added")
    if any(one.evidence.verdict.word == "inconclusive" for one in tested):
        parts.append("~ inconclusive")
    if any(one.evidence.verdict.word in ("higher", "lower") for one in tested):
        undirected = any(one.shown.higher_is_better is None for one in tested)
        parts.append(f"higher and lower: {'neither is better' if undirected else 'no smallest effect is declared'}")
    return ["; ".join(parts)]


def _basis_of(judged: Comparison[Any]) -> str:
    """What the interval is over; a share of test examples that does not cover other test sets says so."""
    over = judged.evidence.interval_over
    return f"{over}, about this test set" if judged.is_of_test_set and not over.endswith("examples") else over


def _test_of(evidence: "Evidence") -> str:
    if evidence.pairs is None:
        return "Welch's test"
    test = "bets on signs" if evidence.is_anytime else "sign flips"
    return f"{test} or the interval, whichever is larger" if evidence.interval_p is not None else test


def _at_points(labels: Sequence[str]) -> str:
    if len(labels) == 1:
        return f", at {labels[0]}" if labels[0] else ""
    return f", at {len(labels)} points"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return f"{'; '.join(names[:MAX_LISTED])}{more}"
