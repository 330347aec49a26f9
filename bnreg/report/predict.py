"""Votes on images, as a table for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from bnreg.wording import counted, point_label


def votes_table(predictions: Sequence[Mapping[str, Any]]) -> Table:
    """A row for each image and arm: the class with the most votes, its mean probability, and the dissenting votes.

    Args:
        predictions: The return values of ``Prediction.describe``.
    """
    is_sweep = any(prediction["point"] for prediction in predictions)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for header in ("image", *(["point"] if is_sweep else []), "arm"):
        table.add_column(header, overflow="fold")
    for header in ("class", "votes", "probability"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("dissent")
    widest = max(len(str(prediction["num_seeds"])) for prediction in predictions)
    previous = None
    for prediction in predictions:
        label = str(prediction["class"])
        image = prediction["image"]
        cells = [
            "" if image == previous else image,
            *([point_label(prediction["point"])] if is_sweep else []),
            prediction["arm"],
            label,
            f"{prediction['votes'][label]} of {prediction['num_seeds']:>{widest}}",
            f"{prediction['probability']:.1%}",
            _dissent(prediction),
        ]
        table.add_row(*map(Text, cells))
        previous = image
    return table


def _dissent(prediction: Mapping[str, Any]) -> str:
    """The other classes that got votes, one line each: ``3: 2 seeds``."""
    others = list(prediction["votes"].items())[1:]
    return "\n".join(f"{label}: {counted(number, 'seed')}" for label, number in others)
