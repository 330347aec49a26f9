"""What is seen while an experiment trains: a live display on a terminal, plain lines elsewhere."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bnreg.report.run_view import counted
from bnreg.training.messages import EpochDone, Progressed, ShardDone


@dataclass(frozen=True)
class Track:
    """The length of one shard's way.

    Attributes:
        num_replicas: How many networks it trains.
        num_epochs: How many epochs, if nothing stops early.
        num_steps: How many optimiser steps these are.
    """

    num_replicas: int
    num_epochs: int
    num_steps: int


class Progress:
    """Shows how far an experiment is: epochs, current accuracies, throughput and the time left.

    Use it as a context manager and call it with every message of the workers.

    Args:
        console: Where to show it; if it cannot be drawn upon, a plain line follows each epoch of all shards.
        name: The experiment's.
        arms: Arms in the config's order.
        tracks: One per shard, by the shard's index.
    """

    def __init__(self, console: Console, name: str, arms: Sequence[str], tracks: Sequence[Track]) -> None:
        self._console = console
        self._name = name
        self._tracks = tracks
        self._steps = [0] * len(tracks)
        self._begun: dict[int, int] = {}  # steps that were done when a shard was gone on with
        self._epochs = [0] * len(tracks)
        self._unfinished = set(range(len(tracks)))
        self._accuracies: dict[str, dict[tuple[int, int], float]] = {arm: {} for arm in arms}
        self._lines_printed = 0
        self._first_message: float | None = None
        # Upon a dumb terminal, which cannot move its cursor, rich draws nothing at all.
        self._is_live = console.is_terminal and not console.is_dumb_terminal
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=4, transient=True)

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

    def __call__(self, message: Progressed) -> None:
        """Take in what a worker says."""
        if isinstance(message, ShardDone):
            self._steps[message.shard] = self._tracks[message.shard].num_steps
            self._unfinished.discard(message.shard)
        else:
            self._steps[message.shard] = message.steps
            if self._first_message is None:
                self._first_message = time.monotonic()
        self._begun.setdefault(message.shard, 0 if isinstance(message, EpochDone) else self._steps[message.shard])
        if isinstance(message, EpochDone):
            self._epochs[message.shard] = message.epoch
            for row in message.rows:
                if row["test_accuracy"] is not None:
                    self._accuracies[row["arm"]][row["point_index"], row["seed"]] = row["test_accuracy"]
        if not self._is_live and self._epochs_done() > self._lines_printed:
            self._lines_printed = self._epochs_done()
            parts = [f"epoch {self._epoch()}", self._arms_line(), self._speed()]
            self._console.print(Text(" · ".join(part for part in parts if part)), soft_wrap=True)

    def _render(self) -> RenderableType:
        done, total = self._replica_epochs(self._steps), self._replica_epochs([t.num_steps for t in self._tracks])
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            Text(self._name, style="bold", overflow="ellipsis", no_wrap=True),
            Text(f"epoch {self._epoch()}"),
            ProgressBar(total=total, completed=done, width=20),
            Text(f"{done / total:4.0%}"),
        )
        lines = [self._composition(), self._arms_line(), self._speed()]
        return Group(bar, *(Text(f"  {line}", overflow="ellipsis", no_wrap=True) for line in lines if line))

    def _epochs_done(self) -> int:
        """What the slowest shard in training has done; in the end, what the longest did, perhaps stopping early."""
        return min((self._epochs[shard] for shard in self._unfinished), default=max(self._epochs))

    def _epoch(self) -> str:
        """On a live display the epoch that the slowest shard is in, else the last that it has done."""
        last = max(track.num_epochs for track in self._tracks)
        is_in_training = self._is_live and bool(self._unfinished)
        return f"{min(self._epochs_done() + is_in_training, last)}/{last}"

    def _composition(self) -> str:
        total = sum(track.num_replicas for track in self._tracks)
        sizes = sorted({track.num_replicas for track in self._tracks})
        each = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
        return f"{counted(total, 'replica')} in {counted(len(self._tracks), 'shard')} of {each}"

    def _arms_line(self) -> str:
        means = [f"{arm} {sum(a.values()) / len(a):.2%}" for arm, a in self._accuracies.items() if a]
        return "test accuracy: " + ", ".join(means) if means else ""

    def _replica_epochs(self, num_steps: Sequence[int]) -> float:
        return sum(
            track.num_replicas * track.num_epochs * steps / track.num_steps
            for track, steps in zip(self._tracks, num_steps, strict=True)
        )

    def _speed(self) -> str:
        done, total = self._replica_epochs(self._steps), self._replica_epochs([t.num_steps for t in self._tracks])
        here = done - self._replica_epochs([self._begun.get(shard, 0) for shard in range(len(self._tracks))])
        elapsed = time.monotonic() - (self._first_message or time.monotonic())
        if not here or not elapsed:
            return "starting the workers" if self._first_message is None else ""
        rate = here / elapsed
        left = round((total - done) / rate)
        return f"{rate:.1f} replica-epochs/s, {left // 60}:{left % 60:02d} left"
