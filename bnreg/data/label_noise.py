"""Labels that are wrong on purpose: a network can only memorise them."""

import numpy as np
import numpy.typing as npt

from bnreg.streams import stream


def noisy_labels(labels: npt.NDArray[np.int64], num_classes: int, share: float, seed: int) -> npt.NDArray[np.int64]:
    """Symmetric label noise: each chosen example gets one of the other classes, all equally likely.

    It is for the training split only, both for training and for the train metrics. The validation split and the test
    set keep their true labels.

    For every example, one random number decides whether it is chosen, and another decides its wrong class. So the noisy
    examples of a smaller share are among those of a larger one, with the same wrong classes, and neither depends on
    which examples are in the training split.

    Args:
        labels: True labels of all training examples of the data set, in [0, num_classes), shape (examples,).
        num_classes: Number of classes, at least 2.
        share: Probability of choosing an example, in [0, 1].
        seed: The replica's seed.

    Returns:
        A new array of the same shape.

    References:
        Zhang et al., Understanding deep learning requires rethinking generalization, arXiv:1611.03530
    """
    random = stream(seed, "label_noise")
    chosen = random.random(len(labels)) < share
    distance = random.integers(1, num_classes, len(labels))
    return np.where(chosen, (labels + distance) % num_classes, labels)
