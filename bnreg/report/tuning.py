"""What the arms of a run chose before it was trained, in a line."""

from collections.abc import Mapping, Sequence
from itertools import starmap
from math import prod
from typing import Any

from bnreg.metrics import label_of
from bnreg.wording import as_written, counted


def tuning_text(record: Mapping[str, Any]) -> str:
    """The choices of all arms, and what they cost; see ``analysis.tuned.tuned_record``."""
    number = prod(map(len, record["values"].values()))
    arms = [f"{arm} {', '.join(starmap(_choice, chosen.items()))}" for arm, chosen in record["chosen"].items()]
    return (
        f"each arm chose among {number} by {label_of(record['on'])}, with {counted(record['seeds'], 'other seed')}: "
        f"{'; '.join(arms)} ({counted(record['networks'], 'network')}, {record['seconds']:,.0f} s: {record['run']})"
    )


def _choice(key: str, values: Sequence[Any]) -> str:
    """``optimizer.lr 0.01``; of several points, all values that were chosen at any."""
    return f"{key} {' or '.join(map(as_written, values))}"
