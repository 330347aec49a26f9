"""The verdict on an arm: helped, hurt, equivalent or inconclusive, from a smallest effect declared beforehand."""

from dataclasses import dataclass
from typing import Literal

from bnreg.statistics.power import MAX_SEEDS, SIGNIFICANCE, seeds_needed

Word = Literal["helped", "hurt", "equivalent", "inconclusive"]


@dataclass(frozen=True)
class Verdict:
    """The verdict on one comparison.

    Attributes:
        word: The verdict.
        remark: What a reader should know besides the word; empty for helped, hurt and most that are equivalent.
        smallest_effect: The smallest effect of interest, in the metric's unit; None without one.
        corrected_p: Holm's p over the family of comparisons.
        family_size: Number of comparisons in the family.
        seeds_needed: Number of pairs that would decide an inconclusive comparison in 80 % of experiments; None for the
            other verdicts, if no number up to 10,000 would, and for fewer than two pairs.
    """

    word: Word
    remark: str
    smallest_effect: float | None
    corrected_p: float
    family_size: int
    seeds_needed: int | None


def decide(
    interval: tuple[float, float] | None, corrected_p: float, smallest_effect: float | None, *, higher_is_better: bool
) -> Word:
    """The verdict's word: the first that applies of equivalent, helped or hurt, inconclusive.

    *Equivalent*: the whole interval is within ± the smallest effect, even if it excludes zero. *Helped* or *hurt*:
    the interval excludes zero and the corrected p is below 0.05.

    Args:
        interval: 95 % interval of arm minus baseline; None for fewer than two pairs.
        corrected_p: p, corrected for the family of comparisons.
        smallest_effect: In the metric's unit; None if none was declared; nothing is equivalent then.
        higher_is_better: Whether a positive difference helps.

    Raises:
        ValueError: If the smallest effect is not positive.
    """
    if smallest_effect is not None and not smallest_effect > 0:
        raise ValueError(f"the smallest effect of interest must be positive, got {smallest_effect}")
    if interval is None:
        return "inconclusive"
    low, high = interval
    if smallest_effect is not None and -smallest_effect <= low and high <= smallest_effect:
        return "equivalent"
    if excludes_zero(interval) and corrected_p < SIGNIFICANCE:
        return "helped" if (low > 0) == higher_is_better else "hurt"
    return "inconclusive"


def excludes_zero(interval: tuple[float, float]) -> bool:
    """Whether the interval is on one side of zero."""
    return interval[0] > 0 or interval[1] < 0


def reach_verdict(
    *,
    difference: float,
    interval: tuple[float, float] | None,
    corrected_p: float,
    family_size: int,
    smallest_effect: float | None,
    higher_is_better: bool,
    num_pairs: int,
    std: float,
    floor_error: float,
) -> Verdict:
    """The verdict, with what a reader should know besides the word.

    Args:
        difference: Mean of arm minus baseline.
        interval: Its 95 % interval; None for fewer than two pairs.
        corrected_p: p, corrected for the family of comparisons.
        family_size: Number of comparisons in that family.
        smallest_effect: In the metric's unit; None if none was declared.
        higher_is_better: Whether a positive difference helps.
        num_pairs: Number of pairs of seeds.
        std: Standard deviation of the differences; NaN for fewer than two pairs.
        floor_error: The part of the mean's standard error that more seeds cannot reduce.
    """
    word = decide(interval, corrected_p, smallest_effect, higher_is_better=higher_is_better)
    number, remark = None, ""
    if interval is None:
        remark = "no interval without two pairs"
    elif word == "equivalent" and excludes_zero(interval):
        remark = "real, but smaller than what matters"
    elif word == "inconclusive":
        number = seeds_needed(difference, std, smallest_effect, floor_error=floor_error, family_size=family_size)
        if number is None:
            remark = f"not even {MAX_SEEDS:,} seeds would decide it"
        else:
            # The current seeds were not enough, even if the rule says that this many usually are.
            number = max(number, num_pairs + 1)
            remark = f"{number:,} seeds would decide it in 80 % of cases"
    return Verdict(word, remark, smallest_effect, corrected_p, family_size, number)
