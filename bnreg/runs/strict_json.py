"""JSON as bnreg writes it: each key once, and no number that only some parsers accept."""

import json
import math
from typing import Any


def parse_json(content: bytes) -> Any:
    """Parse JSON that may come from anyone.

    Raises:
        ValueError: If it is not JSON in UTF-8, repeats a key, has a number that is not finite, or is nested too deeply.
    """
    try:
        return json.loads(content.decode(), parse_float=_finite, parse_constant=_finite, object_pairs_hook=_each_once)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping; of a repeated key, parsers use the last value and drop the others without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is repeated")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number
