"""JSON as bnreg writes it: without the numbers that only some parsers accept."""

import json
import math
from typing import Any


def parse_json(content: bytes) -> Any:
    """Parse JSON that may come from anyone.

    Raises:
        ValueError: If it is not JSON in UTF-8, has a number that is not finite, or is nested too deeply.
    """
    try:
        return json.loads(content.decode(), parse_float=_finite, parse_constant=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number
