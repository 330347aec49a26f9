"""The verdict on an arm, from a smallest effect declared beforehand."""

from dataclasses import dataclass
from typing import Literal

from bnreg.statistics.power import SIGNIFICANCE

Word = Literal["helped", "hurt", "higher", "lower", "equivalent", "inconclusive"]


@dataclass(frozen=True)
class Verdict:
    """The verdict on one comparison.

    Attributes:
        word: The verdict.
        remark: What a reader should know besides the word; often empty.
        smallest_effect: The smallest effect of interest, in the metric's unit; None without one.
        corrected_p: Holm's p over the family of comparisons, for a true difference of zero.
        equivalence_p: Holm's p over those that could be equivalent, for a true difference as large as the smallest
            effect; None if the comparison could not be.
        family_size: Number of comparisons in the family.
    """

    word: Word
    remark: str
    smallest_effect: float | None
    corrected_p: float
    equivalence_p: float | None
    family_size: int


def decide(
    interval: tuple[float, float] | None,
    corrected_p: float,
    equivalence_p: float | None,
    *,
    higher_is_better: bool | None,
) -> Word:
    """The verdict's word: the first that applies of equivalent; helped, hurt, higher or lower; inconclusive.

    *Equivalent*: the equivalence p is below 0.05; for a single comparison, the whole 95 % interval is then within ± the
    smallest effect, even if it excludes zero. *Helped* or *hurt*: the interval excludes zero and the corrected p is
    below 0.05. *Higher* or *lower*: the same for a metric of which no direction is better.

    Args:
        interval: 95 % interval of arm minus baseline; None if there are too few pairs for one.
        corrected_p: See ``Verdict``.
        equivalence_p: See ``Verdict``.
        higher_is_better: Whether a positive difference helps; None if neither direction is better.
    """
    if interval is None:
        return "inconclusive"
    if equivalence_p is not None and equivalence_p < SIGNIFICANCE:
        return "equivalent"
    if excludes_zero(interval) and corrected_p < SIGNIFICANCE:
        is_higher = interval[0] > 0
        if higher_is_better is None:
            return "higher" if is_higher else "lower"
        return "helped" if is_higher == higher_is_better else "hurt"
    return "inconclusive"


def excludes_zero(interval: tuple[float, float]) -> bool:
    """Whether the interval is on one side of zero."""
    return interval[0] > 0 or interval[1] < 0
