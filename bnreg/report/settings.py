"""What a network was trained with, by dotted key: the base, a point's values, an arm's changes."""

from collections.abc import Iterator, Mapping
from typing import Any

# What a resolved config holds beside the sections of settings.
_NO_SETTINGS = ("arms", "sweep", "compare")


def cell_settings(config: Mapping[str, Any], arm: str, point: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of one arm at one point of a sweep.

    Args:
        config: A run's resolved config.
        arm: Name of the arm.
        point: Dotted key → value; a key below ``arms`` belongs to the arm that it names.

    Returns:
        Dotted key → value.
    """
    for key, value in point.items():
        config = _with(config, key.split("."), value)
    sections = {key: value for key, value in config.items() if isinstance(value, Mapping) and key not in _NO_SETTINGS}
    changes = (config.get("arms") or {}).get(arm) or {}
    return dict(_flat(_merged(sections, changes)))


def flat_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """All of a resolved config by dotted key, with the arms' changes as they are written."""
    return dict(_flat(config))


def _with(config: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    """The config with one value replaced; what lies beside its path is shared."""
    first, *rest = path
    if not rest:
        return {**config, first: value}
    below = config.get(first)
    return {**config, first: _with(below if isinstance(below, Mapping) else {}, rest, value)}


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
