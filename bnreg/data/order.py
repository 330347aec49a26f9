"""The order of the training examples for a seed, the same in every arm."""

import numpy as np
import numpy.typing as npt

from bnreg.streams import stream


def epoch_order(train_indices: npt.NDArray[np.int64], seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """The training examples in the order of one epoch.

    Args:
        train_indices: Indices into the data set's training examples, shape (num_train,).
        seed: The replica's seed.
        epoch: The number of the epoch.

    Returns:
        The same indices shuffled, shape (num_train,).
    """
    return stream(seed, "order", epoch).permutation(train_indices)


def num_batches(num_train: int, batch_size: int, drop_single: bool) -> int:
    """Number of batches in an epoch; the last one may be smaller than the others.

    Args:
        num_train: Number of examples in an epoch.
        batch_size: Number of examples in a batch.
        drop_single: Whether to drop a last batch of one example: batch normalisation cannot normalise it, and to keep
            the pairing it is dropped in every arm.
    """
    num_full, num_left = divmod(num_train, batch_size)
    return num_full + (num_left > int(drop_single))
