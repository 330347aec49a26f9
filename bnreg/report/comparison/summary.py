"""A comparison in a line for each run or point, for when its tables do not fit on a screen."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.text import Text

from bnreg.analysis.comparison import Block
from bnreg.analysis.groups import distinct
from bnreg.metrics import label_of, metric_of
from bnreg.report.comparison.notes import notes_on
from bnreg.report.comparison.numbers import difference_header, differences, verdict
from bnreg.report.comparison.tables import VERDICT_STYLES, block_tables, title
from bnreg.report.grid import Grid
from bnreg.wording import MISSING, point_label

if TYPE_CHECKING:
    from bnreg.analysis.judged import Judged

SCREENFUL = 60  # lines; a taller terminal shows more


def comparison_text(blocks: Sequence[Block], console: Console, *, full: bool) -> Group:
    """The tables, or a summary before or instead of them if they do not fit on a screen."""
    if fitting := _tables_within(blocks, console, max(SCREENFUL, console.height if console.is_terminal else 0)):
        return fitting
    ordered = newest_last(blocks)
    short = summary(ordered)
    if short is None:
        return block_tables(blocks)
    if full:
        return Group(short, block_tables(ordered))
    return Group(short, Text("`bnreg compare … --full` also shows the tables and notes"))


def _tables_within(blocks: Sequence[Block], console: Console, most: int) -> Group | None:
    """The tables; None if they take more lines than that, which shows long before a thousand runs are formatted."""
    shown: list[Group] = []
    num_lines = 0
    for block in blocks:
        shown.append(block_tables([block]))
        num_lines += len(console.render_lines(shown[-1]))
        if num_lines > most:
            return None
    return Group(*shown)


def newest_last(blocks: Sequence[Block]) -> list[Block]:
    """The blocks by the start of their first run, unless the question asks for another order."""
    if any(block.question.sort is not None for block in blocks):
        return [*blocks]
    return sorted(blocks, key=lambda block: block.views[0].info.started or "")


def summary(blocks: Sequence[Block]) -> Group | None:
    """A line for each comparison, with its verdict and difference; None unless there are several lines.

    A run without a baseline has a line that says so. The notes are only added if there is one block.
    """
    grids = summary_grids(blocks)
    if not grids or len(next(iter(grids.values())).rows) < 2:
        return None
    parts: list[RenderableType] = []
    if len(blocks) == 1:
        parts += [title(blocks[0]), ""]
    for metric, grid in grids.items():
        parts += [*([Text(f"{label_of(metric)}:")] if len(grids) > 1 else []), grid, ""]
    if len(blocks) == 1:
        parts += [Text("\n".join([*notes_on(blocks[0]), ""]))]
    return Group(*parts)


def summary_grids(blocks: Sequence[Block]) -> dict[str, Grid]:
    """Metric → a row for each comparison by it; a run without a baseline has a row in the first."""
    metrics = distinct(one.metric for block in blocks for one in block.judged)
    return {metric: _grid(blocks, metric, metric == metrics[0]) for metric in metrics}


def _grid(blocks: Sequence[Block], metric: str, with_uncompared: bool) -> Grid:
    baselines = distinct(block.baseline for block in blocks if block.baseline is not None)
    lines: list[tuple[Block, Judged | None]] = []
    for block in blocks:
        judged = [one for one in block.judged if one.metric == metric]
        lines += [(block, one) for one in judged] if block.judged or not with_uncompared else [(block, None)]
    found = [one.evidence for _, one in lines if one]
    shifts = iter(differences(metric_of(metric), [one.difference for one in found], [one.interval for one in found]))
    has_points = any(one and one.arm.point for _, one in lines)
    rows = []
    for block, one in lines:
        against = f" against {block.baseline}" if len(baselines) > 1 else ""
        rows.append(
            [
                *([block.views[0].id] if len(blocks) > 1 else []),
                *([point_label(one.arm.point) if one else ""] if has_points else []),
                f"{one.arm.side}{against}" if one else _why_uncompared(block),
                verdict(one.evidence) if one else MISSING,
                next(shifts) if one else MISSING,
            ]
        )
    arm = f"against {baselines[0]}" if len(baselines) == 1 else "arm"
    headers = [*(["run"] if len(blocks) > 1 else []), *(["at"] if has_points else []), arm, "verdict"]
    return Grid([*headers, difference_header(metric_of(metric))], rows, num_names=len(headers), styles=VERDICT_STYLES)


def _why_uncompared(block: Block) -> str:
    return "no baseline" if block.baseline is None else "nothing to compare"
