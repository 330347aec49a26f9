"""The certificate of folded networks, as a table for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from bnreg.wording import point_label


def certificate_table(entries: Sequence[Mapping[str, Any]]) -> Table:
    """A row for each arm: how far the logits differ, how many predictions agree, and the speed-up.

    Args:
        entries: The certificate's entries, one per arm and point.
    """
    is_sweep = any(entry["point"] for entry in entries)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for heading in (*(["point"] if is_sweep else []), "arm"):
        table.add_column(heading, overflow="fold")
    for heading in ("replicas", "logits differ, float32", "float64", "same predictions", "speed-up"):
        table.add_column(heading, justify="right")
    for entry in entries:
        names = [*([point_label(entry["point"])] if is_sweep else []), entry["arm"]]
        figures = [
            str(entry["num_replicas"]),
            f"{entry['largest_difference_float32']:.1e}",
            f"{entry['largest_difference_float64']:.1e}",
            f"{entry['num_agreeing']:,} of {entry['num_predictions']:,}",
            f"{entry['speed_up']:.2f}×",
        ]
        table.add_row(*map(Text, (*names, *figures)))
    return table
