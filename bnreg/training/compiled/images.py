"""The images of a data set, as programs read them."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from bnreg.data import Standardisation
from bnreg.training.compiled.layers import place_of
from bnreg.training.compiled.parts import compiled
from bnreg.training.compiled.products import ROW_BYTES
from bnreg.training.compiled.sparsity import WORD
from bnreg.training.compiled.vectors import (
    WIDTH,
    differs,
    fma,
    full,
    load,
    load_byte,
    load_bytes,
    load_integer,
    load_number,
    store,
    store_integer,
    store_mask,
    store_number,
)

float32 = numba.float32
IMAGES = np.dtype(
    [
        ("pixels", np.int64),  # address of all images, of one byte per pixel
        ("num_pixels", np.int64),  # pixels of an image
        ("scale", np.int64),  # addresses of two vectors: x becomes scale · x + shift
        ("shift", np.int64),
        ("are_sparse", np.int64),  # whether so many x are 0 that products should leave them out
    ]
)

SPARSE = 0.4  # share of pixels that are not 0, below which products leave out the others


class Images:
    """All images of a split's data set.

    Attributes:
        addresses: Structured as ``IMAGES``.

    Args:
        images: uint8, shape (N, height, width).
        standardisation: Of the pixels.
    """

    def __init__(self, images: NDArray[np.uint8], standardisation: Standardisation) -> None:
        self._arrays = np.ascontiguousarray(images), *standardisation
        pixels, scale, shift = (array.ctypes.data for array in self._arrays)
        are_sparse = not standardisation.shift.any() and _share_of_ink(images) < SPARSE
        self.addresses = np.array([(pixels, images[0].size, scale, shift, are_sparse)], IMAGES)[0]


def _share_of_ink(images: NDArray[np.uint8]) -> float:
    """The share of pixels that are not 0, in some of the images."""
    some = images[:: max(1, len(images) // 1000)]
    return np.count_nonzero(some) / some.size


@compiled
def gather(images: Any, indices: Any, panels: int, masks: int) -> None:
    """Write images into panels: pixels are scaled to [0, 1], as correctly rounded quotients by 255, then standardised.

    Args:
        images: Structured as ``IMAGES``.
        indices: The images to take.
        panels: Address of the panels.
        masks: Address of a row of bits for each image, in whole words: whether a number is not zero.
    """
    rows, num_pixels = len(indices), images.num_pixels
    mask_bytes = (num_pixels + WORD - 1) // WORD * 8
    by_255, minus_255 = full(float32(1 / 255)), full(float32(-255))
    for row in range(rows):
        image = images.pixels + indices[row] * num_pixels
        mask = masks + row * mask_bytes
        last_word = mask + mask_bytes - 8
        store_integer(last_word, 0)
        for pixel in range(0, num_pixels - num_pixels % WIDTH, WIDTH):
            value = load_bytes(image + pixel)
            quotient = value * by_255
            quotient = fma(fma(minus_255, quotient, value), by_255, quotient)  # what the first one left over
            x = fma(load(images.scale + 4 * pixel), quotient, load(images.shift + 4 * pixel))
            store(panels + place_of(4 * pixel, rows) + row * ROW_BYTES, x)
            store_mask(mask + pixel // 8, differs(x, full(float32(0))))
        for pixel in range(num_pixels - num_pixels % WIDTH, num_pixels):
            quotient = float32(load_byte(image + pixel)) / float32(255)
            x = load_number(images.scale + 4 * pixel) * quotient + load_number(images.shift + 4 * pixel)
            store_number(panels + place_of(4 * pixel, rows) + row * ROW_BYTES, x)
            store_integer(last_word, load_integer(last_word) | (x != 0) << pixel % WORD)
