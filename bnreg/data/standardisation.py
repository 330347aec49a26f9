"""Standardised inputs: every pixel minus a mean, divided by a standard deviation, both of the training images."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bnreg.data.dataset import Dataset


class Standardisation(NamedTuple):
    """The map x ↦ scale · x + shift of the pixels x ∈ [0, 1], so that x becomes (x − μ) / σ.

    Attributes:
        scale: 1/σ, float32 of shape (pixels,).
        shift: −μ/σ, float32 of shape (pixels,).
    """

    scale: npt.NDArray[np.float32]
    shift: npt.NDArray[np.float32]


def standardisation_of(dataset: Dataset, unit: str) -> Standardisation:
    """The standardisation by all training images, whichever of them are trained on.

    A pixel that is the same in all images becomes 0.

    Args:
        dataset: The data.
        unit: ``all_pixels``: one μ and one σ; ``each_pixel``: one for each pixel; ``none``: x stays as it is.
    """
    num_images, *shape = dataset.train_images.shape
    num_pixels = int(np.prod(shape))
    if unit == "none":
        return Standardisation(np.ones(num_pixels, np.float32), np.zeros(num_pixels, np.float32))
    sums = dataset.pixel_sums / num_images
    if unit == "all_pixels":
        sums = np.broadcast_to(sums.mean(1, keepdims=True), sums.shape)
    mean, square = sums[0] / 255, sums[1] / 255**2
    variance = np.maximum(square - mean**2, 0)
    scale = 1 / np.sqrt(np.where(variance > 0, variance, 1))
    return Standardisation(scale.astype(np.float32), (-mean * scale).astype(np.float32))
