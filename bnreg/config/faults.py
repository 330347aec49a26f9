"""Faults: pydantic's validation errors in the words of a config."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from bnreg.wording import printable, show, unknown

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


@dataclass(frozen=True)
class Fault:
    """One mistake in a value: its location, a sentence, and whether it is an unknown key or breaks a rule.

    A rule between settings may hold again once another setting changes; every other mistake is independent.
    """

    location: tuple[str | int, ...]
    sentence: str
    unknown_key: bool = False
    between_settings: bool = False


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
            key = str(location[-1])
            yield Fault(location, unknown("key", key, _keys(model, location[:-1])), unknown_key=True)
        elif details["type"] == "fault":
            place = location if context["key"] is None else (*location, context["key"])
            yield Fault(place, context["sentence"], between_settings=context["between_settings"])
        else:
            yield Fault(location, _sentence(details))


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


def _keys(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """The valid keys of the section at a location."""
    for part in location:
        inner = model_in(model, str(part))
        assert inner is not None
        model = inner
    return list(model.model_fields)
