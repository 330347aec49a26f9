"""How things are named: experiments, arms and runs by a pattern, replicas by their place in an experiment."""

import re
from typing import NamedTuple

# Safe as a file's name, as a column of a table and in a terminal.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class ReplicaId(NamedTuple):
    """Which network of an experiment is meant; also the first columns of its rows in every table.

    Attributes:
        point_index: Its point's place in the sweep, counted from 0.
        arm: Name of its arm.
        seed: Its seed.
    """

    point_index: int
    arm: str
    seed: int
