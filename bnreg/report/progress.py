"""The progress display while an experiment trains: live on a terminal and in a notebook, plain lines elsewhere."""

import math
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bnreg.experiment.standing import Standing, Track
from bnreg.report.notebook import NotebookLive
from bnreg.wording import counted

if TYPE_CHECKING:
    from bnreg.training.messages import Progressed

# About the most lines that a log gets, however many epochs there are.
MAX_LINES = 20


class Progress:
    """Shows an experiment's progress: epochs, current accuracies, throughput and the time left.

    Use it as a context manager and call it with every message from the workers.

    Args:
        console: Where to show it; without a live display, a plain line is printed when all shards have done the
            first or the last epoch, or one of those spaced evenly in between.
        name: The experiment's name.
        arms: Arms in the config's order.
        tracks: One per shard, by the shard's index.
    """

    def __init__(self, console: Console, name: str, arms: Sequence[str], tracks: Sequence[Track]) -> None:
        self._console = console
        self._name = name
        self._standing = Standing(arms, tracks)
        self._last_printed = 0  # the epochs of which lines were and will be printed
        self._next_printed = 1
        in_notebook = console.is_jupyter and not console.quiet
        # On a dumb terminal, which cannot move its cursor, rich draws nothing at all.
        self._is_live = in_notebook or (console.is_terminal and not console.is_dumb_terminal)
        self._live = (
            NotebookLive(self._render)
            if in_notebook
            else Live(get_renderable=self._render, console=console, refresh_per_second=4, transient=True)
        )

    def __enter__(self) -> Self:
        if self._is_live:
            self._live.start()
        else:
            self._console.print(Text(f"{self._name}: {self._composition()}"), soft_wrap=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def __call__(self, message: "Progressed") -> None:
        """Process a message from a worker."""
        self._standing.take(message)
        if isinstance(self._live, NotebookLive):  # the one on a terminal refreshes itself
            self._live.refresh()
        epoch = self._standing.epochs_done
        is_due = epoch >= self._next_printed or not self._standing.is_training
        if not self._is_live and is_due and epoch > self._last_printed:
            every = math.ceil(self._standing.num_epochs / MAX_LINES)
            self._last_printed, self._next_printed = epoch, (epoch // every + 1) * every
            parts = [f"epoch {self._epoch()}", self._arms_line(), self._speed()]
            self._console.print(Text(" · ".join(part for part in parts if part)), soft_wrap=True)

    def _render(self) -> RenderableType:
        done, total = self._standing.replica_epochs_done, self._standing.replica_epochs
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            Text(self._name, style="bold", overflow="ellipsis", no_wrap=True),
            Text(f"epoch {self._epoch()}"),
            ProgressBar(total=total, completed=done, width=20),
            Text(f"{done / total:4.0%}"),
        )
        lines = [self._composition(), self._arms_line(), self._speed()]
        return Group(bar, *(Text(f"  {line}", overflow="ellipsis", no_wrap=True) for line in lines if line))

    def _epoch(self) -> str:
        """On a live display, the epoch that the slowest shard is in; otherwise the last one that it has finished."""
        is_in_training = self._is_live and self._standing.is_training
        last = self._standing.num_epochs
        return f"{min(self._standing.epochs_done + is_in_training, last)}/{last}"

    def _composition(self) -> str:
        tracks = self._standing.tracks
        sizes = sorted({track.num_replicas for track in tracks})
        each = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
        total = sum(track.num_replicas for track in tracks)
        return f"{counted(total, 'replica')} in {counted(len(tracks), 'shard')} of {each}"

    def _arms_line(self) -> str:
        means = [f"{arm} {mean:.2%}" for arm, mean in self._standing.accuracies.items()]
        return "test accuracy: " + ", ".join(means) if means else ""

    def _speed(self) -> str:
        rate = self._standing.rate()
        if rate is None:
            return "starting the workers" if self._standing.is_starting else ""
        left = round((self._standing.replica_epochs - self._standing.replica_epochs_done) / rate)
        return f"{rate:.1f} replica-epochs/s, {left // 60}:{left % 60:02d} left"
