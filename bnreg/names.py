"""Names: of experiments, arms and runs, of an arm's settings, and of replicas."""

import re
from typing import NamedTuple

# Safe as a column of a table, in a terminal and, if ``why_no_file_name`` has no objection, as a file name.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
SEED_LIMIT = 2**32
_DEVICES = r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?"
_DEVICE = re.compile(_DEVICES, re.IGNORECASE)
# Both rules in one pattern, of a dialect that has no other way to ignore case.
_ANY_CASE = re.sub("[a-z]", lambda letter: f"[{letter[0]}{letter[0].upper()}]", _DEVICES)
FILE_NAME = f"(?!{_ANY_CASE}$)(?!.*\\.$){NAME.pattern}"

# The sections of settings; arms and sweeps may change them. No setting inside them has one of these names.
SECTIONS = ("data", "model", "optimizer", "training", "diagnostics")
SWEEP, TUNE = "sweep", "tune"  # here settings are keys, with lists of values
TUNED, CLAIM = "tuned", "claim"

# Settings on which no result depends: with less memory, a user may want to resume with fewer processes.
INDIFFERENT = ("executor", "address", "jobs", "snapshot_seconds", CLAIM, "report", "sinks")


def why_no_file_name(name: str) -> str | None:
    """The reason why a name cannot be that of a file on every system; None if it can."""
    if _DEVICE.fullmatch(name):
        return "is the name of a device on Windows"
    return "ends in a dot, which Windows leaves out" if name.endswith(".") else None


def split_arm(key: str) -> tuple[str | None, str]:
    """The arm (None for the base) and the setting that a dotted key names.

    An arm's name may contain dots, so in ``arms.v1.0.model.norm`` the last name of a section ends it.
    """
    parts = key.split(".")
    section = max((place for place, part in enumerate(parts) if part in SECTIONS), default=0)
    if parts[0] != "arms" or section < 2:
        return None, key
    return ".".join(parts[1:section]), ".".join(parts[section:])


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
