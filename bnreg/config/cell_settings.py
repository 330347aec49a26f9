"""The settings of a cell: the base, changed by a point of the sweep and by an arm. Nothing else resolves them.

The same code serves a config that is read and one that a finished run recorded.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from bnreg.config.source.key_paths import Point, assign, split_key
from bnreg.names import SECTIONS, SWEEP, TUNE
from bnreg.tuning import OPTIONS

ONLY_ARM = "base"


def arms_of(content: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The changes of each arm; a single arm without changes if the config has no arms."""
    raw = content.get("arms")
    arms = {arm: changes or {} for arm, changes in raw.items()} if isinstance(raw, Mapping) else {}
    return {arm: changes for arm, changes in arms.items() if isinstance(changes, Mapping)} or {ONLY_ARM: {}}


def base_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of settings before any arm changes them."""
    return {section: content[section] for section in SECTIONS if section in content}


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Apply changes to the base: mappings merge key by key, everything else is replaced."""
    merged = dict(base)
    for key, value in changes.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def cell_settings(config: Mapping[str, Any], arm: str, point: Point) -> dict[str, Any]:
    """The settings of one arm at one point of a finished run.

    Args:
        config: The run's resolved config.
        arm: Name of the arm.
        point: Dotted key → value; a key under ``arms`` belongs to the arm that it names.

    Returns:
        Dotted key → value.
    """
    for key, value in point.items():
        config = assign(config, split_key(config, key), value)
    return flat_config(merge(base_of(config), arms_of(config).get(arm, {})))


def combined(axes: Sequence[Mapping[str, Sequence[Any]]]) -> Iterator[Point]:
    """The points of a sweep: the lists of one axis advance together, and the first axis varies slowest."""
    rows = [[dict(zip(axis, row, strict=True)) for row in zip(*axis.values(), strict=True)] for axis in axes if axis]
    return ({key: value for row in chosen for key, value in row.items()} for chosen in product(*rows))


def points_of(config: Mapping[str, Any]) -> Iterator[Point]:
    """The points of a resolved config; without a sweep, one point without keys."""
    sweep, tune = (config.get(section) or {} for section in (SWEEP, TUNE))
    axes = [values if key == "zip" else {key: values} for key, values in sweep.items()]
    return combined([*axes, *({key: values} for key, values in tune.items() if key not in OPTIONS)])


def flat_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of a resolved config by dotted key, with the arms' changes as written."""
    return dict(_flat(config))


def plain(value: Any) -> Any:
    """Convert a swept value, or an entire point, to lists and dictionaries."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
