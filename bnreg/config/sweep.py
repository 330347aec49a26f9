"""A sweep: the values of some keys, combined into points, and those among which each arm chooses.

Lists under dotted keys multiply (the first key varies slowest). The lists under ``zip`` advance together and multiply
with the others at the position of ``zip``. The lists of ``tune`` multiply last. A setting of a cell is decided by its
arm, the sweep or the base.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bnreg.config.cell_settings import combined
from bnreg.config.hints import swept_form, swept_key
from bnreg.config.source.document import Document
from bnreg.config.source.key_paths import KeyPath, Point, assign
from bnreg.config.source.mistakes import Mistake
from bnreg.names import SECTIONS, SWEEP, TUNE
from bnreg.tuning import OPTIONS
from bnreg.wording import dotted, show, unknown

MAX_POINTS = 10_000
MAX_KEYS = 100


@dataclass(frozen=True)
class SweptKey:
    """One key of a sweep.

    Args:
        key: The dotted key, as written.
        target: The path in the document that it sets.
        source: The path in the document where its values are listed.
        values: These values.
    """

    key: str
    target: KeyPath
    source: KeyPath
    values: tuple[Any, ...]

    @cached_property
    def _positions(self) -> dict[Any, int]:
        return {distinct(value): position for position, value in enumerate(self.values)}

    def source_of(self, point: Point, path: KeyPath) -> KeyPath:
        """The path in the sweep that sets the value of a path at a point, if the path touches the target."""
        if len(path) < len(self.target):
            return self.source
        return (*self.source, self._positions[distinct(point[self.key])], *path[len(self.target) :])


@dataclass(frozen=True)
class Sweep:
    """The axes of a sweep; the keys of one axis advance together."""

    axes: tuple[tuple[SweptKey, ...], ...] = ()

    @property
    def keys(self) -> tuple[SweptKey, ...]:
        """All swept keys in the order written."""
        return tuple(swept for axis in self.axes for swept in axis)

    def points(self) -> tuple[Point, ...]:
        """All points; without a sweep, one point without keys."""
        return tuple(combined([{swept.key: swept.values for swept in axis} for axis in self.axes]))

    def apply(self, content: Mapping[str, Any], point: Point) -> Mapping[str, Any]:
        """The document's content with the values of a point."""
        for swept in self.keys:
            content = assign(content, swept.target, point[swept.key])
        return content


def read_sweep(document: Document, arms: Mapping[str, Mapping[str, Any]]) -> tuple[Sweep, list[Mistake]]:
    """The sweep in a document, without the keys that cannot be swept, and the mistakes in these keys."""
    mistakes: list[Mistake] = []
    axes: list[tuple[SweptKey, ...]] = []
    for source, written in _written_axes(document.content):
        if not isinstance(written, Mapping):
            mistakes.append(document.mistake(source, f"expected a mapping of lists, got {show(written)}"))
            continue
        axis: list[SweptKey] = []
        for name, listed in written.items():
            swept = SweptKey(name, document.split_key(name), (*source, name), listed)
            taken = [other for done in (*axes, axis) for other in done]
            if len(taken) == MAX_KEYS:
                return Sweep(), [document.mistake(("sweep",), f"more than {MAX_KEYS} keys")]
            if problem := _problem(document, swept, taken, arms):
                mistakes.append(document.mistake(swept.source, problem))
            else:
                axis.append(swept)
        lengths = {swept.key: len(swept.values) for swept in axis}
        if len(set(lengths.values())) > 1:
            lengths_listed = ", ".join(f"{dotted([name])} has {length}" for name, length in lengths.items())
            mistakes.append(document.mistake(source, f"expected lists of equal length; {lengths_listed}"))
        elif repeated := _repeated([swept.values for swept in axis]):
            mistakes.append(document.mistake(axis[0].source if len(axis) == 1 else source, f"{repeated} is repeated"))
        elif axis:
            axes.append(tuple(axis))
    num_points = math.prod(len(axis[0].values) for axis in axes)
    if num_points > MAX_POINTS:
        mistakes.append(document.mistake(("sweep",), f"{num_points} points; at most {MAX_POINTS} are allowed"))
        return Sweep(), mistakes
    return Sweep(tuple(axes)), mistakes


def _written_axes(content: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    """Each axis as it was written: the path of its keys, and each key with its values."""
    for section, options in ((SWEEP, ()), (TUNE, OPTIONS)):
        raw = content.get(section)
        for key, values in raw.items() if isinstance(raw, Mapping) else ():
            if (section, key) == (SWEEP, "zip"):
                yield (section, "zip"), values
            elif key not in options:
                yield (section,), {key: values}


def _repeated(columns: Sequence[Sequence[Any]]) -> str | None:
    """The first values that advance together a second time, as shown to the user, or None."""
    seen = set()
    for row in zip(*columns, strict=True):
        if (key := tuple(map(distinct, row))) in seen:
            return ", ".join(map(show, row))
        seen.add(key)
    return None


def distinct(value: Any) -> Any:
    """A hashable key that is equal for equal settings: for 1 and 1.0, but not for 1 and true."""
    match value:
        case bool():
            return ("bool", value)
        case Mapping():
            return ("mapping", *sorted((key, distinct(inner)) for key, inner in value.items()))
        case tuple():
            return ("list", *map(distinct, value))
        case _:
            return value


def _problem(
    document: Document, swept: SweptKey, taken: Sequence[SweptKey], arms: Mapping[str, Mapping[str, Any]]
) -> str | None:
    """The reason why a key cannot be swept, or None."""
    if not isinstance(swept.values, tuple):
        is_section = isinstance(swept.values, Mapping)
        return (None if is_section else _target_problem(document, swept, arms)) or _no_list(document, swept)
    if not swept.values:
        return "expected at least one value, got []"
    return _target_problem(document, swept, arms) or _overlap(document, swept, taken, arms)


def _no_list(document: Document, swept: SweptKey) -> str:
    """The sentence about a key that has something else than a list of values, or a section's keys below it."""
    sentence, target, values = f"expected a list of values, got {show(swept.values)}", swept.target, swept.values
    while isinstance(values, Mapping):
        if not values:
            return sentence
        key, values = next(iter(values.items()))
        target = (*target, key)
    return f"{sentence}; write {swept_form(document, swept.source, *_scope(target), values)}"


def _target_problem(document: Document, swept: SweptKey, arms: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The reason why a key's target cannot be swept, or None; unknown settings are found later, with all others."""
    arm, setting = _scope(swept.target)
    if arm is not None and swept.source[0] == TUNE:
        return f"all arms choose among the same values; write {dotted(setting)}"
    if arm is not None and arm not in arms:
        return unknown("arm", arm, list(arms))
    if len(setting) < 2 or "" in setting or setting[0] not in SECTIONS:
        cannot = f"cannot be swept; sweep settings of {', '.join(SECTIONS)}, or of an arm (arms.NAME.model.norm)"
        return cannot + swept_key(document, swept.source, arm, setting, swept.values)
    try:
        assign(document.content, swept.target, None)
    except ValueError as error:
        return str(error)
    return None


def _overlap(
    document: Document, swept: SweptKey, taken: Sequence[SweptKey], arms: Mapping[str, Mapping[str, Any]]
) -> str | None:
    """A conflict with another setting that would replace the swept one or be replaced by it, or None."""
    for path in document.overridden():
        if path[: len(swept.target)] == swept.target:
            return f"would replace {document.place(path).text}; override {dotted(swept.source)} instead"
    arm, setting = _scope(swept.target)
    for other in taken:
        other_arm, other_setting = _scope(other.target)
        if touches(setting, other_setting) and (arm == other_arm or None in (arm, other_arm)):
            return f"sets the same setting as {dotted(other.source)}"
    for name in arms if arm is None else ():
        if document.has(("arms", name, *setting)):
            return f"arm {show(name)} also sets {dotted(setting)} and would ignore the sweep"
    return None


def _scope(target: KeyPath) -> tuple[str | None, KeyPath]:
    """The arm that a key belongs to (None for the base) and the setting."""
    return (str(target[1]), target[2:]) if target[0] == "arms" and len(target) > 1 else (None, target)


def touches(path: KeyPath, other: KeyPath) -> bool:
    """Whether one path equals the other or is a prefix of it."""
    length = min(len(path), len(other))
    return path[:length] == other[:length]


def written(document: Document, sweep: Sweep, point: Point, arm: str | None, setting: KeyPath) -> KeyPath | None:
    """The path in the document that decides a setting of a cell, or None if it was never written."""
    candidates = [setting] if arm is None else [("arms", arm, *setting), setting]
    for candidate in candidates:
        swept = next((s for s in sweep.keys if s.key in point and touches(s.target, candidate)), None)
        if swept is not None and len(swept.target) <= len(candidate):
            source = swept.source_of(point, candidate)
            if document.has(source):
                return source
        elif document.has(candidate):
            return candidate
        elif swept is not None:
            return swept.source
    return None


def nearest_written(document: Document, sweep: Sweep, point: Point, arm: str | None, setting: KeyPath) -> KeyPath:
    """The same for a setting that may be absent: it counts as missing from the innermost key that was written."""
    for length in range(len(setting), 0, -1):
        found = written(document, sweep, point, arm, setting[:length])
        if found is not None:
            return (*found, *setting[length:])
    return setting
