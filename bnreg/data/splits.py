"""The split of the training examples: some to train on, others held out for validation."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bnreg.errors import UserError
from bnreg.streams import stream


@dataclass(frozen=True)
class Split:
    """Disjoint indices into a data set's training examples, each in ascending order.

    Attributes:
        train: The examples to train on, int64, shape (num_train,).
        validation: The examples held out, int64, shape (num_validation,).
    """

    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]


def split(num_examples: int, train_size: int | None, validation_size: int, seed: int) -> Split:
    """Draw a split for a seed.

    The validation examples are drawn first and then the training examples. So, for one seed and validation size, every
    train size is validated on the same examples, and a smaller training set is part of each larger one.

    Args:
        num_examples: Number of training examples in the data set.
        train_size: Number of examples to train on; None for all that are not held out.
        validation_size: Number of examples to hold out.
        seed: The replica's seed.

    Raises:
        ValueError: If a size is negative, or ``train_size`` is zero.
        UserError: If the data set has too few examples.
    """
    if validation_size < 0 or (train_size is not None and train_size < 1):
        raise ValueError(f"cannot draw {train_size} training and {validation_size} validation examples")
    num_asked = (train_size or 1) + validation_size
    if num_asked > num_examples:
        raise UserError(
            f"train_size {train_size or 'all'} and validation_size {validation_size} need at least {num_asked} "
            f"training examples, but the data set has {num_examples}; make one of them smaller"
        )
    drawn = stream(seed, "split").permutation(num_examples)
    rest = drawn[validation_size:]
    return Split(train=np.sort(rest[:train_size]), validation=np.sort(drawn[:validation_size]))
