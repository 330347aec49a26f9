"""Seeds that are added in rounds until every comparison is decided."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

from bnreg.wording import show, unknown

DEFAULT_FROM, DEFAULT_STEP, DEFAULT_MOST = 10, 10, 100
MAX_SEEDS = 10_000
KEYS = ("until", "from", "step", "at_most")
DECIDED = "decided"


@dataclass(frozen=True)
class Rounds:
    """How seeds are added: a first round, then some more as long as a comparison is undecided.

    Attributes:
        first: The seeds of the first round.
        step: Number of seeds in each further round.
        at_most: Number of seeds in all.
    """

    first: tuple[int, ...]
    step: int = DEFAULT_STEP
    at_most: int = DEFAULT_MOST

    def seeds(self, number: int) -> tuple[int, ...]:
        """The first seeds: those of the first round, then the smallest that are not among them."""
        return tuple(islice(self._seeds(), number))

    def _seeds(self) -> Iterator[int]:
        yield from self.first
        yield from (seed for seed in count() if seed not in self.first)

    def next_number(self, number: int) -> int | None:
        """Number of seeds after another round; None if there are as many as there may be."""
        return min(number + self.step, self.at_most) if number < self.at_most else None

    def to_config(self) -> dict[str, Any]:
        """The mapping that a config writes."""
        return {"until": DECIDED, "from": short_seeds(self.first), "step": self.step, "at_most": self.at_most}


def short_seeds(seeds: Sequence[int]) -> int | Sequence[int]:
    """Seeds as a resolved config writes them: only their number if they are counted from 0."""
    return len(seeds) if [*seeds] == [*range(len(seeds))] else seeds


def rounds_of(content: Mapping[str, Any], first: Sequence[int]) -> Rounds:
    """Read the mapping that a config writes.

    Args:
        content: The mapping.
        first: The seeds that its ``from`` stands for.

    Raises:
        ValueError: In words, with the first mistake.
    """
    for key in content:
        if key not in KEYS:
            raise ValueError(unknown("key", str(key), KEYS))
    if content.get("until") != DECIDED:
        raise ValueError(f"until: expected {DECIDED}, got {show(content.get('until'))}")
    numbers = {}
    for key, default in (("step", DEFAULT_STEP), ("at_most", DEFAULT_MOST)):
        number = content.get(key, default)
        if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MAX_SEEDS:
            raise ValueError(f"{key}: expected a whole number from 1 to {MAX_SEEDS}, got {show(number)}")
        numbers[key] = number
    if numbers["at_most"] < len(first):
        raise ValueError(
            f"at_most: expected at least the {len(first)} seeds of the first round, got {numbers['at_most']}"
        )
    return Rounds(tuple(first), **numbers)
