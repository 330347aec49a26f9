"""A comparison as tables for the terminal, in Markdown and in LaTeX; ``report/page`` has them in HTML.

All come from the same grids of text, so they always agree in every number and word.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from bnreg.analysis.comparison import RUNNING_ACCURACY, Block
from bnreg.analysis.groups import ReplicaGroup, distinct
from bnreg.analysis.interactions import interactions_of
from bnreg.analysis.judged import Comparison, Side
from bnreg.analysis.run_view import RunView
from bnreg.metrics import label_of, metric_of
from bnreg.report.comparison.interactions import interactions_grid
from bnreg.report.comparison.notes import notes_on, other_effects
from bnreg.report.comparison.numbers import (
    difference_header,
    differences,
    duration,
    header,
    means,
    number,
    out_of,
    p_text,
    signed,
    unit,
    verdict,
    won,
)
from bnreg.report.comparison.tests_grid import tests_grid
from bnreg.report.grid import Grid, escaped, latex, markdown
from bnreg.wording import MISSING, as_written, counted, point_label, short_names

if TYPE_CHECKING:
    from bnreg.config.source.key_paths import Point

# More swept settings than this share one column, which can wrap; otherwise the numbers would not fit in 80 columns.
MAX_POINT_COLUMNS = 2

# The words carry the meaning; colour only repeats it.
VERDICT_STYLES = {"helped": "green", "hurt": "red", "equivalent": "cyan", "~": "dim"}


class _Phrases:
    """Phrases in a line of text, which is broken between phrases if room is short."""

    def __init__(self, phrases: Iterable[Text]) -> None:
        self._phrases = tuple(phrases)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        first, *others = self._phrases
        line = first.copy()
        for phrase in others:
            if line.cell_len + 1 + phrase.cell_len > options.max_width:
                yield line
                line = phrase.copy()
            else:
                line = Text.assemble(line, " ", phrase)
        yield line


def block_tables(blocks: Sequence[Block]) -> Group:
    """The tables for the terminal."""
    parts: list[RenderableType] = []
    for block in blocks:
        parts += [title(block), ""]
        for heading, _, grid in tables_of(block):
            parts += [*([Text(heading)] if heading else []), grid, ""]
        notes = notes_on(block)
        parts += [Text("\n".join([*notes, ""]))] if notes else []
    return Group(*parts)


def block_markdown(blocks: Sequence[Block]) -> str:
    """The tables in GitHub's Markdown."""
    parts = []
    for block in blocks:
        name, facts = name_of(block), ", ".join(facts_of(block))
        parts.append(f"**{escaped(name)}**: {escaped(facts)}")
        for heading, _, grid in tables_of(block):
            parts += [*([escaped(heading)] if heading else []), markdown(grid)]
        parts += map(escaped, notes_on(block))
    return "\n\n".join(parts) + "\n"


def block_latex(blocks: Sequence[Block]) -> str:
    """The tables in LaTeX, each with a caption and a label, with titles and notes as comments."""
    parts = []
    for block in blocks:
        title = f"{name_of(block)}: {', '.join(facts_of(block))}"
        parts.append(f"% {title}")
        place = block.views[0].id if len(block.views) == 1 else name_of(block)
        for table in tables_of(block):
            caption = title if table.shows == "arms" else f"{name_of(block)}: {caption_of(block, table)}"
            label = re.sub(r"[^A-Za-z0-9_.:-]+", "-", f"tab:{place}-{table.shows}")
            parts.append(latex(table.grid, caption, label))
        parts += ["\n".join(f"% {note}" for note in notes)] if (notes := notes_on(block)) else []
    return "\n\n".join(parts) + "\n"


class Table(NamedTuple):
    """One table of a block, with a heading if it needs one; LaTeX's captions and labels say what it shows."""

    heading: str
    shows: str
    grid: Grid


def tables_of(block: Block) -> list[Table]:
    """The tables of a block."""
    tables = [Table("", "arms", _seed_grid(block) if block.question.seeds else _arm_grid(block))]
    by_metric = distinct(one.metric for one in block.judged)
    for metric in by_metric:
        judged = [one for one in block.judged if one.metric == metric]
        heading, of_metric = (f"{label_of(metric)}:", f" on {label_of(metric)}") if len(by_metric) > 1 else ("", "")
        tables.append(
            Table(heading, f"verdicts{of_metric}", comparison_grid(judged, *_names(block, [one.arm for one in judged])))
        )
        if interactions := interactions_of(block, metric):
            tables.append(
                Table("", f"interactions{of_metric}", interactions_grid(interactions, metric, VERDICT_STYLES))
            )
        if block.question.tests:
            tables.append(
                Table("", f"tests{of_metric}", tests_grid(judged, *_names(block, [one.arm for one in judged])))
            )
    return tables


def caption_of(block: Block, table: Table) -> str:
    """What a table shows: ``verdicts, against plain``."""
    return table.shows if table.shows == "arms" else f"{table.shows}, against {block.baseline}"


def name_of(block: Block) -> str:
    """The run's experiment, or the number of runs."""
    return block.views[0].name if len(block.views) == 1 else counted(len(block.views), "run")


def title(block: Block) -> RenderableType:
    """The title; a run is named by its folder, because all runs of an experiment share the experiment's name."""
    view = block.views[0]
    suffix = view.id.removeprefix(view.name) if len(block.views) == 1 else ""
    fallback = len(block.views) == 1 and view.used_fallback
    first, *facts = facts_of(block)
    texts = [Text(first, "bold yellow" if fallback else ""), *map(Text, facts)]
    *but_last, last = texts
    return _Phrases(
        [
            Text.assemble((name_of(block), "bold"), (suffix, "dim"), ":"),
            *(Text.assemble(text, ",") for text in but_last),
            last,
        ]
    )


def _lengths(views: Sequence[RunView]) -> str:
    """How long the networks of some runs trained."""
    epochs = sorted({view.num_epochs for view in views})
    if len(epochs) > 1 and all(view.is_by_epochs for view in views):
        return f"{epochs[0]} to {epochs[-1]} epochs"
    return ", ".join(distinct(view.length for view in views))


def facts_of(block: Block) -> list[str]:
    """What a reader must know about the runs: data, length, number of seeds and the like."""
    datasets = distinct(view.dataset_label for view in block.views)
    seeds = {replica.seed for group in block.groups for replica in group.replicas}
    facts = [
        ", ".join(datasets),
        _lengths(block.views),
        counted(len(seeds), "seed"),
    ]
    if block.question.at != "last":
        kind, _, number = block.question.at.partition("=")
        facts.append(f"mean of the last {number} evaluations" if kind == "last" else f"at {kind} {number}".rstrip())
    if len(block.views) == 1:
        view = block.views[0]
        facts += [counted(len(view.info.looks), "look")] if view.is_sequential else []
        facts += [view.info.device, duration(view.info.seconds), *view.overrides]
    facts += [f"smallest effect {effect}" for effect in other_effects(block)]
    if block.question.where is not None:
        facts.append(f"where {block.question.where}")
    return facts


def _arm_grid(block: Block) -> Grid:
    groups = block.groups
    columns: dict[str, list[str]] = {}
    for metric in block.metrics:
        moments = [group.moments(metric) for group in groups]
        if metric == RUNNING_ACCURACY and not block.question.metrics:
            shown = metric_of(metric)
            columns["by running, %"] = [number(mean * shown.scale, shown.digits) for mean, _ in moments]
        else:
            columns[header(metric)] = means(metric_of(metric), moments)
    if not block.question.metrics:
        running = {"by running, %": columns.pop("by running, %")} if "by running, %" in columns else {}
        if len(block.views) == 1:
            columns["seconds"] = [f"{group.seconds:.1f}" for group in groups]
        columns |= running
    if len(block.views) > 1:
        columns["seeds"] = [str(len(group.by_seed)) for group in groups]
    if any(group.diverged_seeds for group in groups):
        columns["diverged"] = out_of(
            [len(group.diverged_seeds) for group in groups], [len(group.by_seed) for group in groups]
        )
    return _grid(block, groups, columns)


def _seed_grid(block: Block) -> Grid:
    """A row for each seed of each group, with its differences from the baseline."""
    rows = [(group, seed) for group in block.groups for seed in group.by_seed]
    columns = {"seed": [str(seed) for _, seed in rows]}
    compared = distinct(one.metric for one in block.judged)
    for metric in block.metrics:
        shown = metric_of(metric)
        values = [group.values(metric).get(seed, math.nan) * shown.scale for group, seed in rows]
        columns[header(metric)] = [number(value, shown.digits) for value in values]
        if pairs := {one.arm: one.by_seed for one in block.judged if one.metric == metric}:
            name = "difference" if len(compared) == 1 else f"{label_of(metric)} difference"
            shifts = [pairs.get(group, {}).get(seed) for group, seed in rows]
            columns[f"{name}{unit(shown, of_difference=True)}"] = [
                MISSING if shift is None else signed(shift * shown.scale, shown.digits) for shift in shifts
            ]
    if any(group.diverged_seeds for group in block.groups):
        columns["diverged"] = ["diverged" if seed in group.diverged_seeds else "" for group, seed in rows]
    return _grid(block, [group for group, _ in rows], columns)


def _grid(block: Block, groups: Sequence[ReplicaGroup], columns: dict[str, list[str]]) -> Grid:
    """The given columns, after those that name each row's group and show its further settings."""
    headers, names = _names(block, groups, baseline=True)
    headers[-1] = block.along
    headers += short_names(block.columns)
    settings = [[", ".join(group.settings(key)) or MISSING for key in block.columns] for group in groups]
    cells = zip(*columns.values(), strict=True)
    rows = [[*name, *written, *figures] for name, written, figures in zip(names, settings, cells, strict=True)]
    return Grid([*headers, *columns], rows, num_names=len(headers))


def comparison_grid(judged: Sequence[Comparison[Any]], headers: Sequence[str], names: Sequence[Sequence[str]]) -> Grid:
    """The verdict, the difference, p and the seeds won, one row per comparison.

    Args:
        judged: The comparisons, all by one metric.
        headers: Headers of the columns of names.
        names: Cells of these columns, one row per comparison.
    """
    shown = judged[0].shown
    evidence = [one.evidence for one in judged]
    shift = differences(shown, [one.difference for one in evidence], [one.interval for one in evidence])
    pairs = [one.pairs for one in evidence]
    columns = {
        "verdict": [verdict(one) for one in evidence],
        difference_header(shown): shift,
        "p": [p_text(one.verdict.corrected_p) if one.is_tested else MISSING for one in evidence],
        "won [95 %]": won(pairs),
    }
    rows = [[*name, *cells] for name, cells in zip(names, zip(*columns.values(), strict=True), strict=True)]
    return Grid([*headers, *columns], rows, num_names=len(headers) + 1, styles=VERDICT_STYLES)


def _names(
    block: Block, groups: Sequence[ReplicaGroup], *, baseline: bool = False
) -> tuple[list[str], list[list[str]]]:
    return named(block.point_keys, block.baseline, groups, mark=" (baseline)" if baseline else "")


def named(
    point_keys: Sequence[str], baseline: str | None, sides: Sequence[Side], *, mark: str = ""
) -> tuple[list[str], list[list[str]]]:
    """Headers and cells of the columns that name each side: first its point, then its name.

    Args:
        point_keys: Keys that distinguish the points.
        baseline: The side that the others are compared with, if any.
        sides: One per row.
        mark: What to add to the baseline's name.
    """
    label: Callable[[Point], list[str]]
    if len(point_keys) <= MAX_POINT_COLUMNS:
        headers = short_names(point_keys)
        label = lambda point: [as_written(value) for value in point.values()]  # noqa: E731 # one of two, as a value
    else:
        headers = ["point"]
        label = lambda point: [point_label(point)]  # noqa: E731
    rows = [[*label(one.point), f"{one.side}{mark}" if one.side == baseline else one.side] for one in sides]
    return [*headers, f"against {baseline}"], rows
