"""The numbers of pairs below which no verdict is possible."""

from bnreg.statistics.anytime import smallest_anytime_p_value
from bnreg.statistics.sign_flip import MAX_EXACT_PAIRS, smallest_p_value

SIGNIFICANCE = 0.05
MIN_SEEDS = 6  # the fewest with which the sign-flip test can reach p < 0.05


def fewest_pairs(family_size: int = 1, *, anytime: bool = False) -> int | None:
    """The smallest number of pairs whose test can reach p < 0.05, corrected for the family.

    Args:
        family_size: Number of comparisons that p is corrected for.
        anytime: Whether it is the test that holds at every look, instead of the sign-flip test.

    Returns:
        From 6 to 20, or a little more for the test that holds at every look; None if the family is so large that no
        number of pairs can.
    """
    smallest = smallest_anytime_p_value if anytime else smallest_p_value
    numbers = range(MIN_SEEDS, MAX_EXACT_PAIRS + 1 + 10 * anytime)
    return next((number for number in numbers if family_size * smallest(number) < SIGNIFICANCE), None)
