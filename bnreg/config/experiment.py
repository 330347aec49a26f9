"""A loaded experiment: every cell with its settings, and the place where each setting was written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bnreg.config.experiment_file import ClaimFile
from bnreg.config.schema import Settings
from bnreg.config.source.document import Document
from bnreg.config.sweep import Sweep, written
from bnreg.rounds import Rounds
from bnreg.tuning import Tune


@dataclass(frozen=True)
class Cell:
    """An arm at a point.

    Args:
        point_index: The point's index among the experiment's points.
        point: Dotted key → value; empty without a sweep.
        arm: The arm's name.
        settings: All its settings.
    """

    point_index: int
    point: Mapping[str, Any]
    arm: str
    settings: Settings


@dataclass(frozen=True)
class Experiment:
    """One experiment, resolved.

    Args:
        name: Its name.
        arms: The arms' names in the order written.
        baseline: The arm that the others are compared with; None if there is only one arm.
        seeds: The seeds, each once; if they are added in rounds, those of the first round.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        engine: Name of the engine that trains, or ``auto``.
        executor: Name of the executor.
        address: Where the executor finds its cluster; None if it needs none or starts one itself.
        jobs: Number of parallel processes; None to choose it for the machine.
        report: Whether the run's folder gets a page about it.
        sinks: The tools that the finished run is sent to.
        snapshot_seconds: Time between two snapshots.
        points: The points of the sweep, in order; one empty point without a sweep.
        point_keys: The swept keys in the order written.
        cells: All cells, by point, then by arm.
        resolved: The config with overrides applied and defaults filled in, as plain data; loading it gives the same
            cells.
        document: The content that the user wrote, with the place of each key.
        sweep: The sweep that the points come from.
        rounds: How seeds are added until everything is decided; None if all are trained at once.
        tune: How each arm chooses settings, if that is what this experiment is for; its values are swept, too.
        then: The seeds that are trained with what the arms chose.
        claim: What the experiment may support, if it was made for that.
    """

    name: str
    arms: tuple[str, ...]
    baseline: str | None
    seeds: tuple[int, ...]
    device: str
    engine: str
    executor: str
    address: str | None
    jobs: int | None
    report: bool
    sinks: tuple[str, ...]
    snapshot_seconds: float
    points: tuple[Mapping[str, Any], ...]
    point_keys: tuple[str, ...]
    cells: tuple[Cell, ...]
    resolved: dict[str, Any]
    document: Document = field(repr=False)
    sweep: Sweep = field(repr=False)
    rounds: Rounds | None = None
    tune: Tune | None = None
    then: tuple[int, ...] | Rounds = ()
    claim: ClaimFile | None = None

    def locate(self, cell: Cell | None, key: str) -> str:
        """The place where a setting was written, to start a line about it: ``configs/a.yaml:5: data.batch_size``.

        Args:
            cell: The cell that has the setting; None for the base.
            key: The dotted key of the setting.
        """
        arm, point = (None, {}) if cell is None else (cell.arm, cell.point)
        path = tuple(key.split("."))
        found = written(self.document, self.sweep, point, arm, path)
        return f"{self.document.file}: {key}" if found is None else self.document.place(found).with_key(found)
