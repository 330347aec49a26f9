"""Settings that belong to one choice only, such as ``kernel`` to ``kind: cnn``, as conditions of JSON Schema.

A choice may be made in the base, in an arm or by a sweep. These conditions say as much as can be said without merging
the three: nothing about a choice that is swept.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import get_args

from pydantic import BaseModel

from bnreg.config.experiment_file import ExperimentFile
from bnreg.config.faults import model_in
from bnreg.config.json_schema.generator import Schema
from bnreg.config.schema import Choices, Known, Settings

Path = tuple[str, ...]


def rules_of_choices(choices: Choices) -> list[Schema]:
    """For each choice, the rules about the settings that belong to it, unless it is swept."""
    return [
        {"if": _not_swept(path, [by, *_nullable(model, table)]), "then": {"allOf": [*_rules(model, path, by, table)]}}
        for model, path in _sections(Settings, ())
        for by, table in _choices_in(model, choices)
    ]


def rules_of_executors(choices: Choices) -> Iterator[Schema]:
    """For each executor, that the settings that only others have are null; no arm and no sweep changes any of them."""
    default = ExperimentFile.model_fields["executor"].default
    for name, settings in choices.executors.items():
        if foreign := [setting for setting in _all(choices.executors) if setting not in settings]:
            chosen: Schema = {"properties": {"executor": {"enum": [name]}}}
            written: Schema = {} if name == default else {"required": ["executor"]}
            yield {"if": chosen | written, "then": _refused((), foreign, foreign)}


def _sections(model: type[BaseModel], path: Path) -> Iterator[tuple[type[BaseModel], Path]]:
    for name in model.model_fields:
        if inner := model_in(model, name):
            yield inner, (*path, name)
            yield from _sections(inner, (*path, name))


def _choices_in(model: type[BaseModel], choices: Choices) -> Iterator[tuple[str, Mapping[str, Collection[str]]]]:
    """The settings of a section that choose among its other settings, and what belongs to each choice."""
    for name, field in model.model_fields.items():
        for mark in field.metadata:
            table = getattr(choices, mark.table) if isinstance(mark, Known) else None
            if isinstance(table, Mapping):
                yield name, table


def _nullable(model: type[BaseModel], table: Mapping[str, Collection[str]]) -> list[str]:
    """The settings of choices that may be null, which is as if they were not written."""
    return [name for name in _all(table) if type(None) in get_args(model.model_fields[name].annotation)]


def _all(table: Mapping[str, Collection[str]]) -> list[str]:
    return sorted({setting for settings in table.values() for setting in settings})


def _rules(model: type[BaseModel], path: Path, by: str, table: Mapping[str, Collection[str]]) -> Iterator[Schema]:
    """The rules of one choice, for each group of names that the same settings do not belong to."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, settings in table.items():
        groups.setdefault(tuple(setting for setting in _all(table) if setting not in settings), []).append(name)
    for foreign, names in groups.items():
        if foreign:
            yield from _rules_of_names(model, path, by, names, foreign, _nullable(model, table))


def _rules_of_names(
    model: type[BaseModel], path: Path, by: str, names: list[str], foreign: Collection[str], nullable: Collection[str]
) -> Iterator[Schema]:
    """What is refused with any of some names: in the base or an arm, beside the name or where another one has it."""
    is_one: Schema = {"properties": {by: {"enum": names}}}
    chosen = _at(path, {"type": "object", **is_one, "required": [by]}, written=True)
    in_base = _at(path, is_one) if model.model_fields[by].default in names else chosen
    refused = _refused(path, foreign, nullable)
    yield {"if": in_base, "then": refused}
    yield {"if": in_base, "then": _each_arm({"if": _at(path, {"not": {"required": [by]}}), "then": refused})}
    yield _each_arm({"if": chosen, "then": refused})
    # The base's setting would reach an arm that chooses one of the names, unless the arm sets it to null.
    if reaching := [setting for setting in foreign if setting not in nullable]:
        yield {"if": _each_arm({"not": chosen}), "else": _refused(path, reaching, ())}


def _refused(path: Path, foreign: Collection[str], nullable: Collection[str]) -> Schema:
    return _at(
        path, {"properties": {setting: {"type": "null"} if setting in nullable else False for setting in foreign}}
    )


def _at(path: Path, schema: Schema, *, written: bool = False) -> Schema:
    """A rule for the section at a path; ``written`` is broken where no such section is."""
    for name in reversed(path):
        schema = {"properties": {name: schema}}
        if written:
            schema |= {"type": "object", "required": [name]}
    return schema


def _each_arm(schema: Schema) -> Schema:
    return {"properties": {"arms": {"additionalProperties": schema}}}


def _not_swept(path: Path, settings: Collection[str]) -> Schema:
    """Whether no key of the sweep or of ``tune`` sets one of a section's settings, or all of the section."""
    pattern = rf"(^|\.){_dotted(path)}(\.({'|'.join(settings)}))?$"
    names: Schema = {"propertyNames": {"not": {"pattern": pattern}}}
    return {"properties": {"sweep": {**names, "properties": {"zip": names}}, "tune": names}}


def _dotted(path: Path) -> str:
    return r"\.".join(path)
