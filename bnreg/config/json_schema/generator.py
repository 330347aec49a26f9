"""The models of a config as JSON Schema, without what pydantic adds for programmers."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import CoreSchema, DictSchema, WithDefaultSchema

Schema = dict[str, Any]


class Generator(GenerateJsonSchema):
    """Without titles, which repeat the keys, and with rules for the keys of mappings."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 # pydantic's method
        """A key needs no title."""
        return False

    def dict_schema(self, schema: DictSchema) -> JsonSchemaValue:
        """All keys of a mapping obey the rule for keys; pydantic would allow others, with any value."""
        either = {"propertyNames": "keys_schema", "additionalProperties": "values_schema"}
        inner = {keyword: self.generate_inner(schema[part]) for keyword, part in either.items() if part in schema}  # type: ignore[literal-required]
        return {"type": "object", **{keyword: rule for keyword, rule in inner.items() if rule}}

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        """A section's default is not written out: it has settings that only some of its choices take."""
        inner: CoreSchema = schema["schema"]
        is_section = isinstance(schema.get("default"), BaseModel)
        return self.generate_inner(inner) if is_section else super().default_schema(schema)


def definitions(model: type[BaseModel]) -> tuple[Schema, dict[str, Schema]]:
    """A model, and all models in it by their names."""
    schema = model.model_json_schema(schema_generator=Generator)
    defined = schema.pop("$defs", {})
    for one in (schema, *defined.values()):
        one.pop("title", None)
        one["description"] = one["description"].partition("\n\n")[0].replace("``", "`")
    return schema, defined


def with_names(schema: Any, tables: Mapping[str, list[str]]) -> Any:
    """A schema in which names from tables stand for the marks of these, see ``schema.Known``."""
    if isinstance(schema, list):
        return [with_names(part, tables) for part in schema]
    if not isinstance(schema, dict):
        return schema
    enum = schema.get("enum")
    if isinstance(enum, list) and isinstance(enum[-1], dict):
        schema = {**schema, "enum": [*enum[:-1], *tables[enum[-1]["table"]]]}
    return {key: with_names(part, tables) for key, part in schema.items()}


def resolved(schema: Schema, part: Schema) -> Schema:
    """A part of a schema with the definition that it refers to; of a section or null, with the section's."""
    for branch in (part, *part.get("anyOf", ())):
        if "$ref" in branch:
            found: Any = schema
            for name in branch["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            return {**part, **found, "description": part.get("description", found.get("description"))}
    return part
