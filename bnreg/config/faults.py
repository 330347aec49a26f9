"""Faults: pydantic's validation errors in the words of a config."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from bnreg.config.source.scalars import plain_scalar
from bnreg.config.source.strict_yaml import parse_value
from bnreg.config.source.yaml_mistakes import StrictYamlError, missing_colon
from bnreg.wording import did_you_mean, in_config, printable, show

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
    "too_short": "at least {min_length} in a list",
    "tuple_type": "a list",
}
_QUOTED = re.compile(r"'([^']*)'")
# A list as Python writes it, or in quotes.
_BRACKETED = re.compile(r"\s*[(\[](.*)[)\]]\s*")


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
        if details["type"] == "too_short" and len(details["input"]) >= context["min_length"]:
            continue  # its items are too few only without those that have mistakes of their own
        if details["type"] == "extra_forbidden":
            yield Fault(location, choices=_keys(model, location[:-1]), given=details["input"])
        elif details["type"] == "fault":
            place = location if context["key"] is None else (*location, context["key"])
            remedy = "" if context["between_settings"] else _remedy(details, model)
            yield Fault(place, context["sentence"] + remedy, between_settings=context["between_settings"])
        else:
            yield Fault(location, _sentence(details) + _remedy(details, model))


def model_in(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """The model in a field, if it has one."""
    annotation = model.model_fields[name].annotation
    candidates = getattr(annotation, "__args__", (annotation,))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def takes(section: type[BaseModel], key: str, value: Any) -> bool:
    """Whether a setting may have this value: names are not looked up, nor is the setting held to the others."""
    try:
        section.model_validate({key: value})
    except ValidationError as error:
        found = [details for details in error.errors(include_url=False) if details["loc"][:1] == (key,)]
        return all(details.get("ctx", {}).get("between_settings") for details in found)
    return True


def meant_by(section: type[BaseModel], key: str, given: Any) -> Any | None:
    """The value that one of another kind stands for: ``16,16`` for [16, 16], ``0,1`` for 0.1; None if there is none."""
    if isinstance(given, Mapping):
        return None
    meant: list[Any] = [(), (given,)] if _says_none(given) else [*_number_in(given), listed_in(given), (given,)]
    if inner := model_in(section, key):
        meant.append({next(iter(inner.model_fields)): given})
    return next((value for value in meant if takes(section, key, value)), None)


def _number_in(given: Any) -> list[int | float | bool]:
    """The number or truth value in a text, whether it is in quotes, has a decimal comma or is spelled as in Python."""
    if isinstance(given, str):
        with suppress(ValueError):
            value = plain_scalar(given.strip().casefold().replace(",", "."))
            return [] if value is None or isinstance(value, str) else [value]
    return []


def listed_in(given: Any) -> tuple[Any, ...]:
    """The items of a list that was written without brackets or with other ones, as in ``16,16`` and ``(16, 16)``."""
    if isinstance(given, str):
        bracketed = _BRACKETED.fullmatch(given)
        with suppress(StrictYamlError):
            return tuple(parse_value(f"[{bracketed[1] if bracketed else given}]"))
    return (given,)


def example_of(section: type[BaseModel], key: str) -> Any:
    """A value of a setting to show in an example; of a section, its first setting."""
    field, inner = section.model_fields[key], model_in(section, key)
    if field.examples:
        return field.examples[0]
    if inner is None:
        return field.default
    first = next(iter(inner.model_fields))
    return {first: example_of(inner, first)}


def model_at(model: type[BaseModel], location: Sequence[str | int]) -> type[BaseModel] | None:
    """The model of the section at a location."""
    found: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, str):  # the items of a list have the model of the list
            found = model_in(found, part) if found and part in found.model_fields else None
    return found


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
    if details["type"] == "literal_error" and isinstance(given, str):
        return did_you_mean(given, _QUOTED.findall(details["ctx"]["expected"]))
    *around, last = location or ("",)
    section, key = model_at(model, around), str(last)
    if section is None or key not in section.model_fields:
        if details["type"] == "dict_type" and location[:1] == ("arms",):
            return f"; for example {in_config(next(iter(example_of(model, 'arms').values())))}"
        return ""
    if given is not None and _says_none(given) and type(None) in get_args(section.model_fields[key].annotation):
        return "; write null"
    if isinstance(given, str) and model_in(section, key) and (remedy := missing_colon(given)):
        return f"; {remedy}"
    is_form = details["type"] in ("dict_type", "model_type", "tuple_type")
    if (is_form or isinstance(given, str)) and (meant := meant_by(section, key, given)) is not None:
        return f"; write {in_config(meant)}"
    return f"; for example {in_config(example_of(section, key))}" if is_form else ""


def _says_none(given: Any) -> bool:
    return given is None or (isinstance(given, str) and given.casefold() == "none")


def _keys(model: type[BaseModel], location: tuple[str | int, ...]) -> tuple[str, ...]:
    """The valid keys of the section at a location."""
    section = model_at(model, location)
    assert section is not None
    return tuple(section.model_fields)
