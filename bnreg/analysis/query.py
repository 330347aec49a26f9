"""The language of ``--where``: ``KEY OP VALUE``, joined by commas or ``and``. It also checks the keys."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bnreg.errors import UserError
from bnreg.wording import as_written, did_you_mean, listed, natural_order, printable, unknown

_SPACE = re.compile(r"\s*")
_KEY = re.compile(r"[A-Za-z_][\w.-]*")
_OPERATOR = re.compile(r"<=|>=|!=|<|>|==?")
_VALUE = re.compile(r"""'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<list>\[[^\]]*\])|(?P<bare>[^\s,<>=!'"\[\]]+)""")
_JOINT = re.compile(r",|and(?!\S)")
_NUMBER = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?")

_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True)
class Condition:
    """One ``KEY OP VALUE``.

    Attributes:
        key: A dotted key of the config, or a property of the run such as ``arm``.
        operator: ``<``, ``<=``, ``>``, ``>=``, ``=`` or ``!=``.
        value: A number if the text is one, otherwise the text as a config would write it.
    """

    key: str
    operator: str
    value: float | str

    def holds(self, settings: Mapping[str, Any]) -> bool:
        """Whether the settings match. Settings without the key never match; only numbers can be smaller or greater."""
        if self.key not in settings:
            return False
        given = settings[self.key]
        is_number = isinstance(given, (int, float)) and not isinstance(given, bool)
        if self.operator in _ORDERS:
            assert isinstance(self.value, float)
            return is_number and _ORDERS[self.operator](float(given), self.value)
        if isinstance(self.value, float) and is_number:
            equal = bool(given == self.value)
        else:
            equal = as_written(given) == (self.value if isinstance(self.value, str) else as_written(self.value))
        return equal == (self.operator == "=")


def parse_filter(text: str) -> list[Condition]:
    """Parse the conditions of a ``--where``; all must hold.

    Raises:
        UserError: One line with a caret at the place where the text stops making sense.
    """
    conditions = []
    position = _end(_SPACE, text, 0)
    while True:
        key, position = _token(_KEY, text, position, "a key such as optimizer.lr")
        operator, position = _token(_OPERATOR, text, position, "one of < <= > >= = !=")
        operator = "=" if operator == "==" else operator
        start = position
        value, position = _token(_VALUE, text, position, "a number or a word")
        meant = _meant(value)
        if operator in _ORDERS and isinstance(meant, str):
            raise _misread(text, start, f"a number after {operator}")
        conditions.append(Condition(key, operator, meant))
        if position == len(text):
            return conditions
        _, position = _token(_JOINT, text, position, "a comma, 'and' or the end")


def equality(key: str, text: str) -> Condition:
    """The condition that a setting equals a value, numbers by value, from the two halves of ``KEY=VALUE``."""
    return Condition(key, "=", _meant(text))


def why_none(conditions: Sequence[Condition], candidates: Sequence[Mapping[str, Any]]) -> str:
    """The reason why none of the candidates' settings match all conditions: the values that there are."""
    reasons = []
    for condition in dict.fromkeys(conditions):
        if any(map(condition.holds, candidates)):
            continue
        key, operator, given = condition.key, condition.operator, as_written(condition.value)
        values = {as_written(one[key]): one[key] for one in candidates if key in one}
        names = sorted(values, key=lambda name: natural_order(values[name]))
        meant = f"[{given}]" if f"[{given}]" in values else given  # a list of one
        is_name = meant != given or isinstance(condition.value, str)
        hint = did_you_mean(meant, names) if operator == "=" and is_name else ""
        asked = {"=": f"no {key} is", "!=": f"every {key} is"}.get(operator, f"no {key} is {operator}")
        reasons.append(f"{asked} {printable(given)}{hint} ({listed(names)})")
    return "; ".join(reasons) or "each condition matches some of them, but no replica matches all"


def check_keys(keys: Sequence[str], known: Collection[str], option: str) -> None:
    """Refuse keys that no run has.

    Raises:
        UserError: One line for each, with the closest known key.
    """
    mistakes = [f"{option}: {unknown('key', key, known)}" for key in dict.fromkeys(keys) if key not in known]
    if mistakes:
        raise UserError(*mistakes)


def _token(pattern: re.Pattern[str], text: str, position: int, expected: str) -> tuple[str, int]:
    """The text that the pattern matches at the position, and where the next token begins."""
    match = pattern.match(text, position)
    if not match:
        raise _misread(text, position, expected)
    return match[0], _end(_SPACE, text, match.end())


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


def _meant(value: str) -> float | str:
    """A number, or the text without its quotes; a list as a config writes it."""
    if value[:1] in ("'", '"'):
        return value[1:-1]
    if value.startswith("["):
        return f"[{', '.join(as_written(_meant(item.strip())) for item in value[1:-1].split(','))}]"
    return float(value) if _NUMBER.fullmatch(value) else value


def _misread(text: str, position: int, expected: str) -> UserError:
    marked = f"{text[:position]}^{text[position:]}"
    return UserError(f"--where: {marked!r}: expected {expected} at column {position + 1} (marked by ^)")
