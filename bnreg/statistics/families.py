"""Several comparisons at once: the more there are, the more likely that one looks real by chance."""

import numpy as np
import numpy.typing as npt


def holm(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Holm's corrected p: below 0.05 for any true null hypothesis of the family in at most 5 % of experiments.

    The smallest p is multiplied by the number of comparisons, the next by one less, and so on; each is then raised to
    at least the one before it. The comparisons need not be independent.

    Args:
        p_values: Shape (comparisons,), in [0, 1].

    Returns:
        Corrected p in the order given.

    Raises:
        ValueError: If a value is not a probability.

    References:
        Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics 6 (1979)
    """
    values = np.asarray(p_values, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"p must be in [0, 1], got {values.tolist()}")
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected
