"""The order in which a seed's training examples are seen: the same for every arm."""

import numpy as np
import numpy.typing as npt

from bnreg.streams import stream


def epoch_order(train_indices: npt.NDArray[np.int64], seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """The training examples in the order of one epoch.

    Args:
        train_indices: Indices into the data set's training examples, shape (num_train,).
        seed: The replica's seed.
        epoch: Which epoch.

    Returns:
        The same indices shuffled, shape (num_train,).
    """
    return stream(seed, "order", epoch).permutation(train_indices)


def num_batches(num_train: int, batch_size: int, drop_single: bool) -> int:
    """How many batches an epoch has, the last one perhaps smaller than the others.

    Args:
        num_train: How many examples an epoch has.
        batch_size: How many of them a batch has.
        drop_single: Whether a last batch of one example is left out: batch normalisation cannot normalise it, and
            for the sake of pairing it is left out in every arm.
    """
    num_full, num_left = divmod(num_train, batch_size)
    return num_full + (num_left > int(drop_single))
