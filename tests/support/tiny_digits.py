"""A tiny data set in MNIST's layout, for tests that must not touch the real files."""

import gzip
import hashlib
from pathlib import Path

import numpy as np

from bnreg.data.dataset import Arrays
from bnreg.data.datasets import DatasetSource
from bnreg.data.files import STEMS

SOURCE = DatasetSource("made up", num_train=20, num_test=10, torchvision_class="Tiny", stand_in="mnist_5k")


def tiny_arrays():
    """20 training and 10 test images of random pixels; each class appears twice or once."""
    generator = np.random.default_rng(7)
    images = generator.integers(0, 256, (30, 28, 28), dtype=np.uint8)
    labels = np.arange(30, dtype=np.int64) % 10
    return Arrays(images[:20], labels[:20], images[20:], labels[20:])


def to_idx(array):
    """The bytes of an idx file."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.astype(np.uint8).tobytes()


def tiny_archives():
    """File name to contents, compressed, in torchvision's order."""
    return {
        f"{stem}.gz": gzip.compress(to_idx(array), mtime=0) for stem, array in zip(STEMS, tiny_arrays(), strict=True)
    }


def tiny_resources():
    """The archives' names and MD5 sums, as torchvision's classes list them."""
    return [(name, hashlib.md5(content).hexdigest()) for name, content in tiny_archives().items()]


def write_tiny(root: Path):
    """Put the compressed files into a data root; return their folder."""
    folder = root / "Tiny" / "raw"
    folder.mkdir(parents=True)
    for name, content in tiny_archives().items():
        (folder / name).write_bytes(content)
    return folder
