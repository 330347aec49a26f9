"""A data set in memory: four arrays, a name and a fingerprint."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class Arrays(NamedTuple):
    """The four arrays of a data set.

    Attributes:
        train_images: Pixel values 0 to 255, uint8, shape (examples, height, width).
        train_labels: Classes counted from 0, int64, shape (examples,).
        test_images: Like ``train_images``, for the test examples.
        test_labels: Like ``train_labels``, for the test examples.
    """

    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.int64]
    test_images: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.int64]


class Size(NamedTuple):
    """What the networks and the plan of an experiment depend on in a data set.

    Attributes:
        num_train: Number of training examples, before a validation split is taken from them.
        image_shape: Height and width of an image, in pixels.
        num_classes: Number of classes of the labels.
    """

    num_train: int
    image_shape: tuple[int, int]
    num_classes: int


@dataclass(frozen=True)
class Dataset:
    """A data set with read-only arrays, so that they always match the fingerprint.

    Attributes:
        name: Its name in ``DATASETS``: the data set that is actually used, even if another one was requested; for data
            of one's own see ``data_name``.
        train_images: See ``Arrays``.
        train_labels: See ``Arrays``.
        test_images: See ``Arrays``.
        test_labels: See ``Arrays``.
        num_classes: Number of classes of the labels.
        fingerprint: ``sha256:`` followed by the digest of the four arrays, see ``fingerprint_of``.
        source: The folder or package that the arrays were read from.
    """

    name: str
    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.int64]
    test_images: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.int64]
    num_classes: int
    fingerprint: str
    source: str

    @property
    def size(self) -> Size:
        """Its size."""
        height, width = self.train_images.shape[1:]
        return Size(len(self.train_labels), (height, width), self.num_classes)

    @cached_property
    def pixel_sums(self) -> npt.NDArray[np.int64]:
        """For each pixel, the sums of its values and of their squares over the training images, shape (2, pixels)."""
        sums = np.zeros((2, self.train_images[0].size), np.int64)
        for first in range(0, len(self.train_images), 1000):
            values = self.train_images[first : first + 1000].reshape(-1, sums.shape[1]).astype(np.int64)
            sums += values.sum(0), (values**2).sum(0)
        return sums


def fingerprint_of(arrays: Arrays) -> str:
    """The identity of decoded data: SHA-256 over each array's name, type, shape and bytes.

    It depends neither on the compression of the files nor on the machine's byte order.
    """
    digest = hashlib.sha256()
    for name, array in arrays._asdict().items():
        little_endian: npt.NDArray[Any] = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(f"{name} {little_endian.dtype.str} {little_endian.shape}\n".encode())
        digest.update(little_endian.data)
    return f"sha256:{digest.hexdigest()}"
