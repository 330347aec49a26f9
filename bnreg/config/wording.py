"""The sentences in which mistakes are told: what was given, what was expected, the nearest choice."""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from bnreg.errors import printable

MAX_SHOWN = 40
MIN_STEM = 3  # a shorter choice begins too many words by chance

_WORD = re.compile(r"[A-Za-z0-9_][\w.-]*", re.ASCII)
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
    """One mistake in a value: where in it, a sentence, and whether an unknown key or a rule between settings is meant.

    A rule between settings may hold again once something else is changed; every other mistake is one by itself.
    """

    location: tuple[str | int, ...]
    sentence: str
    unknown_key: bool = False
    between_settings: bool = False


def show(value: object) -> str:
    """A value as a config would write it, in at most ``MAX_SHOWN`` printable characters."""
    match value:
        case bool() | None:
            text = {True: "true", False: "false", None: "null"}[value]
        case str():
            text = repr(value[: MAX_SHOWN + 1])
        case Mapping():
            text = "{" + ", ".join(f"{show(k)}: {show(v)}" for k, v in islice(value.items(), MAX_SHOWN)) + "}"
        case list() | tuple():
            text = "[" + ", ".join(map(show, islice(value, MAX_SHOWN))) + "]"
        case _:
            text = repr(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def dotted(path: Sequence[str | int]) -> str:
    """A path of keys as it is told: ``model.hidden[1]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _WORD.fullmatch(part) and len(part) <= 80 else show(part))
    return text


def nearest(given: str, choices: Collection[str]) -> str | None:
    """The choice that was probably meant, if any is close; capitals count as small letters."""
    given = given[:80].casefold()
    written = {choice.casefold(): choice for choice in choices}
    close = difflib.get_close_matches(given, written, n=1)
    # Nearness of letters misses abbreviations: learning_rate means lr, bs means batch_size.
    close = close or [c for c in written if _initials(given) == c or _initials(c) == given]
    # And words that go on: batch_normalization means batch.
    close = close or [c for c in written if len(c) >= MIN_STEM and given.startswith(c)]
    return written[close[0]] if close else None


def did_you_mean(given: str, choices: Collection[str]) -> str:
    """``; did you mean 'lr'?`` where a choice is close to what was given, else nothing."""
    choice = nearest(given, choices)
    return f"; did you mean {show(choice)}?" if choice else ""


def unknown(kind: str, given: str, choices: Collection[str]) -> str:
    """``unknown activation 'rleu'; did you mean 'relu'? (choices: elu, relu)``."""
    return f"unknown {kind} {show(given)}{did_you_mean(given, choices)} ({listed(choices)})"


def listed(choices: Collection[str]) -> str:
    """``choices: elu, relu``."""
    names = [printable(choice[:MAX_SHOWN]) for choice in islice(choices, MAX_SHOWN)]
    more = ["…"] if len(choices) > MAX_SHOWN else []
    return f"choices: {', '.join(names + more)}" if names else "there are none"


def fault(sentence: str, key: str | None = None, between_settings: bool = False) -> PydanticCustomError:
    """The exception by which a validator tells a mistake in its own words.

    Args:
        sentence: What is wrong.
        key: The key within the validated value that is to blame.
        between_settings: Whether the value is wrong only beside others.
    """
    context = {"sentence": sentence, "key": key, "between_settings": between_settings}
    return PydanticCustomError("fault", "{sentence}", context)


def faults(error: ValidationError, model: type[BaseModel]) -> Iterator[Fault]:
    """Everything that pydantic found wrong with a ``model``, in the words of a config."""
    for details in error.errors(include_url=False):
        # pydantic marks a mapping's key with a further part, "[key]"; the key itself is the location.
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
    """The model that a field holds, if it holds one."""
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
    """The keys that the section at a location knows."""
    for part in location:
        inner = model_in(model, str(part))
        assert inner is not None
        model = inner
    return list(model.model_fields)


def _initials(name: str) -> str:
    return "".join(word[0] for word in re.split("[_-]", name) if word)
