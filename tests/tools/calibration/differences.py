"""Differences of two arms from a known distribution, one for each seed, and the package's evidence on them."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from bnreg.statistics.evidence import Evidence
from bnreg.statistics.paired import compare_pairs

Vector = npt.NDArray[np.float64]


def _heteroscedastic(generator: np.random.Generator, shape: tuple[int, int]) -> Vector:
    return generator.normal(size=shape) * np.where(np.arange(shape[1]) % 2, 4, 1)


# Kind → differences of shape (experiments, pairs), whose mean is 0.
EQUAL_ARMS: dict[str, Callable[[np.random.Generator, tuple[int, int]], Vector]] = {
    "normal": lambda generator, shape: generator.normal(size=shape),
    "t with 2 degrees of freedom": lambda generator, shape: generator.standard_t(2, shape),
    "spread of 1 and 4 in turn": _heteroscedastic,
    "skewness 1": lambda generator, shape: generator.gamma(4, 0.5, shape) - 2,
    "skewness 2": lambda generator, shape: generator.exponential(1, shape) - 1,
}
# A sign says less of skewed differences. Kind → what is known: false verdicts at most, and coverage at least.
KNOWN_MISSES = {"skewness 1": (0.09, 0.92), "skewness 2": (0.14, 0.87)}
NONE_KNOWN = None, None


def evidence_on(differences: npt.ArrayLike, **options: Any) -> Evidence:
    """The package's evidence on an arm with these differences from its baseline, in the order of the seeds."""
    values = np.asarray(differences, np.float64)
    arm = dict(enumerate(values.tolist()))
    return compare_pairs(arm, dict.fromkeys(arm, 0.0), **{"higher_is_better": True, **options})


def differs(evidence: Evidence) -> bool:
    """Whether the verdict is that the arm helped or hurt."""
    return evidence.verdict.word in ("helped", "hurt")


def contains(evidence: Evidence, truth: float) -> bool:
    return evidence.interval is not None and evidence.interval[0] <= truth <= evidence.interval[1]


def each_evidence(differences: Vector, **options: Any) -> Iterator[Evidence]:
    """The evidence on each experiment, of shape (experiments, pairs)."""
    return (evidence_on(values, **options) for values in differences)


def share(flags: Iterator[bool]) -> float:
    return float(np.mean([*flags]))
