"""Text for users: values, keys and counts as text, and the nearest of some choices."""

import codecs
import difflib
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice, takewhile
from typing import Any

from bnreg.names import split_arm

MISSING = "–"

# The end of a sentence that begins with "dropout".
VARIANCE_SHIFT = (
    "comes before a batch norm, so the variance that the norm learns in training differs from the one that it sees "
    "afterwards (variance shift); model.dropout_placement: last_layer avoids it"
)

# Name of the treatment of characters that an encoding lacks, see ``codecs``: they are spelled out.
SPELLED = "bnreg.spelled"
_IN_ASCII = (
    "- - - ~ | x +- -> <= ' || sqrt d/d _1 _x ^2 ^3 1/2 alpha beta gamma Delta epsilon lambda mu pi sigma tau ^ v * -"
)
SPELLINGS = dict(zip("─–−…·×±→≤′‖√∇₁ₓ²³½αβγΔελμπστ▲▼•━", _IN_ASCII.split(), strict=True))

MAX_SHOWN = 40  # characters of a value or name in a message
MAX_REPEATED = 3  # equal values in a list, before they are counted instead
MAX_CHOICES = 50  # listed in a message
MIN_STEM = 3  # too many words start with a shorter choice by chance

_NUMBER_IN_TEXT = re.compile(r"(0\.[0-9]+|[0-9]+)")
_BETWEEN_WORDS = re.compile(r"[-_ ]")
_WORD = re.compile(r"[A-Za-z0-9_][\w.-]*", re.ASCII)


def printable(text: str) -> str:
    """The text with its unprintable characters escaped, so that it stays on one line and cannot move the cursor."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(SPELLINGS.get(c, "?") for c in error.object[error.start : error.end]), error.end


codecs.register_error(SPELLED, _spell)


def spelled(text: str, encoding: str) -> str:
    """The text with the characters that an encoding lacks spelled out, so that it is as wide as it will be shown."""
    return text.encode(encoding, SPELLED).decode(encoding)


def counted(number: int, noun: str) -> str:
    """A number with its noun: ``1 seed``, ``2 seeds``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def ended(code: int | None) -> str:
    """The end of a process, by its exit code: ``was killed by signal 9``."""
    return f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"


def as_written(value: object) -> str:
    """A value as written in a config, whole numbers without a decimal point: 1.0 and 1 look the same."""
    return _text(value, str, lambda number: repr(number).removesuffix(".0"))


def in_config(value: object) -> str:
    """A value in a remedy: as written in a config, at most ``MAX_SHOWN`` characters."""
    text = printable(as_written(value))
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def natural_order(value: object) -> tuple[int, Any, str]:
    """Sort key for values and names of any kind: numbers by size, then text, then lists by their items.

    Numbers within a text count as numbers: ``run-2`` comes before ``run-10``, and ``lr-0.05`` before ``lr-0.1``.
    """
    match value:
        case int() | float() if not isinstance(value, bool):
            return 0, float(value), ""
        case list() | tuple():
            return 2, tuple(map(natural_order, value)), ""
        case _:
            text = as_written(value)
            parts = enumerate(_NUMBER_IN_TEXT.split(text))
            # The parts alternate, so numbers are only compared with numbers; the text itself decides between 1 and 01.
            return 1, tuple(float(part) if index % 2 else part for index, part in parts), text


def show(value: object) -> str:
    """A value in a message: text in quotes, at most ``MAX_SHOWN`` characters."""
    text = _text(value, lambda text: repr(text[: MAX_SHOWN + 1]), repr, MAX_SHOWN)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def _text(
    value: object, of_text: Callable[[str], str], of_number: Callable[[float], str], limit: int | None = None
) -> str:
    def inner(item: object) -> str:
        return _text(item, of_text, of_number, limit)

    match value:
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case str():
            return of_text(value)
        case Mapping():
            return "{" + ", ".join(f"{inner(key)}: {inner(item)}" for key, item in islice(value.items(), limit)) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(inner, islice(value, limit))) + "]"
        case float():
            return of_number(value)
        case _:
            return repr(value)


def dotted(path: Sequence[str | int]) -> str:
    """A path of keys in a message: ``model.hidden[1]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _WORD.fullmatch(part) and len(part) <= 80 else show(part))
    return text


def told_apart(names: Sequence[str], limit: int = MAX_SHOWN) -> list[str]:
    """The names in at most ``limit`` characters each, shortened in the middle, and still distinct.

    Names that would look the same then begin where they differ; if even that is not enough, they end in a number.
    """
    shortened = [_shortened(name, limit) for name in names]
    for short in [short for short, times in Counter(shortened).items() if times > 1]:
        alike = [index for index, one in enumerate(shortened) if one == short]
        columns = zip(*(names[index] for index in alike), strict=False)
        common = sum(1 for _ in takewhile(lambda characters: len(set(characters)) == 1, columns))
        start = max((found.end() for found in re.finditer(r"[\W_]+", names[alike[0]][:common])), default=common)
        for index in alike:
            shortened[index] = "…" + _shortened(names[index][start:], limit - 1)
    times = Counter(shortened)
    return [
        short if times[short] == 1 else f"{_shortened(short, limit - 4)} {number}"
        for number, short in enumerate(shortened, 1)
    ]


def _shortened(text: str, limit: int) -> str:
    """The text without its middle if it is longer than this."""
    if len(text) <= limit:
        return text
    tail = (limit - 1) // 2
    return f"{text[: limit - 1 - tail]}…{text[len(text) - tail :]}"


def short_names(point_keys: Sequence[str]) -> list[str]:
    """The last part of each dotted key, after the arm if it has one; the full key if two would look the same."""
    names = [_short_name(key) for key in point_keys]
    return [name if names.count(name) == 1 else key for key, name in zip(point_keys, names, strict=True)]


def _short_name(key: str) -> str:
    arm, setting = split_arm(key)
    last = setting.rpartition(".")[2]
    return last if arm is None else f"{arm} {last}"


def point_label(point: Mapping[str, Any]) -> str:
    """A point in one line, e.g. ``lr=0.01, norm=batch``."""
    values = map(as_written, point.values())
    return ", ".join(f"{name}={value}" for name, value in zip(short_names([*point]), values, strict=True))


def brief_label(point: Mapping[str, Any]) -> str:
    """The same with numbers rounded to four digits and lists of equal values shortened: ``hidden=[10 × 32]``."""
    return point_label({key: _brief(value) for key, value in point.items()})


def _brief(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, list | tuple) and len(value) > MAX_REPEATED and len({*map(as_written, value)}) == 1:
        return f"[{len(value)} × {as_written(value[0])}]"
    return value


def nearest(given: str, choices: Collection[str]) -> str | None:
    """The choice that the user probably meant, if any is close; case and the marks between words do not matter."""
    given = given[:80].casefold()
    folded = {choice.casefold(): choice for choice in choices}
    # Similar letters; an abbreviation or its long form (lr and learning_rate); the last part of a dotted key; a word
    # that starts with a choice (batch_normalization).
    close = (
        [choice for choice in folded if joined(choice) == joined(given)]
        or difflib.get_close_matches(given, folded, n=1, cutoff=0.65)
        or [choice for choice in folded if _initials(given) == choice or _initials(choice) == given]
        or sorted(choice for choice in folded if choice.rpartition(".")[2] == given)
        or [choice for choice in folded if len(choice) >= MIN_STEM and given.startswith(choice)]
    )
    return folded[close[0]] if close else None


def joined(name: str) -> str:
    """The name in lower case, without the marks between its words: ``leakyrelu`` for ``Leaky-ReLU``."""
    return _BETWEEN_WORDS.sub("", name.casefold())


def did_you_mean(given: str, choices: Collection[str]) -> str:
    """``; did you mean 'lr'?`` if a choice is close to the given text, else an empty text."""
    choice = nearest(given, choices)
    return f"; did you mean {show(choice)}?" if choice else ""


def unknown(kind: str, given: object, choices: Collection[str], alias_of: str | None = None) -> str:
    """``unknown activation 'rleu'; did you mean 'relu'? (choices: elu, relu)``."""
    meant = alias_of or (given if isinstance(given, str) else "")
    return f"unknown {kind} {show(given)}{did_you_mean(meant, choices)} ({listed(choices)})"


def listed(choices: Collection[str]) -> str:
    """``choices: elu, relu``."""
    names = [printable(choice[:MAX_SHOWN]) for choice in islice(choices, MAX_CHOICES)]
    more = ["…"] if len(choices) > MAX_CHOICES else []
    return f"choices: {', '.join(names + more)}" if names else "no choices"


def listing(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, or ``a, b and c``."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _initials(name: str) -> str:
    return "".join(word[0] for word in _BETWEEN_WORDS.split(name) if word)
