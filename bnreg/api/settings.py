"""Settings that a Python program gives, as the text that a config or a command line would have."""

import json
import math
import os
from collections.abc import Mapping
from typing import Any

from bnreg.config.source.files import TEXT
from bnreg.config.source.key_paths import KeyPath
from bnreg.config.source.strict_yaml import MAX_DEPTH, parse_value
from bnreg.config.source.yaml_mistakes import StrictYamlError
from bnreg.errors import UserError
from bnreg.wording import dotted, show


def as_yaml(content: Mapping[Any, Any]) -> bytes:
    """The text of a config with this content.

    Raises:
        UserError: If a value is not one of YAML's.
    """
    return json.dumps(_plain(content, (), f"{TEXT}: ")).encode()


def as_overrides(settings: Mapping[Any, Any]) -> list[str]:
    """The settings as on a command line, ``KEY=VALUE``.

    Raises:
        UserError: If a value is not one of YAML's.
    """
    plain = _plain(settings, (), "")
    return [f"{key}={_text(value)}" for key, value in plain.items()]


def _text(value: Any) -> str:
    """The value in YAML, a text without quotes if it needs none."""
    try:
        if isinstance(value, str) and parse_value(value) == value:
            return value
    except StrictYamlError:
        pass
    return json.dumps(value)


def _plain(value: Any, path: KeyPath, place: str) -> Any:
    """The value as JSON has it; those of numpy and paths included."""
    if len(path) > MAX_DEPTH:
        raise UserError(f"{place}{dotted(path[:1])}: nested deeper than {MAX_DEPTH} levels")
    match value:
        case bool() | int() | str() | None:
            return value
        case float() if math.isfinite(value):
            return float(value)
        case Mapping() if all(isinstance(key, str) for key in value):
            return {key: _plain(item, (*path, key), place) for key, item in value.items()}
        case list() | tuple() | range():
            return [_plain(item, (*path, index), place) for index, item in enumerate(value)]
        case os.PathLike():
            return os.fspath(value)
        case object(tolist=convert):  # of numpy
            return _plain(convert(), path, place)
    where = f"{dotted(path)}: " if path else ""
    raise UserError(
        f"{place}{where}expected a number, a text, a list or a mapping with texts as keys, got {show(value)}"
    )
