"""Numbers of pairs that are too small for p < 0.05."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bnreg.analysis.judged import Comparison
from bnreg.statistics.power import fewest_pairs


@dataclass(frozen=True)
class TooFewPairs:
    """A number of pairs whose corrected p cannot fall below 0.05.

    Attributes:
        num_pairs: Number of pairs.
        has_interval: Whether they still have an interval.
        smallest_p: The smallest p that they can reach, corrected for the family.
        family_size: Number of comparisons that p is corrected for.
        enough: The smallest number of pairs that can; None if the family is so large that no number can.
        noun: What a pair is of: ``seed`` or ``data set``.
    """

    num_pairs: int
    has_interval: bool
    smallest_p: float
    family_size: int
    enough: int | None
    noun: str


def too_few_pairs(judged: Sequence[Comparison[Any]]) -> list[TooFewPairs]:
    """One entry for each number of pairs that is too small, ascending."""
    by_number = {one.evidence.num_pairs: one.evidence for one in judged if one.evidence.num_pairs}
    found = []
    for num_pairs, evidence in sorted(by_number.items()):
        family_size = evidence.verdict.family_size
        enough = fewest_pairs(family_size, anytime=evidence.is_anytime)
        if evidence.pairs and (enough is None or num_pairs < enough):
            smallest = min(1.0, evidence.pairs.smallest_p * family_size)
            has_interval = evidence.interval is not None
            found.append(TooFewPairs(num_pairs, has_interval, smallest, family_size, enough, evidence.noun))
    return found
