"""Labels that are wrong on purpose: what a network learns from them it can only have learnt by heart."""

import numpy as np
import numpy.typing as npt

from bnreg.streams import stream


def noisy_labels(labels: npt.NDArray[np.int64], num_classes: int, share: float, seed: int) -> npt.NDArray[np.int64]:
    """Symmetric label noise: each chosen example is given one of the other classes, all of them equally likely.

    It is for the training split alone, to train on and to measure the train metrics on. The validation split and the
    test set keep their true labels.

    Every example has a number of its own that decides whether it is chosen, and another that decides its wrong class.
    So the noisy examples of a smaller share are among those of a larger one, with the same wrong classes, and neither
    depends on which examples are trained on.

    Args:
        labels: True labels of all training examples of the data set, in [0, num_classes), shape (examples,).
        num_classes: How many classes there are, at least 2.
        share: Probability with which an example is chosen, in [0, 1].
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
