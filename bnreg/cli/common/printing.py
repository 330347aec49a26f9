"""Printing for all commands: plain data as JSON, everything else through one console."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bnreg.api.caller import Caller

if TYPE_CHECKING:
    from rich.console import RenderableType


def as_json(value: Any) -> str:
    """Plain data as JSON; NaN and infinity are refused, because JSON has no such numbers."""
    return json.dumps(value, indent=2, allow_nan=False)


def print_json(value: Any) -> None:
    """Print plain data to stdout."""
    typer.echo(as_json(value))


def line_printer() -> Callable[[str], None]:
    """What prints notes and warnings to stderr, a line each, whatever is in them."""
    from rich.console import Console

    from bnreg.wording import printable

    console = Console(stderr=True, highlight=False)
    return lambda line: console.print(printable(line), markup=False, soft_wrap=True)


def command_caller(runs: Path, data_root: Path | None, *, progress: bool) -> Caller:
    """The command that was typed, as a training sees it."""
    return Caller(
        command=("bnreg", *sys.argv[1:]),
        root=runs,
        data_folder=data_root,
        progress=progress,
        say=line_printer(),
        resuming=lambda run: f"`bnreg train --resume {run}`",
    )


def columns(width: int | None) -> int:
    """The width of what is printed: the user's choice, or the terminal's."""
    from rich.console import Console

    return Console(width=width).width


def print_parts(*parts: "RenderableType", width: int | None = None) -> None:
    """Print tables and text to stdout; lines wider than the terminal are not cut.

    Args:
        parts: The tables and texts, printed one below the other.
        width: Width in columns; None for the terminal's.
    """
    from rich.console import Console

    Console(highlight=False, width=width).print(*parts, sep="\n", crop=False)
