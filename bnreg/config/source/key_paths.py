"""Paths of keys through nested mappings, and their dotted form."""

from collections.abc import Mapping, Sequence
from typing import Any

from bnreg.names import SWEEP, TUNE, split_arm
from bnreg.wording import dotted, show

KeyPath = tuple[str | int, ...]

# A point of a sweep: dotted key → value; empty without a sweep.
Point = Mapping[str, Any]


def has(content: Mapping[str, Any], path: KeyPath) -> bool:
    """Whether the content has a value at this path."""
    value: Any = content
    for part in path:
        if isinstance(part, int):
            if not isinstance(value, tuple) or part >= len(value):
                return False
        elif not isinstance(value, Mapping) or part not in value:
            return False
        value = value[part]
    return True


def assign(mapping: Mapping[str, Any], path: Sequence[str | int], value: Any) -> dict[str, Any]:
    """Copy nested mappings and set one value; absent or null keys on the way become mappings.

    Raises:
        ValueError: If the path leads through something that is not a mapping; the message names it.
    """
    top = dict(mapping)
    inner = top
    for length, part in enumerate(path[:-1], 1):
        below = inner.get(str(part))
        if below is not None and not isinstance(below, Mapping):
            raise ValueError(f"{dotted(path[:length])} is {show(below)}, not a mapping")
        inner[str(part)] = dict(below or {})
        inner = inner[str(part)]
    inner[str(path[-1])] = value
    return top


def split_key(content: Mapping[str, Any], key: str) -> KeyPath:
    """The path of a dotted key in a config. Arm names and the keys of a sweep may contain dots themselves."""
    head, _, rest = key.partition(".")
    if head == SWEEP and rest.startswith("zip."):
        return (SWEEP, "zip", rest[4:])
    if head in (SWEEP, TUNE) and rest:
        return (head, rest)
    if head == "arms" and rest:
        arm, setting = split_arm(key)
        if arm is None or has(content, ("arms", rest)):
            parts = rest.split(".")
            known = (n for n in range(len(parts), 0, -1) if has(content, ("arms", ".".join(parts[:n]))))
            length = next(known, len(parts))  # an unknown arm without a setting may be a new one
            return ("arms", ".".join(parts[:length]), *parts[length:])
        return ("arms", arm, *setting.split("."))
    return tuple(key.split("."))
