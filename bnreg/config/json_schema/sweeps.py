"""The keys of a sweep, dotted paths of settings, each with a list of values."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from bnreg.config.faults import model_in
from bnreg.config.json_schema.generator import Schema
from bnreg.config.schema import Settings
from bnreg.names import NAME

ARM_PREFIX = rf"^arms\.{NAME.pattern}\."


def settings(model: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Schema]]:
    """The path of each setting and section below the top level, and what its values must be."""
    for name in model.model_fields:
        inner = model_in(model, name)
        if path:
            value: Schema = {"$ref": f"#/$defs/{model.__name__}/properties/{name}"}
            yield (*path, name), value | (required_in(inner) if inner else {})
        if inner:
            yield from settings(inner, (*path, name))


def required_in(model: type[BaseModel]) -> Schema:
    """The settings that a section needs if no arm adds to it."""
    needed = [name for name, field in model.model_fields.items() if field.is_required()]
    inner = {name: required_in(section) for name in model.model_fields if (section := model_in(model, name))}
    below = {name: rules for name, rules in inner.items() if rules}
    return ({"required": needed} if needed else {}) | ({"properties": below} if below else {})


def grid(*, arms: bool, **options: Any) -> Schema:
    """A mapping from dotted keys to lists of values.

    Args:
        arms: Whether it may also have the keys of an arm's settings, ``arms.NAME.model.norm``.
        options: Its other keys.
    """
    of_arms = {f"{ARM_PREFIX}{_escaped(path)}$": _of_arm(path, value) for path, value in settings()}
    return {
        "type": "object",
        "properties": {**options, **{".".join(path): _values(path) for path, _ in settings()}},
        **({"patternProperties": of_arms} if arms else {}),
        "additionalProperties": False,
    }


def all_values() -> dict[str, Schema]:
    """The definition of each list of values."""
    return {_name(path): _list_of(value) for path, value in settings()}


def _of_arm(path: tuple[str, ...], value: Schema) -> Schema:
    """The values of an arm's setting: a section needs nothing, because it is merged with the base's."""
    is_complete = [*value] == ["$ref"]
    return _values(path) if is_complete else _list_of({"$ref": value["$ref"]})


def _list_of(value: Schema) -> Schema:
    return {"type": "array", "items": value, "minItems": 1, "uniqueItems": True}


def _values(path: tuple[str, ...]) -> Schema:
    return {"$ref": f"#/$defs/{_name(path)}"}


def _name(path: tuple[str, ...]) -> str:
    return f"values.{'.'.join(path)}"


def _escaped(path: tuple[str, ...]) -> str:
    return r"\.".join(path)
