"""Who asks for a training, and what is said to them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Caller:
    """The command line or a Python program, as the training sees it.

    Attributes:
        command: What was called, word by word, as a run records it.
        root: The folder of the runs.
        data_folder: The folder of the data sets, if the user chose one.
        progress: Whether to show progress.
        say: Takes notes and warnings, a line each.
        resuming: What resumes a run, given its folder, such as a command in backticks.
    """

    command: tuple[str, ...]
    root: Path
    data_folder: Path | None
    progress: bool
    say: Callable[[str], None]
    resuming: Callable[[Path], str]
