"""How many seeds would decide an inconclusive comparison, if seeds are added until one of the verdicts is reached?"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bnreg.statistics.anytime import log_evidence
from bnreg.statistics.evidence import Evidence
from bnreg.statistics.intervals import satterthwaite
from bnreg.statistics.power import SIGNIFICANCE
from bnreg.streams import stream

MAX_SEEDS = 200
NUM_FUTURES = 100
SHARES = 0.1, 0.8


class Forecast(NamedTuple):
    """The number of seeds at which a comparison would be decided; None stands for more than can be foreseen.

    Attributes:
        low: Number of seeds that are enough in one of ten cases.
        high: Number of seeds that are enough in eight of ten cases.
        most: Number of seeds up to which it is foreseen.
    """

    low: int | None
    high: int | None
    most: int = MAX_SEEDS


def seeds_to_decide(evidence: Evidence, family_size: int = 1) -> Forecast | None:
    """The range of the number of seeds that decide a paired comparison.

    The seeds so far leave open how large the difference and its spread are, so both are drawn from what they allow
    (Jeffreys' posterior of a normal distribution), and the differences of further seeds from these. In each of 100
    such futures the seeds are added to those that exist, one by one, until the verdict for the whole family would be
    *helped*, *hurt* or *equivalent* by the test that holds at every look.

    Args:
        evidence: A paired comparison.
        family_size: Number of comparisons that p is corrected for.

    Returns:
        None if it is unpaired, or for fewer than two pairs or equal differences, from which nothing can be foreseen, or
        for more seeds than are foreseen.

    References:
        Spiegelhalter, Freedman & Blackburn, Monitoring Clinical Trials: Conditional or Predictive Power?, Controlled
        Clinical Trials 7 (1986)
    """
    differences = np.array(evidence.pairs.differences if evidence.pairs else ())
    num_known = len(differences)
    if not 2 <= num_known < MAX_SEEDS or not evidence.std > 0:
        return None
    futures = _futures(differences)
    decided = _is_decided(evidence, futures, math.log(family_size / SIGNIFICANCE))
    decided[:, :num_known] = False
    when = np.where(decided.any(axis=1), decided.argmax(axis=1) + 1.0, math.inf)
    low, high = (float(np.quantile(when, share, method="inverted_cdf")) for share in SHARES)
    bounds = [int(number) if math.isfinite(number) else None for number in (low, high)]
    return Forecast(bounds[0], bounds[1])


def _futures(differences: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The differences, continued in each future, shape (futures, seeds)."""
    known = len(differences)
    generator = stream(0, "forecast")
    spread = differences.std(ddof=1) * np.sqrt((known - 1) / generator.chisquare(known - 1, NUM_FUTURES))
    centre = generator.normal(differences.mean(), spread / math.sqrt(known))
    further = generator.normal(centre[:, None], spread[:, None], (NUM_FUTURES, MAX_SEEDS - known))
    return np.concatenate([np.tile(differences, (NUM_FUTURES, 1)), further], axis=1)


def _is_decided(evidence: Evidence, futures: npt.NDArray[np.float64], threshold: float) -> npt.NDArray[np.bool_]:
    """Whether each future has a verdict after each of its seeds, shape (futures, seeds)."""
    from scipy.special import stdtrit

    def excludes(shift: float) -> npt.NDArray[np.bool_]:
        """Whether the test of the signs has excluded this difference at any look up to a seed."""
        excluded: npt.NDArray[np.bool_] = np.maximum.accumulate(log_evidence(futures - shift), axis=1) >= threshold
        return excluded

    number = np.arange(1, futures.shape[1] + 1)
    mean = np.cumsum(futures, axis=1) / number
    squares = np.cumsum((futures - futures[:, :1]) ** 2, axis=1) - number * (mean - futures[:, :1]) ** 2
    freedom = np.maximum(number - 1, 1)
    spread = np.sqrt(np.maximum(squares, 0) / freedom)
    of_seeds = spread / np.sqrt(number)

    def reach(floor: float, asked: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Half the width of the usual interval, if this part of its standard error stays; 0 where it is not asked for.

        Student's quantile takes longer than everything else here.
        """
        if evidence.interval_over == "redrawn splits":
            std_error, degrees = np.hypot(of_seeds, floor / evidence.std * spread), freedom
        else:
            std_error, degrees = satterthwaite(of_seeds, floor, freedom)
        quantile = stdtrit(degrees, 1 - SIGNIFICANCE / 2, out=np.zeros_like(std_error), where=asked)
        half: npt.NDArray[np.float64] = quantile * std_error
        return half

    differs = excludes(0.0)
    decided: npt.NDArray[np.bool_] = differs & (np.abs(mean) > reach(evidence.floor_error, differs))
    if evidence.equivalence_p is not None and evidence.smallest_effect is not None:
        effect = evidence.smallest_effect
        within = excludes(effect) & excludes(-effect)
        decided |= within & (np.abs(mean) + reach(evidence.equivalence_floor, within) < effect)
    return decided
