"""Names: a pattern for experiments, arms and runs; replicas are named by their place in an experiment."""

import re
from typing import NamedTuple

# Safe as a file name, as a column of a table and in a terminal.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
SEED_LIMIT = 2**32


class ReplicaId(NamedTuple):
    """Identifies a network of an experiment; also the first columns of its rows in every table.

    Attributes:
        point_index: Index of its point in the sweep, counted from 0.
        arm: Name of its arm.
        seed: Its seed.
    """

    point_index: int
    arm: str
    seed: int
