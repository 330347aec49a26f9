"""The list of runs, for the terminal and as plain data."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from bnreg.runs.finding.listing import ListedRun
from bnreg.runs.finding.removal import Removable
from bnreg.wording import MISSING, counted

# Longer lists of arms are shown as a count: names are shown with the accuracies, and `bnreg show` lists them all.
MAX_ARMS_WIDTH = 16


def listing_lines(selected: Sequence[ListedRun], num_all: int, root: Path) -> Group:
    """Each run in two lines: its full name, so that it can be copied, and its facts in columns.

    Args:
        selected: The runs to list.
        num_all: Number of runs that these were selected from.
        root: The folder they are in.
    """
    if not num_all:
        return Group(Text(f"{root}: no runs yet; create one with `bnreg train configs/bn_vs_plain.yaml`"))
    if not selected:
        return Group(Text(f"{root}: none of {counted(num_all, 'run')} matches"))
    rows = [_facts(one) for one in selected]
    widths = [max(len(cells[i]) for cells in rows if len(cells) > i + 1) for i in range(max(map(len, rows)) - 1)]
    parts: list[Text | Padding] = []
    for one, cells in zip(selected, rows, strict=True):
        *columns, last = cells
        aligned = [cell.ljust(width) for cell, width in zip(columns, widths, strict=False)]
        parts += [
            Text(one.name, "bold", overflow="fold"),
            Padding(Text("  ".join([*aligned, last])), (0, 0, 0, 2), expand=False),
        ]
    states = ", ".join(f"{number} {state}" for state, number in Counter(one.state for one in selected).items())
    of_all = "" if len(selected) == num_all else f" of {num_all}"
    summed_up = [f"{len(selected)}{of_all} in {root}: {states}; test accuracy in %"]
    if any(one.state in ("created", "interrupted", "failed", "abandoned") for one in selected):
        summed_up.append("resume an incomplete run with `bnreg train --resume RUN`")
    return Group(*parts, "", *map(Text, summed_up))


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


def listing_records(selected: Sequence[ListedRun]) -> list[dict[str, Any]]:
    """The list as plain data: accuracies as fractions, one for each point of the sweep."""
    return [
        {
            "name": one.name,
            "path": str(one.path),
            "state": one.state,
            "reason": one.reason or None,
            "started": one.started.isoformat(timespec="seconds") if one.started else None,
            "arms": list(one.arms),
            "baseline": one.baseline,
            "num_seeds": one.num_seeds,
            "num_diverged": one.num_diverged,
            "test_accuracy": {arm: list(means) for arm, means in one.accuracy.items()},
            "progress": asdict(one.progress) if one.progress else None,
        }
        for one in selected
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
