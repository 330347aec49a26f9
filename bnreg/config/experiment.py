"""A loaded experiment: every cell with its settings, and where each setting was written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bnreg.config.document import Document
from bnreg.config.origin import written
from bnreg.config.schema import Settings
from bnreg.config.sweep import Sweep


@dataclass(frozen=True)
class Cell:
    """An arm at a point.

    Args:
        point_index: The point's place among the experiment's points.
        point: Dotted key → value; empty where nothing is swept.
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
        baseline: The arm with which the others are compared; None where there is a single arm.
        seeds: The seeds, each once.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        jobs: Processes side by side; None where that is left to the machine.
        snapshot_seconds: Time between two snapshots.
        points: The points of the sweep, in order; one empty point without a sweep.
        point_keys: The swept keys in the order written.
        cells: All cells, by point, then by arm.
        resolved: The config with overrides applied and defaults filled in, as plain data; loading it gives the same
            cells.
        document: What was written, and where.
        sweep: The sweep behind the points.
    """

    name: str
    arms: tuple[str, ...]
    baseline: str | None
    seeds: tuple[int, ...]
    device: str
    jobs: int | None
    snapshot_seconds: float
    points: tuple[Mapping[str, Any], ...]
    point_keys: tuple[str, ...]
    cells: tuple[Cell, ...]
    resolved: dict[str, Any]
    document: Document = field(repr=False)
    sweep: Sweep = field(repr=False)

    def locate(self, cell: Cell | None, key: str) -> str:
        """Where a setting was written, to begin a line about it: ``configs/a.yaml:5: data.batch_size``.

        Args:
            cell: The cell whose setting is meant; None for the base.
            key: The setting, with dots.
        """
        arm, point = (None, {}) if cell is None else (cell.arm, cell.point)
        path = tuple(key.split("."))
        found = written(self.document, self.sweep, point, arm, path)
        return f"{self.document.file}: {key}" if found is None else self.document.place(found).told(found)
