"""What everything that is kept of a shard belongs to: the run, its plan and the part of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from bnreg.names import ReplicaId


@dataclass(frozen=True)
class Origin:
    """What everything that is kept of a shard belongs to.

    Attributes:
        run: The run's id.
        plan: SHA-256 of its plan.
        shard: The shard's index.
        seeds: The shard's seeds.
        cells: The point's index and the arm of each of its cells.
    """

    run: str
    plan: str
    shard: int
    seeds: tuple[int, ...]
    cells: tuple[tuple[int, str], ...]

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Origin":
        """Convert back from plain data; what it says of the run, the plan and the shard is for the caller to check.

        Raises:
            LookupError, TypeError, ValueError: If it is not what ``to_json`` returns.
        """
        seeds = tuple(content["seeds"])
        cells = tuple((index, arm) for index, arm in content["cells"])
        return cls(content["run"], content["plan"], content["shard"], seeds, cells)

    def to_json(self) -> dict[str, Any]:
        """Convert to plain data."""
        return {**vars(self), "seeds": list(self.seeds), "cells": [[index, arm] for index, arm in self.cells]}

    @property
    def replicas(self) -> list[ReplicaId]:
        """The shard's replicas, by cell and then by seed."""
        return [ReplicaId(index, arm, seed) for (index, arm), seed in product(self.cells, self.seeds)]
