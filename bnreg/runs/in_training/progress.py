"""The progress of an unfinished run, by the steps of its networks: from its plan, its shards and their notes."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bnreg.runs.in_training.notes import Noted, known_note, note_file
from bnreg.runs.in_training.shard import shard_folder
from bnreg.runs.info import Beginning


@dataclass(frozen=True)
class Progress:
    """The progress of a run. A step of two networks counts as two.

    Attributes:
        steps: Steps done.
        of: Steps in all, if nothing stops early; 0 if an older bnreg began the run and did not record them.
        networks_done: Number of networks that are trained to the end.
        networks: Number of networks in all; while seeds are added in rounds, in the rounds so far.
        shards_done: Number of shards whose results are kept.
        shards: Number of shards.
        epochs_per_second: Networks × epochs per second, of the shards in training; None if it is not known yet.
        seconds_left: None if it is not known yet.
    """

    steps: int
    of: int
    networks_done: int
    networks: int
    shards_done: int
    shards: int
    epochs_per_second: float | None
    seconds_left: float | None

    def __str__(self) -> str:
        """In words."""
        if not self.of:
            return f"{self.shards_done} of {self.shards} shards trained"
        percent = 100 * self.steps // self.of
        return f"{percent} % of {self.of:,} steps, {self.networks_done} of {self.networks} networks done"


@dataclass(frozen=True)
class _Part:
    """What a shard adds to the progress of its run: see ``Progress``."""

    steps: int
    of: int
    networks: int
    is_done: bool
    note: Noted | None

    @property
    def steps_per_second(self) -> float:
        """Steps of its networks per second in its last training; 0 if it is not known, or no longer trained."""
        note = self.note.note if self.note and not self.is_done else None
        return self.networks * (note.steps - note.since) / note.seconds if note and note.seconds else 0.0

    @property
    def epochs_per_second(self) -> float:
        """Networks × epochs per second."""
        return self.steps_per_second / self.note.note.steps_per_epoch if self.note else 0.0


def progress_of(folder: Path, beginning: Beginning, plan: str) -> Progress:
    """The progress of a run.

    Args:
        folder: The folder of the unfinished run.
        beginning: The record that was written when it began.
        plan: SHA-256 of its plan.
    """
    parts = [*_parts(folder, beginning, plan)]
    done = [part for part in parts if part.is_done]
    steps, of = (sum(part.steps for part in parts), sum(part.of for part in parts)) if beginning.num_steps else (0, 0)
    rate = sum(part.steps_per_second for part in parts)
    return Progress(
        steps=steps,
        of=of,
        networks_done=sum(part.networks for part in done),
        networks=sum(part.networks for part in parts),
        shards_done=len(done),
        shards=len(parts),
        epochs_per_second=sum(part.epochs_per_second for part in parts) or None,
        seconds_left=(of - steps) / rate if rate and of else None,
    )


def _parts(folder: Path, beginning: Beginning, plan: str) -> Iterator[_Part]:
    """One part for each shard of the plan, then for each of a later round that has begun."""
    info = beginning.info
    for index in count():
        is_done = shard_folder(folder, index).is_dir()
        is_planned = index < len(info.shards)
        if not (is_planned or is_done or note_file(folder, index).is_file()):
            return
        noted = known_note(folder, index, info, plan)
        networks = info.shards[index]["replicas"] if is_planned else len(noted.origin.replicas) if noted else 0
        num_steps = beginning.num_steps[index] if is_planned and beginning.num_steps else 0
        num_steps = num_steps or (noted.note.num_steps if noted else 0)
        steps = num_steps if is_done else noted.note.steps if noted else 0
        yield _Part(min(steps, num_steps) * networks, num_steps * networks, networks, is_done, noted)
