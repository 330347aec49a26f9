"""What is sent of a run, as plain data: its arms over their seeds, and each network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from bnreg.wording import brief_label

# A tool lists a run for each arm and each network; with more than this, it would list nothing else.
MAX_LISTED = 500


class Spread(NamedTuple):
    """A metric over the seeds of an arm, at a step.

    Attributes:
        step: The optimiser step.
        mean: Over the networks that have a value.
        low: The lowest value.
        high: The highest value.
    """

    step: int
    mean: float
    low: float
    high: float


class SentVerdict(NamedTuple):
    """The verdict on an arm by a metric.

    Attributes:
        metric: The metric.
        word: ``helped`` or another verdict; ``untested`` if nothing could be tested.
        numbers: ``difference``, ``low``, ``high`` and ``p``, as far as they are known; in the metric's own unit.
    """

    metric: str
    word: str
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class SentNetwork:
    """One network.

    Attributes:
        seed: Its seed.
        diverged: Whether it diverged.
        series: Metric → its value at each step at which the network was evaluated; NaN once it diverged.
        finals: The numbers of ``summary.csv``.
    """

    seed: int
    diverged: bool
    series: Mapping[str, Sequence[tuple[int, float]]] = field(repr=False)
    finals: Mapping[str, float] = field(repr=False)


@dataclass(frozen=True)
class SentArm:
    """An arm at a point of the sweep, over its seeds.

    Attributes:
        arm: Its name.
        point_index: Index of the point.
        point: Dotted key → value; empty without a sweep.
        settings: Dotted key → value: all settings of its networks.
        series: Metric → its spread at each step.
        finals: Metric → mean and standard deviation of its final value, without the networks that diverged.
        num_diverged: The number of these.
        verdicts: The verdicts on it.
        networks: One for each seed; empty if there are too many.
    """

    arm: str
    point_index: int
    point: Mapping[str, Any]
    settings: Mapping[str, Any] = field(repr=False)
    series: Mapping[str, Sequence[Spread]] = field(repr=False)
    finals: Mapping[str, tuple[float, float]] = field(repr=False)
    num_diverged: int
    verdicts: Sequence[SentVerdict]
    networks: Sequence[SentNetwork] = field(repr=False)

    @property
    def label(self) -> str:
        """The arm and its point in a line."""
        return f"{self.arm} at {brief_label(self.point)}" if self.point else self.arm


@dataclass(frozen=True)
class SentRun:
    """A finished run.

    Attributes:
        id: The name of its folder, which no other run has.
        experiment: The experiment's name.
        started: When it began, in seconds since 1970.
        seconds: How long it took.
        command: The command that made it.
        facts: What else it recorded about itself: name → value.
        settings: The experiment's settings by dotted key.
        changing: The settings that differ between arms or points.
        finding: What it found, in a sentence.
        tables: Its comparison in Markdown.
        folder: Its folder, as an absolute path.
        files: The files in it, by their names.
        arms: The arms at each point; empty if there are too many.
        left_out: What was left out because there was too much of it, in words; or empty.
    """

    id: str
    experiment: str
    started: float
    seconds: float
    command: str
    facts: Mapping[str, str]
    settings: Mapping[str, Any] = field(repr=False)
    changing: Sequence[str]
    finding: str
    tables: str = field(repr=False)
    folder: Path
    files: Sequence[str]
    arms: Sequence[SentArm] = field(repr=False)
    left_out: str = ""
