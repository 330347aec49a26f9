"""The JSON Schema of an experiment's file."""

import json
from dataclasses import fields

from bnreg.config.experiment_file import ExperimentFile
from bnreg.config.faults import model_in
from bnreg.config.forms import TuneForm
from bnreg.config.json_schema.generator import Schema, definitions, with_names
from bnreg.config.json_schema.rules import rules_of_choices, rules_of_executors
from bnreg.config.json_schema.sweeps import all_values, grid, required_in
from bnreg.config.schema import Choices, Settings
from bnreg.metrics import (
    LARGEST,
    MAX_BARE_EFFECT,
    NUMBER_OF_EFFECT,
    SPLITS,
    TEST_ACCURACY,
    columns_of,
    metric_of,
)
from bnreg.names import SECTIONS
from bnreg.rounds import short_seeds
from bnreg.tuning import metrics_to_tune_on

TITLE = "An experiment of bnreg"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def config_schema(choices: Choices) -> Schema:
    """The JSON Schema, draft 2020-12, of a config.

    Args:
        choices: The names that settings may use.
    """
    file, defined = definitions(ExperimentFile)
    _, sections = definitions(Settings)
    for section in sections.values():
        section.pop("required", None)  # an arm need not repeat what the base has; see ``required_in``
    properties = {**file["properties"], **_settings(file["properties"])}
    properties["seeds"]["default"] = short_seeds(properties["seeds"]["default"])
    defined["Compare"]["properties"]["smallest_effect"] |= _smallest_effect()
    schema = {
        "$schema": DIALECT,
        "title": TITLE,
        "description": "Networks, the arms that are compared, and the seeds.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "allOf": [_several_arms_need_a_baseline(), *rules_of_choices(choices), *rules_of_executors(choices)],
        "$defs": {**sections, **defined, "Changes": _changes(), **all_values()},
    }
    return with_names(schema, _tables(choices))  # type: ignore[no-any-return]


def _tables(choices: Choices) -> dict[str, list[str]]:
    """The names in each table that a mark may stand for."""
    names = {field.name: [*getattr(choices, field.name)] for field in fields(choices)}
    return names | {"metrics": columns_of(*SPLITS), "tuning_metrics": metrics_to_tune_on()}


def _settings(header: Schema) -> Schema:
    """The properties at the top level that are checked cell by cell."""
    below = required_in(Settings)["properties"]
    sections = {
        name: {
            "$ref": f"#/$defs/{model_in(Settings, name).__name__}",  # type: ignore[union-attr] # each is a section
            "description": header[name]["description"],
            **below.get(name, {}),
        }
        for name in SECTIONS
    }
    arms, sweep, tune = ({**header[name]} for name in ("arms", "sweep", "tune"))
    names = arms.pop("anyOf")[0]["propertyNames"]
    each = {"anyOf": [{"$ref": "#/$defs/Changes"}, {"type": "null"}]}
    arms |= {"type": ["object", "null"], "propertyNames": names, "additionalProperties": each}
    zipped = {"description": "lists that advance together", **grid(arms=True)}
    sweep.pop("anyOf")
    sweep |= grid(arms=True, zip=zipped) | {"type": ["object", "null"]}
    tune.pop("anyOf")
    options = definitions(TuneForm)[0]["properties"]
    tune |= grid(arms=False, **options) | {"type": ["object", "null"]}
    tune["not"] = {"type": "object", "propertyNames": {"enum": [*options]}}
    return {**sections, "arms": arms, "sweep": sweep, "tune": tune}


def _changes() -> Schema:
    sections = {name: {"$ref": f"#/$defs/{model_in(Settings, name).__name__}"} for name in SECTIONS}  # type: ignore[union-attr]
    return {
        "description": "What an arm changes in the base.",
        "type": "object",
        "properties": sections,
        "additionalProperties": False,
    }


def _smallest_effect() -> Schema:
    """A smallest effect, in accuracy or by metric; a share may have a unit."""
    by_metric = {metric: _effect(metric) for metric in columns_of(*SPLITS)}
    mapping = {"type": "object", "properties": by_metric, "additionalProperties": False}
    return {"anyOf": [*_effect(TEST_ACCURACY)["anyOf"], mapping]}


def _effect(metric: str) -> Schema:
    is_share = metric_of(metric).is_share
    number = {"type": "number", "minimum": 0, "maximum": MAX_BARE_EFFECT if is_share else LARGEST}
    unit = " ?(pp)?" if is_share else " ?"
    return {"anyOf": [number, {"type": "string", "pattern": f"^{NUMBER_OF_EFFECT}{unit}$"}]}


def _several_arms_need_a_baseline() -> Schema:
    several = {"properties": {"arms": {"type": "object", "minProperties": 2}}, "required": ["arms"]}
    return {"if": several, "then": {"properties": {"baseline": {"type": "string"}}, "required": ["baseline"]}}


def schema_text(choices: Choices) -> str:
    """The same as a file."""
    return f"{json.dumps(config_schema(choices), indent=1, ensure_ascii=False)}\n"
