"""Faults: pydantic's validation errors in the words of a config."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from bnreg.config.yaml_mistakes import missing_colon
from bnreg.wording import printable, show

_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than": "a number greater than {gt:.12g}",
    "greater_than_equal": "a number of at least {ge:.12g}",
    "int_type": "a whole number",
    "less_than": "a number less than {lt:.12g}",
    "less_than_equal": "a number of at most {le:.12g}",
    "literal_error": "{expected}",
    "model_type": "a mapping",
    "string_type": "text",
    "too_long": "{max_length} values",
    "tuple_type": "a list",
}
# What to write where a mapping is expected, by the top-level key and the depth.
_EXAMPLES = {
    ("arms", 1): "{bn: {model: {norm: batch}}, plain: {}}",
    ("arms", 2): "{model: {norm: batch}}",
    ("sweep", 1): "{optimizer.lr: [0.01, 0.1]}",
}


@dataclass(frozen=True)
class Fault:
    """One mistake in a value.

    Attributes:
        location: The path of the value.
        sentence: The mistake; empty for an unknown key, see ``hints.unknown_key``.
        choices: If the key is unknown, the keys of its section.
        given: If the key is unknown, its value.
        between_settings: Whether the value breaks a rule that may hold again once another setting changes; every other
            mistake is independent.
    """

    location: tuple[str | int, ...]
    sentence: str = ""
    choices: tuple[str, ...] = ()
    given: Any = None
    between_settings: bool = False

    @property
    def unknown_key(self) -> bool:
        """Whether the section has no such key."""
        return bool(self.choices)


def fault(sentence: str, key: str | None = None, between_settings: bool = False) -> PydanticCustomError:
    """The exception that a validator raises to report a mistake in its own words.

    Args:
        sentence: The mistake.
        key: The key inside the validated value that is wrong.
        between_settings: Whether the value is wrong only in combination with others.
    """
    context = {"sentence": sentence, "key": key, "between_settings": between_settings}
    return PydanticCustomError("fault", "{sentence}", context)


def faults(error: ValidationError, model: type[BaseModel]) -> Iterator[Fault]:
    """All mistakes that pydantic found in a ``model``, in the words of a config."""
    for details in error.errors(include_url=False):
        # pydantic marks a mapping's key with an extra part, "[key]"; the key itself is the location.
        location = tuple(part for part in details["loc"] if part != "[key]")
        context = details.get("ctx", {})
        if details["type"] == "extra_forbidden":
            yield Fault(location, choices=_keys(model, location[:-1]), given=details["input"])
        elif details["type"] == "fault":
            place = location if context["key"] is None else (*location, context["key"])
            yield Fault(place, context["sentence"], between_settings=context["between_settings"])
        else:
            yield Fault(location, _sentence(details) + _remedy(details, model))


def model_in(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """The model in a field, if it has one."""
    annotation = model.model_fields[name].annotation
    candidates = getattr(annotation, "__args__", (annotation,))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _sentence(details: ErrorDetails) -> str:
    kind = details["type"]
    if kind == "missing":
        return "missing"
    if kind not in _EXPECTED:
        return printable(details["msg"])
    return f"expected {_EXPECTED[kind].format(**details.get('ctx', {}))}, got {show(details['input'])}"


def _remedy(details: ErrorDetails, model: type[BaseModel]) -> str:
    """The end of a sentence about a value of the wrong type: what to write, if the user's meaning can be guessed."""
    location, given = details["loc"], details["input"]
    says_none = given is None or (isinstance(given, str) and given.casefold() == "none")
    *around, last = location or ("",)
    section = _model_at(model, around)
    annotation = section.model_fields[str(last)].annotation if section and last in section.model_fields else None
    if says_none and given is not None and type(None) in get_args(annotation):
        return "; write null"
    if details["type"] == "tuple_type" and ... in get_args(annotation):
        return "; write []" if says_none else f"; write [{show(given)}]" if not isinstance(given, Mapping) else ""
    if details["type"] not in ("dict_type", "model_type"):
        return ""
    if example := _EXAMPLES.get((str(location[0]), len(location))):
        return f"; for example {example}"
    if isinstance(given, str):
        inner = _model_at(model, location)
        first = next(iter(inner.model_fields)) if inner else "key"
        return f"; {missing_colon(given) or f'write {{{first}: {printable(given[:40])}}}'}"
    return ""


def _model_at(model: type[BaseModel], location: Sequence[str | int]) -> type[BaseModel] | None:
    """The model of the section at a location."""
    found: type[BaseModel] | None = model
    for part in location:
        found = model_in(found, str(part)) if found and part in found.model_fields else None
    return found


def _keys(model: type[BaseModel], location: tuple[str | int, ...]) -> tuple[str, ...]:
    """The valid keys of the section at a location."""
    section = _model_at(model, location)
    assert section is not None
    return tuple(section.model_fields)
