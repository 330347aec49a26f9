"""Configs that Hypothesis draws from the JSON Schema of a config, and mutations that may break them."""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import jsonschema
from hypothesis import strategies as st

from bnreg.config.json_schema.experiment import config_schema
from bnreg.config.json_schema.generator import resolved
from bnreg.experiment.choices import all_choices

SCHEMA = config_schema(all_choices())
Path = tuple[str | int, ...]


def _pattern(_: Any, pattern: str, instance: object, __: Any) -> Iterator[jsonschema.ValidationError]:
    """As ECMAScript reads a pattern: its $ is the end, not also the place before a last line break."""
    if isinstance(instance, str) and not re.search(pattern.replace("$", r"\Z"), instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


def _is_whole(_: Any, instance: object) -> bool:
    return isinstance(instance, int) and not isinstance(instance, bool)


# With whole numbers as YAML has them: for JSON Schema 5.0 is one, too.
STRICT: Any = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    {"pattern": _pattern},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_whole),
)(SCHEMA)

NAMES = st.sampled_from(["bn", "plain", "BN", "a.b", "v1.0", "base"])
# What people write where something else belongs.
EVERYTHING_ELSE: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 3, 100, 10**12, 0.0, 1.0, 0.5, -0.1, 1.5, 1e-3, 1e60),
    *(
        "",
        "1",
        "1e-3",
        "0.2pp",
        "300pp",
        "yes",
        "none",
        "all",
        "auto",
        "cuda:1",
        "batch",
        "sgd",
        "con",
        "a\n",
        "x.",
    ),
    *([], [1], [1, 1], [1.0, 2], ["weights", "weights"], [[32], [64]], {}, {"a": 1}, {"name": "sgd"}, {"bn": {}}),
    *("test_loss", "validation_loss", "bn", {"test_loss": "1pp"}, {"test_accuracy": 0.3}, [0.9, 0.99]),
]
JUNK = st.sampled_from(EVERYTHING_ELSE).map(deepcopy)
KEYS = st.sampled_from(
    [
        *(
            "x",
            "lr",
            "name",
            "kind",
            "norm",
            "kernel",
            "momentum",
            "optimizer.lr",
            "model.norm",
            "model.init",
            "zip",
            "on",
        ),
        *("arms.bn.model.norm", "arms.no.model.norm", "arms.bn.training.early_stopping", "model", "model.x", "seeds"),
        *("training.early_stopping", "sweep", "arms", "baseline", "until", "from", "step_epochs", "patience", "more"),
        *("con", "a b", "", "BN", "measure"),
    ]
)


@st.composite
def instances(draw: Any, schema: Mapping[str, Any]) -> Any:
    """A value that a part of the schema allows, but for conditions."""
    schema = resolved(SCHEMA, dict(schema))
    if "anyOf" in schema:
        return draw(instances(draw(st.sampled_from(schema["anyOf"]))))
    if "enum" in schema or "const" in schema:
        return draw(st.sampled_from(schema.get("enum") or [schema["const"]]))
    kind = schema.get("type")
    kind = draw(st.sampled_from(kind)) if isinstance(kind, list) else kind
    return draw(_OF_TYPE[kind](schema)) if kind in _OF_TYPE else draw(JUNK)


def _integers(schema: Mapping[str, Any]) -> st.SearchStrategy[int]:
    least = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
    most = schema.get("maximum", schema.get("exclusiveMaximum", least + 1000))
    drawn = st.integers(least, min(most, least + 3)) | st.sampled_from([least, most])
    return drawn.map(lambda n: n - (n % 2 == 0)) if schema.get("not") == {"multipleOf": 2} else drawn


def _numbers(schema: Mapping[str, Any]) -> st.SearchStrategy[float]:
    least = schema.get("minimum", schema.get("exclusiveMinimum", -1.0))
    most = schema.get("maximum", schema.get("exclusiveMaximum", least + 10))
    inside = st.floats(least, most, exclude_min="exclusiveMinimum" in schema, exclude_max="exclusiveMaximum" in schema)
    return inside | st.integers(int(least) + 1, max(int(most) - 1, int(least) + 1)) if most - least >= 2 else inside


def _texts(schema: Mapping[str, Any]) -> st.SearchStrategy[str]:
    pattern = schema.get("pattern", "")
    if "pp" in pattern or "eE" in pattern:
        return st.sampled_from(["0.01", "1e-2", "0.05 "] + ["0.2pp", "1 pp"] * ("pp" in pattern))
    return st.sampled_from(["auto", "cpu", "cuda", "cuda:3"]) if "cuda" in pattern else NAMES


@st.composite
def _lists(draw: Any, schema: Mapping[str, Any]) -> list[Any]:
    if "prefixItems" in schema:
        return [draw(instances(item)) for item in schema["prefixItems"]]
    unique = repr if schema.get("uniqueItems") else None
    least = schema.get("minItems", 0)
    return draw(
        st.lists(
            instances(schema["items"] or {"type": "integer"}), min_size=least, max_size=least + 2, unique_by=unique
        )
    )


@st.composite
def _mappings(draw: Any, schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    keys = draw(st.lists(st.sampled_from([*properties]), max_size=4, unique=True)) if properties else []
    drawn = {key: draw(instances(properties[key])) for key in dict.fromkeys([*schema.get("required", ()), *keys])}
    if (other := schema.get("additionalProperties")) and not properties:
        drawn |= {key: draw(JUNK if other is True else instances(other)) for key in draw(st.lists(NAMES, max_size=3))}
    for pattern in draw(st.lists(st.sampled_from([*schema.get("patternProperties", {0: 0})]), max_size=1)):
        if pattern:
            key = re.sub(r"^\^arms.*?\}\\\.(.*)\$$", r"arms.bn.\1", pattern).replace("\\", "")
            drawn[key] = draw(instances(schema["patternProperties"][pattern]))
    return drawn


_OF_TYPE: dict[str, Any] = {
    "integer": _integers,
    "number": _numbers,
    "string": _texts,
    "boolean": lambda _: st.booleans(),
    "null": lambda _: st.none(),
    "array": _lists,
    "object": _mappings,
}


@st.composite
def configs(draw: Any) -> dict[str, Any]:
    """A config that the schema allows, but for conditions."""
    config: dict[str, Any] = draw(_mappings(SCHEMA))
    arms = config.get("arms") or {}
    if len(arms) > 1 and "baseline" not in config and draw(st.integers(0, 9)):
        config["baseline"] = draw(st.sampled_from([*arms]))
    return config


def _places(value: Any, path: Path = ()) -> Iterator[Path]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from _places(inner, (*path, key))


def _form(value: Any) -> list[Any]:
    """The same value in other clothes."""
    return [
        str(value),
        [value],
        float(value) if isinstance(value, int) else int(value) if isinstance(value, float) else None,
    ]


@st.composite
def mutated(draw: Any) -> dict[str, Any]:
    """Such a config with one or two mistakes, as far as they are mistakes."""
    config = deepcopy(draw(configs()))
    for _ in range(draw(st.integers(1, 2))):
        *around, last = draw(st.sampled_from([*_places(config)] or [("model",)]))
        inner: Any = config
        for key in around:
            inner = inner[key]
        match draw(st.sampled_from(["junk", "form", "key", "remove"])):
            case "form" if last in inner or isinstance(inner, list):
                inner[last] = draw(st.sampled_from(_form(inner[last])))
            case "key" if isinstance(inner, dict):
                inner[draw(KEYS)] = draw(JUNK)
            case "remove" if isinstance(inner, dict):
                inner.pop(last, None)
            case _:
                inner[last] = draw(JUNK)
    return config


def at_bounds(schema: Mapping[str, Any]) -> Iterator[Any]:
    """Values at each bound that a part of the schema has, and beside it."""
    for branch in (schema, *schema.get("anyOf", ())):
        for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
            if keyword in branch:
                yield from (branch[keyword] + beside for beside in (-1, 0, 1))
        for keyword in ("minItems", "maxItems"):
            if branch.get(keyword, 9999) < 9999:
                yield from ([1] * (branch[keyword] + beside) for beside in (-1, 0, 1) if branch[keyword] + beside >= 0)


def around(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A config with one setting, and the choice that this setting belongs to, if there is one."""
    *sections, name = path
    config: dict[str, Any] = {name: value}
    choice = OWNERS.get(path)
    config = {**({choice[0]: choice[1]} if choice else {}), **config}
    for section in reversed(sections):
        config = {section: config}
    return config


def _owners() -> Iterator[tuple[tuple[str, ...], tuple[str, str]]]:
    choices = all_choices()
    for section, by, table in (
        (("model",), "kind", choices.models),
        (("model",), "norm", choices.norms),
        (("model", "init"), "scheme", choices.inits),
        (("optimizer",), "name", choices.optimizers),
        (("optimizer", "schedule"), "name", choices.schedules),
        (("training", "penalty"), "kind", choices.penalties),
    ):
        for owner, settings in table.items():
            yield from (((*section, setting), (by, owner)) for setting in settings)


OWNERS = dict(_owners())
