"""The list of runs, for the terminal and as plain data."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.text import Text

from bnreg.runs.finding.listing import ListedRun
from bnreg.runs.finding.removal import Removable
from bnreg.wording import MISSING, counted, in_config, printable

# Longer lists of arms are shown as a count: names are shown with the accuracies, and `bnreg show` lists them all.
MAX_ARMS_WIDTH = 16
GAP = "  "  # between columns
WIDE = 100  # from this width on, facts may be beside names
MIN_SETTINGS = 30  # with less space beside the facts, settings are below them
MIN_WIDTH = 20


def listing_lines(
    selected: Sequence[ListedRun], told: Sequence[Mapping[str, Any]], num_all: int, root: Path, width: int
) -> Group:
    """Each run in up to three lines: its full name, so that it can be copied, and tags; its facts; what tells it apart.

    Facts are in columns. In a wide terminal, lines are put beside each other. A note has its own line.

    Args:
        selected: The runs to list.
        told: The settings that tell each of them apart, see ``told_apart``.
        num_all: Number of runs that these were selected from.
        root: The folder they are in.
        width: The width in columns.
    """
    if not num_all:
        return Group(Text(f"{root}: no runs yet; create one with `bnreg train bn_vs_plain`"))
    if not selected:
        return Group(Text(f"{root}: none of {counted(num_all, 'run')} matches"))
    names = [" ".join([one.name, *(f"+{tag}" for tag in one.marks.tags)]) for one in selected]
    facts = _aligned([_facts(one) for one in selected])
    settings = [_settings(one) for one in told]
    widths = _Widths.of(selected, names, facts, settings, width)
    parts = []
    for one, name, line, words in zip(selected, names, facts, settings, strict=True):
        parts += [*_entry(name, line, words, widths), *_note(one, width)]
    states = ", ".join(f"{number} {state}" for state, number in Counter(one.state for one in selected).items())
    of_all = "" if len(selected) == num_all else f" of {num_all}"
    summed_up = [f"{len(selected)}{of_all} in {root}: {states}; test accuracy in %"]
    if any(one.state in ("created", "interrupted", "failed", "abandoned") for one in selected):
        summed_up.append("resume an incomplete run with `bnreg train --resume RUN`")
    return Group(*parts, "", *map(Text, summed_up))


@dataclass(frozen=True)
class _Widths:
    """The columns of names and facts, if something is beside them.

    Attributes:
        all: The width of the terminal.
        name: The width of the names; None if the facts are below them.
        facts: The width of the facts; None if the settings are below them.
    """

    all: int
    name: int | None
    facts: int | None

    @classmethod
    def of(
        cls,
        selected: Sequence[ListedRun],
        names: Sequence[str],
        facts: Sequence[str],
        settings: Sequence[str],
        width: int,
    ) -> "_Widths":
        # The reason why a run is not complete may be long; it alone moves nothing to a line of its own.
        complete = [line for one, line in zip(selected, facts, strict=True) if one.state == "complete"]
        name = max(map(len, names)) + len(GAP)
        fact = max(map(len, complete), default=len(GAP)) + len(GAP)
        setting = min(MIN_SETTINGS, max(map(len, settings)))
        if width >= WIDE and name + fact + setting <= width:
            return cls(width, name, fact)
        return cls(width, None, fact if len(GAP) + fact + setting <= width else None)


def _entry(name: str, facts: str, settings: str, widths: _Widths) -> Iterator[Text]:
    """A run's lines without its note."""
    indent = len(GAP) if widths.name is None else widths.name
    if widths.name is None:
        yield Text(name, "bold", overflow="fold")
    is_beside = widths.facts is not None and len(facts) <= widths.facts
    column = indent + widths.facts if is_beside and widths.facts else indent
    first, *rest = wrapped(settings, widths.all - column) or [""]
    if is_beside or not settings:
        lines = [
            facts.ljust(column - indent) + first if settings else facts,
            *(" " * (column - indent) + line for line in rest),
        ]
    else:
        lines = [facts, first, *rest]
    for number, line in enumerate(lines):
        beginning = Text(name.ljust(indent), "bold") if widths.name and not number else Text(" " * indent)
        yield from _hanging(beginning, line, widths.all)


def _hanging(beginning: Text, line: str, width: int) -> Iterator[Text]:
    """A line after its beginning; what does not fit continues below."""
    first, *rest = wrapped(line, width - len(beginning)) or [""]
    yield beginning + Text(first)
    yield from (Text(" " * len(beginning) + more) for more in rest)


def wrapped(line: str, width: int) -> list[str]:
    """A line in pieces that fit; spaces between columns stay."""
    return textwrap.wrap(line.rstrip(), max(width, MIN_WIDTH), drop_whitespace=True, break_on_hyphens=False)


def _note(one: ListedRun, width: int) -> Iterator[Text]:
    for line in wrapped(f"note: {one.marks.note}", width - len(GAP)) if one.marks.note else ():
        yield Text(f"{GAP}{line}", "italic")


def _settings(told: Mapping[str, Any]) -> str:
    """What tells a run apart; its number of seeds is among its facts."""
    return ", ".join(f"{printable(key)}={in_config(value)}" for key, value in told.items() if key != "seeds")


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The cells of each row in columns; the last of a row may be longer."""
    widths = [max(len(cells[i]) for cells in rows if len(cells) > i + 1) for i in range(max(map(len, rows)) - 1)]
    return [
        GAP.join([*(cell.ljust(width) for cell, width in zip(columns, widths, strict=False)), last])
        for *columns, last in rows
    ]


def _facts(one: ListedRun) -> list[str]:
    if one.state != "complete":
        return [one.state, minutes(one.started), one.reason]
    arms = ", ".join(one.arms)
    if len(arms) > MAX_ARMS_WIDTH:
        arms = counted(len(one.arms), "arm")
    last = f"{headline(one)}; {one.num_diverged} diverged" if one.num_diverged else headline(one)
    return [one.state, minutes(one.started), counted(one.num_seeds, "seed"), arms, last]


def headline(one: ListedRun) -> str:
    """The mean test accuracy, in percent, of the best arm and of the baseline, ``bn 96.94, plain 95.57``.

    For a sweep, the range over its points: showing only the best point would be choosing by the test set.
    """
    shown = (one.best_arm, one.baseline)
    return ", ".join(f"{arm} {_range(one.accuracy[arm])}" for arm in shown if arm in one.accuracy)


def _range(means: Sequence[float]) -> str:
    low, high = f"{min(means) * 100:.2f}", f"{max(means) * 100:.2f}"
    return low if len(means) == 1 else f"{low}–{high}"


def minutes(moment: datetime | None) -> str:
    """A moment in local time, to the minute."""
    return moment.astimezone().isoformat(" ", "minutes")[:16] if moment else MISSING


def listing_records(selected: Sequence[ListedRun], told: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The list as plain data: accuracies as fractions, one for each point of the sweep; see ``listing_lines``."""
    return [
        {
            "name": one.name,
            "path": str(one.path),
            "state": one.state,
            "reason": one.reason or None,
            "started": one.started.isoformat(timespec="seconds") if one.started else None,
            "experiment": one.info.name if one.info else None,
            "arms": list(one.arms),
            "baseline": one.baseline,
            "num_seeds": one.num_seeds,
            "num_diverged": one.num_diverged,
            "test_accuracy": {arm: list(means) for arm, means in one.accuracy.items()},
            "progress": asdict(one.progress) if one.progress else None,
            "told_apart_by": dict(settings),
            "command": list(one.info.command) if one.info else [],
            "tags": list(one.marks.tags),
            "note": one.marks.note or None,
        }
        for one, settings in zip(selected, told, strict=True)
    ]


def removal_lines(found: Sequence[Removable]) -> list[str]:
    """What would be removed: one line per run, and the total if there are several."""
    lines = [f"{one.path}  {_amount(one.num_files, one.num_bytes)}{_warning(one)}" for one in found]
    if len(found) > 1:
        total = _amount(sum(one.num_files for one in found), sum(one.num_bytes for one in found))
        lines.append(f"{len(found)} runs, {total}")
    return lines


def _amount(num_files: int, num_bytes: int) -> str:
    return f"{counted(num_files, 'file')}, {size(num_bytes)}"


def _warning(one: Removable) -> str:
    return "  unfinished: it can be resumed" if one.is_unfinished else ""


def size(num_bytes: int) -> str:
    """A number of bytes in a suitable unit."""
    if num_bytes < 1000:
        return f"{num_bytes} B"
    return f"{num_bytes / 1e3:.1f} kB" if num_bytes < 999_950 else f"{num_bytes / 1e6:.1f} MB"
