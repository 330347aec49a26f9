"""The verdicts on another tool's results: as tables, in the words of ``compare``, and as plain data."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from bnreg.analysis.groups import distinct
from bnreg.analysis.judged import Comparison
from bnreg.foreign.judging import NO_SEEDS, Judgement
from bnreg.foreign.samples import Sample
from bnreg.report.comparison.notes import (
    divergence_notes,
    method_notes,
    power_notes,
    unmatched_note,
    unpaired_note,
)
from bnreg.report.comparison.numbers import header_of, means, number, out_of, p_text
from bnreg.report.comparison.records import comparison_record, or_none
from bnreg.report.comparison.tables import comparison_grid, named
from bnreg.report.grid import Grid
from bnreg.wording import counted, short_names

ARM = "arm"
WIDTH = 100  # of a table that is printed from Python


@dataclass(frozen=True, eq=False)
class Verdicts:
    """The answer of ``bnreg.judge``: printed, it is what ``bnreg judge`` prints.

    Attributes:
        judgement: The samples, the comparisons and the evidence.
    """

    judgement: Judgement

    @property
    def record(self) -> dict[str, Any]:
        """What ``bnreg judge --json`` prints."""
        return judgement_record(self.judgement)

    def __str__(self) -> str:
        console = Console(file=io.StringIO(), highlight=False, width=WIDTH)
        console.print(*(Text(f"note: {line}") for line in self.judgement.assumed), sep="\n")
        console.print(judgement_tables(self.judgement), crop=False)
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue().strip("\n")


def judgement_tables(judgement: Judgement) -> Group:
    """The tables for the terminal."""
    parts: list[RenderableType] = [Text.assemble((_name(judgement), "bold"), f": {', '.join(_facts(judgement))}"), ""]
    parts += [_arm_grid(judgement), ""]
    if judged := _shown(judgement):
        parts += [comparison_grid(judged, *_names(judgement, judged)), ""]
    if over := judgement.over_data_sets:
        heading = f"over {counted(len(_points(judgement)), 'data set')}, by the mean difference on each:"
        parts += [Text(heading), comparison_grid(over, *named((), judgement.baseline, [one.arm for one in over])), ""]
    if judgement.ranking:
        parts += [Text(_ranking_heading(judgement)), _rank_grid(judgement), ""]
    return Group(*parts, Text("\n".join([*judgement_notes(judgement), ""])))


def judgement_notes(judgement: Judgement) -> list[str]:
    """The notes, one line each."""
    judged, over = _shown(judgement), judgement.over_data_sets
    diverged = [(one, _seed_names(judgement, one.diverged_seeds)) for one in judgement.samples]
    notes = divergence_notes(diverged, judged)
    if judgement.alone:
        notes.append(f"left out, without {judgement.baseline}: {', '.join(judgement.alone)}")
    for reason in distinct(one.unpaired for one in judged if one.unpaired):
        names = [one.arm.label for one in judged if one.unpaired == reason]
        why = "no column pairs their rows" if reason == NO_SEEDS else f"the {reason} differ"
        notes.append(unpaired_note(names, judgement.baseline, why))
    for one in judged:
        if one.evidence.pairs and one.evidence.pairs.unmatched_seeds:
            notes.append(unmatched_note(one, _seed_names(judgement, one.evidence.pairs.unmatched_seeds)))
    if "fold" in (judgement.columns.seed or "").lower():
        notes.append("warning: folds share most of their training examples, so interval and p are too optimistic")
    notes += [*power_notes(judged), *method_notes(judged)]
    for side in distinct(one.arm.side for one in over):
        without = [one.arm.label for one in judgement.judged if one.arm.side == side and isnan(one.evidence.difference)]
        if without:
            notes.append(f"left out over data sets, because no pair trained: {', '.join(without)}")
    return [*notes, *(f"over data sets: {note}" for note in [*power_notes(over), *method_notes(over)])]


def judgement_record(judgement: Judgement) -> dict[str, Any]:
    """The same as plain data: fractions instead of percent, None for missing values."""
    columns, request, ranking = judgement.columns, judgement.request, judgement.ranking
    return {
        "file": judgement.name or None,
        "along": columns.arm or ARM,
        "seed": columns.seed,
        "point": columns.point,
        "metric": columns.metric,
        "higher_is_better": judgement.shown.higher_is_better,
        "where": request.where,
        "baseline": judgement.baseline,
        "arms": [
            {
                "point": one.point,
                "arm": one.side,
                "num_seeds": len(one.by_seed),
                "num_diverged": len(one.diverged_seeds),
                columns.metric: {name: or_none(value) for name, value in one.moments("")._asdict().items()},
            }
            for one in judgement.samples
        ],
        "comparisons": [_record(judgement, one) for one in judgement.judged],
        "over_data_sets": [comparison_record(one) for one in judgement.over_data_sets],
        "ranking": None
        if ranking is None
        else {
            "ranks": dict(zip(judgement.ranked, ranking.ranks, strict=True)),
            "num_data_sets": ranking.num_data_sets,
            "chi_square": ranking.chi_square,
            "p_value": ranking.p_value,
            "critical_difference": ranking.critical_difference,
            "not_told_apart": [[judgement.ranked[arm] for arm in clique] for clique in ranking.cliques],
        },
        "notes": judgement_notes(judgement),
        "assumed": judgement.assumed,
    }


def _shown(judgement: Judgement) -> list[Comparison[Sample]]:
    """The comparisons on each data set, unless one value for each arm says nothing that the arms' table does not."""
    says_nothing = judgement.over_data_sets and all(one.evidence.interval is None for one in judgement.judged)
    return [] if says_nothing else judgement.judged


def _record(judgement: Judgement, one: Comparison[Sample]) -> dict[str, Any]:
    record = comparison_record(one)
    return record | {"unmatched_seeds": _seed_names(judgement, record["unmatched_seeds"])}


def _name(judgement: Judgement) -> str:
    return judgement.name or "results"


def _points(judgement: Judgement) -> list[str]:
    return distinct(str(value) for one in judgement.judged for value in one.arm.point.values())


def _facts(judgement: Judgement) -> list[str]:
    facts = [judgement.columns.metric]
    if judgement.columns.seed is not None or judgement.columns.arms:
        facts.append(counted(len(judgement.seeds), judgement.columns.seed or "row"))
    return [*facts, f"where {judgement.request.where}"] if judgement.request.where is not None else facts


def _seed_names(judgement: Judgement, seeds: Sequence[int]) -> list[int | str]:
    return [judgement.seeds[seed] for seed in seeds]


def _point_keys(judgement: Judgement) -> tuple[str, ...]:
    return () if judgement.columns.point is None else (judgement.columns.point,)


def _names(judgement: Judgement, judged: Sequence[Comparison[Sample]]) -> tuple[list[str], list[list[str]]]:
    return named(_point_keys(judgement), judgement.baseline, [one.arm for one in judged])


def _arm_grid(judgement: Judgement) -> Grid:
    """Mean, standard deviation and number of values of each arm."""
    samples, shown = judgement.samples, judgement.shown
    _, names = named(_point_keys(judgement), judgement.baseline, samples, mark=" (baseline)")
    columns = {
        header_of(judgement.columns.metric, shown): means(shown, [one.moments("") for one in samples]),
        "n": [str(len(one.values(""))) for one in samples],
    }
    if any(one.diverged_seeds for one in samples):
        counts = [[len(one.diverged_seeds) for one in samples], [len(one.by_seed) for one in samples]]
        columns["diverged"] = out_of(*counts)
    headers = [*short_names(_point_keys(judgement)), judgement.columns.arm or ARM]
    cells = zip(*columns.values(), strict=True)
    return Grid([*headers, *columns], [[*n, *c] for n, c in zip(names, cells, strict=True)], num_names=len(headers))


def _ranking_heading(judgement: Judgement) -> str:
    ranking = judgement.ranking
    assert ranking is not None
    return (
        f"average ranks over {counted(ranking.num_data_sets, 'data set')}, 1 is best; Friedman's test, by Iman and "
        f"Davenport's F: p {p_text(ranking.p_value)}; arms on one line | differ by less than the "
        f"critical difference {number(ranking.critical_difference, 2)} (Nemenyi, 5 %):"
    )


def _rank_grid(judgement: Judgement) -> Grid:
    """The critical difference diagram in text: the arms from the best on, and a line through those not told apart."""
    ranking = judgement.ranking
    assert ranking is not None
    order = sorted(range(len(ranking.ranks)), key=ranking.ranks.__getitem__)
    rows = [
        [
            judgement.ranked[arm],
            number(ranking.ranks[arm], 2),
            " ".join("|" if arm in clique else " " for clique in ranking.cliques),
        ]
        for arm in order
    ]
    return Grid([judgement.columns.arm or ARM, "rank", "not told apart"], rows, num_names=1)
