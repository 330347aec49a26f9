"""The comparison of a run's arms: as tables for the terminal, as Markdown, and as plain data.

All three come from the same two grids of text, so that they never disagree in a figure or a word.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bnreg.report.run_view import RunView, counted, point_label, point_value, short_names
from bnreg.statistics.summarise import ArmComparison, compare_arms, each_point, summarise_arms

if TYPE_CHECKING:
    import pandas as pd

ACCURACY, LOSS = "final_test_accuracy", "final_test_loss"
RUNNING_ACCURACY = "final_test_accuracy_running"  # beside ACCURACY where that is with population statistics
MISSING = "–"

# With six pairs the sign-flip test can first reach p < 0.05.
ENOUGH_PAIRS = 6

# More swept settings than this share one column, which can wrap; else figures would not fit 80 columns.
MAX_POINT_COLUMNS = 2

# Where there is no room, names wrap between words, and words longer than this within: a `weight_decay` stays whole.
MAX_WHOLE_WORD = 12
INDENT = 2


@dataclass(frozen=True)
class _Grid:
    """A table as text: the first columns hold names and may wrap, the others hold figures and may not.

    On a terminal that is too narrow for the figures, the table overflows it.
    """

    headers: list[str]
    rows: list[list[str]]
    num_names: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = [*zip(self.headers, *self.rows, strict=True)]
        gaps = 2 * (len(columns) - 1)
        widths = [max(map(cell_len, column)) for column in columns]
        room = options.max_width - INDENT - gaps - sum(widths[self.num_names :])
        widths[: self.num_names] = _name_widths(columns[: self.num_names], room)

        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
        for index, (header, width) in enumerate(zip(self.headers, widths, strict=True)):
            is_name = index < self.num_names
            table.add_column(Text(header), justify="left" if is_name else "right", overflow="fold", width=width)
        for row in self.rows:
            table.add_row(*map(Text, row))
        total = INDENT + sum(widths) + gaps
        yield from console.render(Padding(table, (0, 0, 0, INDENT)), options.update_width(total))


def _name_widths(columns: Sequence[Sequence[str]], room: int) -> list[int]:
    """Widths for columns of names: together at most as wide as the room, if they can be."""
    widths = [max(map(cell_len, column)) for column in columns]
    words = [max(cell_len(word) for cell in column for word in cell.split()) for column in columns]
    for floors in (words, [min(word, MAX_WHOLE_WORD) for word in words]):
        while sum(widths) > room and widths != floors:
            widest = max((i for i, width in enumerate(widths) if width > floors[i]), key=widths.__getitem__)
            widths[widest] -= 1
    return widths


class _Phrases:
    """Phrases in a line of text, which is broken between them where there is no room."""

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


def comparison_tables(views: Sequence[RunView]) -> Group:
    """One block per run: what each arm reached, and how far each lies from the baseline."""
    return Group(*(part for view in views for part in _block(view)))


def _block(view: RunView) -> list[RenderableType]:
    comparisons = _comparisons(view)
    parts: list[RenderableType] = [_title(view), "", _arm_grid(view), ""]
    if comparisons:
        parts += [_comparison_grid(view, comparisons), ""]
    notes = _notes(view, comparisons)
    return [*parts, *(Text(note) for note in notes), *([""] if notes else [])]


def _title(view: RunView) -> _Phrases:
    """The run by its folder's name, for the experiment's is that of all its runs."""
    name = Text.assemble((view.name, "bold"), (view.id.removeprefix(view.name), "dim"), ":")
    *facts, last_fact = [
        Text(view.dataset_label, "bold yellow" if view.used_fallback else ""),
        *map(Text, _facts(view)),
        *(Text(override, "dim") for override in view.overrides),
    ]
    return _Phrases([name, *(Text.assemble(fact, ",") for fact in facts), last_fact])


def comparison_markdown(view: RunView) -> str:
    """The same for one run in GitHub's Markdown, with the same figures and words."""
    comparisons = _comparisons(view)
    facts = ", ".join([view.dataset_label, *_facts(view), *view.overrides])
    parts = [f"**{_escaped(view.name)}**: {_escaped(facts)}"]
    parts.append(_markdown(_arm_grid(view)))
    if comparisons:
        parts.append(_markdown(_comparison_grid(view, comparisons)))
    parts += [_escaped(note) for note in _notes(view, comparisons)]
    return "\n\n".join(parts) + "\n"


def _markdown(grid: _Grid) -> str:
    rules = [":--" if index < grid.num_names else "--:" for index in range(len(grid.headers))]
    rows = [[_escaped(cell) for cell in row] for row in (grid.headers, *grid.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], rules, *rows[1:]))


def _escaped(text: str) -> str:
    """Text that GitHub shows as it is; what is safe there, like an underscore between letters, stays legible."""
    return re.sub(r"[\\`*|~]|<(?! )|\](?=\()|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", text)


def comparison_records(views: Sequence[RunView]) -> list[dict[str, Any]]:
    """The same as plain data, one record per run: fractions instead of percent, None for what is missing."""
    return [_record(view) for view in views]


def _record(view: RunView) -> dict[str, Any]:
    arms = _arms(view)
    return {
        "run": view.id,
        "name": view.name,
        "dataset": view.dataset,
        "requested_dataset": view.requested_dataset,
        "num_epochs": view.num_epochs,
        "num_seeds": view.num_seeds,
        "device": view.device,
        "seconds": view.seconds,
        "overrides": list(view.overrides),
        "baseline": view.baseline,
        "arms": [
            {
                "point": point,
                "arm": str(row["arm"]),
                "num_seeds": int(row["num_seeds"]),
                "num_diverged": int(row["num_diverged"]),
                "seconds": _or_none(row["seconds"]),
                "test_accuracy": {"mean": _or_none(row[f"{ACCURACY}_mean"]), "std": _or_none(row[f"{ACCURACY}_std"])},
                "test_loss": {"mean": _or_none(row[f"{LOSS}_mean"]), "std": _or_none(row[f"{LOSS}_std"])},
                "test_accuracy_running": _or_none(row.get(f"{RUNNING_ACCURACY}_mean", math.nan)),
            }
            for point, rows in each_point(arms, view.point_keys)
            for row in rows.to_dict("records")
        ],
        "comparisons": [
            {
                "point": point,
                "arm": arm,
                "metric": "test_accuracy",
                "num_pairs": paired.num_pairs,
                "difference": _or_none(paired.difference),
                "interval": list(paired.interval) if paired.interval else None,
                "p_value": paired.p_value,
                "smallest_p": paired.smallest_p,
                "wins": paired.wins,
                "losses": paired.losses,
                "ties": paired.ties,
                "unmatched_seeds": list(paired.unmatched_seeds),
            }
            for point, arm, paired in _comparisons(view)
        ],
    }


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _comparisons(view: RunView) -> list[ArmComparison]:
    if view.baseline is None:
        return []
    return compare_arms(view.summary, view.point_keys, view.arms, view.baseline, ACCURACY, higher_is_better=True)


def _facts(view: RunView) -> list[str]:
    epochs, seeds = counted(view.num_epochs, "epoch"), counted(view.num_seeds, "seed")
    return [epochs, seeds, view.device, _duration(view.seconds)]


def _arms(view: RunView) -> "pd.DataFrame":
    metrics = [ACCURACY, LOSS, *([RUNNING_ACCURACY] if RUNNING_ACCURACY in view.summary else [])]
    return summarise_arms(view.summary, view.point_keys, view.arms, metrics)


def _arm_grid(view: RunView) -> _Grid:
    arms = _arms(view)
    names = [f"{arm} (baseline)" if arm == view.baseline else arm for arm in arms["arm"]]
    columns = {
        "arm": names,
        "test accuracy, %": _means(arms[f"{ACCURACY}_mean"] * 100, arms[f"{ACCURACY}_std"] * 100, digits=2),
        "test loss": _means(arms[f"{LOSS}_mean"], arms[f"{LOSS}_std"], digits=4),
        "seconds": [f"{seconds:.1f}" for seconds in arms["seconds"]],
    }
    if RUNNING_ACCURACY in view.summary:
        running = arms[f"{RUNNING_ACCURACY}_mean"] * 100
        columns["by running, %"] = [MISSING if math.isnan(mean) else f"{mean:.2f}" for mean in running]
    if arms["num_diverged"].any():
        columns["diverged"] = _out_of(arms["num_diverged"], arms["num_seeds"])
    points = [point for point, rows in each_point(arms, view.point_keys) for _ in range(len(rows))]
    return _grid(view, points, columns)


def _comparison_grid(view: RunView, comparisons: list[ArmComparison]) -> _Grid:
    paired = [comparison for _, _, comparison in comparisons]
    columns = {
        f"against {view.baseline}": [arm for _, arm, _ in comparisons],
        "difference, pp": [f"{one.difference * 100:+.2f}" if one.num_pairs else MISSING for one in paired],
        "95 % interval": _intervals([one.interval for one in paired]),
        "p": [_p(one.p_value) if one.num_pairs else MISSING for one in paired],
        "seeds won": _out_of([one.wins for one in paired], [one.num_pairs for one in paired]),
    }
    if any(one.ties for one in paired):
        columns["tied"] = [str(one.ties) for one in paired]
    return _grid(view, [point for point, _, _ in comparisons], columns)


def _grid(view: RunView, points: Iterable[dict[str, Any]], columns: dict[str, list[str]]) -> _Grid:
    """The columns, the first of them a name, behind those of the sweep's points."""
    if len(view.point_keys) <= MAX_POINT_COLUMNS:
        headers = short_names(view.point_keys)
        swept = [[point_value(value) for value in point.values()] for point in points]
    else:
        headers = ["point"]
        swept = [[point_label(point)] for point in points]
    rows = [[*names, *cells] for names, cells in zip(swept, zip(*columns.values(), strict=True), strict=True)]
    return _Grid([*headers, *columns], rows, num_names=len(headers) + 1)


def _notes(view: RunView, comparisons: list[ArmComparison]) -> list[str]:
    """What keeps a reader from taking the figures for more than they are."""
    notes = []
    if RUNNING_ACCURACY in view.summary:
        notes.append("batch norm by population statistics; the accuracy by running ones stands beside")
    if (view.summary["status"] == "diverged").any():
        notes.append("diverged replicas count as chance")
    for num_pairs, paired in sorted({paired.num_pairs: paired for _, _, paired in comparisons}.items()):
        if 0 < num_pairs < ENOUGH_PAIRS:
            are = "is" if num_pairs == 1 else "are"
            interval = "" if paired.interval else "an interval or "
            notes.append(
                f"{counted(num_pairs, 'pair')} {are} too few for {interval}a p below {_p(paired.smallest_p)}: "
                f"use at least {ENOUGH_PAIRS} seeds"
            )
    if len(comparisons) > 1:
        notes.append(f"{len(comparisons)} comparisons: p is not corrected for their number")
    for point, arm, paired in comparisons:
        if paired.unmatched_seeds:
            where = f"{point_label(point)}: " if point else ""
            notes.append(f"{where}{arm} against {view.baseline}: {_left_out(paired.unmatched_seeds)}")
    return notes


def _left_out(seeds: Sequence[int], num_shown: int = 10) -> str:
    if len(seeds) == 1:
        return f"seed {seeds[0]} has no partner and is left out"
    more = f" and {len(seeds) - num_shown} more" if len(seeds) > num_shown else ""
    return f"seeds {', '.join(map(str, seeds[:num_shown]))}{more} have no partner and are left out"


def _means(means: "pd.Series[float]", stds: "pd.Series[float]", digits: int) -> list[str]:
    """``95.93 ± 0.21`` with the points of a column below each other; the mean alone where every std is missing."""
    if stds.isna().all():
        return [f"{mean:.{digits}f}" for mean in means]
    spreads = _padded([MISSING if math.isnan(std) else f"{std:.{digits}f}" for std in stds])
    return [f"{mean:.{digits}f} ± {spread}" for mean, spread in zip(means, spreads, strict=True)]


def _intervals(intervals: Sequence[tuple[float, float] | None]) -> list[str]:
    """``[+0.31, +0.78]`` in percentage points, likewise."""
    highs = _padded([f"{interval[1] * 100:+.2f}" if interval else "" for interval in intervals])
    return [
        f"[{interval[0] * 100:+.2f}, {high}]" if interval else MISSING
        for interval, high in zip(intervals, highs, strict=True)
    ]


def _out_of(parts: Iterable[int], wholes: Iterable[int]) -> list[str]:
    padded = _padded([str(whole) for whole in wholes])
    return [f"{part} of {whole}" for part, whole in zip(parts, padded, strict=True)]


def _padded(cells: list[str]) -> list[str]:
    width = max(map(len, cells), default=0)
    return [cell.rjust(width) for cell in cells]


def _p(p_value: float) -> str:
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
