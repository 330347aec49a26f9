"""The settings of a cell: what a point of the sweep and an arm make of the base. Nothing else resolves them.

It is the same for a config that is read and for one that a finished run has recorded.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bnreg.config.key_paths import Point, assign, split_key

# The sections of settings, which arms and sweeps may change.
SECTIONS = ("data", "model", "optimizer", "training")
ONLY_ARM = "base"


def arms_of(content: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What each arm changes; a single arm without changes where none is written."""
    raw = content.get("arms")
    arms = {arm: changes or {} for arm, changes in raw.items()} if isinstance(raw, Mapping) else {}
    return {arm: changes for arm, changes in arms.items() if isinstance(changes, Mapping)} or {ONLY_ARM: {}}


def base_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of settings, before any arm has changed them."""
    return {section: content[section] for section in SECTIONS if section in content}


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The base with changes: mappings merge key by key, everything else replaces."""
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
        point: Dotted key → value; a key below ``arms`` belongs to the arm that it names.

    Returns:
        Dotted key → value.
    """
    for key, value in point.items():
        config = assign(config, split_key(config, key), value)
    return flat_config(merge(base_of(config), arms_of(config).get(arm, {})))


def flat_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """All of a resolved config by dotted key, with the arms' changes as they are written."""
    return dict(_flat(config))


def plain(value: Any) -> Any:
    """A swept value, or a whole point, as lists and dictionaries."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
