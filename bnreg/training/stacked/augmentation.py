"""Augmentation: every training image is moved randomly each time it is read."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from bnreg.config.schema import Augment
from bnreg.streams import stream

NUM_NODES = 4  # per axis: on 28 pixels, the distortion is as smooth as that of Simard et al., whose σ is 4 pixels

Streams = Mapping[str, Sequence[np.random.Generator]]


class Augmentation:
    """Shifts, rotations and smooth distortions of a shard's batches, drawn per seed, so they are equal for its arms.

    Each image is sampled once, bilinearly; values outside the image are 0. The pixel at position p relative to the
    centre takes the value of the image at R (p − s) + d(p), where

    - s is the shift, in whole pixels, uniform along each axis;
    - R is the rotation, with a uniform angle;
    - d is the distortion: along each axis it is normally distributed at every pixel, with standard deviation
      ``elastic``, and it is smooth because it is interpolated between normal numbers on a coarse grid.

    These positions are sums of a few functions of p that are the same for all images, with coefficients drawn for each
    image, so one matrix product computes them for a whole batch.

    Each kind has its own stream for each seed and epoch, so that none changes when another is switched on. The numbers
    are drawn image by image, so that they do not depend on the batch size either.

    Args:
        settings: How far the images are moved.
        seeds: S seeds; row s of every batch belongs to seed s.
        image_shape: Height and width, in pixels.
        device: The device that holds the batches.

    References:
        Simard, Steinkraus & Platt, Best practices for convolutional neural networks applied to visual document
        analysis, ICDAR 2003
    """

    def __init__(
        self, settings: Augment, seeds: Sequence[int], image_shape: tuple[int, int], device: torch.device
    ) -> None:
        self._settings = settings
        self._seeds = seeds
        self._image_shape = image_shape
        self._functions = _functions(image_shape, distorted=settings.elastic > 0).to(device)

    def for_epoch(self, epoch: int, *, skip: int = 0) -> Callable[[int], Tensor]:
        """The function that draws how an epoch's images are moved; call it with the size of each batch in turn.

        It returns what ``moved`` expects, on the device.

        Args:
            epoch: Counted from 1.
            skip: Number of images of each seed to skip because they were moved before.
        """
        kinds = ("shift", "rotate", "elastic")
        streams = {kind: [stream(seed, "augment", kind, epoch) for seed in self._seeds] for kind in kinds}
        if skip:
            self._coefficients(streams, num_images=skip)

        def draw(num_images: int) -> Tensor:
            drawn = torch.from_numpy(self._coefficients(streams, num_images)).to(self._functions.dtype)
            return drawn.to(self._functions.device, non_blocking=True)  # no need to wait for a CUDA device

        return draw

    def moved(self, x: Tensor, coefficients: Tensor) -> Tensor:
        """Move inputs of shape (S, batch, pixels) as it was drawn for a batch of this size."""
        places = (coefficients.flatten(0, 2) @ self._functions).view(-1, 2, *self._image_shape)
        moved = functional.grid_sample(
            x.reshape(-1, 1, *self._image_shape),
            places.permute(0, 2, 3, 1),
            mode="bilinear",
            padding_mode="zeros",
            align_corners=False,
        )
        return moved.view_as(x)

    def _coefficients(self, streams: Streams, num_images: int) -> npt.NDArray[np.float64]:
        """Draw the next images' coefficients, shape (S, images, 2, functions), x before y.

        The resulting positions are in grid_sample's units, in which an image extends from −1 to 1.
        """
        shift, rotate, elastic = self._settings.shift, self._settings.rotate, self._settings.elastic
        shifts = np.stack([s.integers(-shift, shift, (num_images, 2, 1), endpoint=True) for s in streams["shift"]])
        angles = np.radians(np.stack([s.uniform(-rotate, rotate, num_images) for s in streams["rotate"]]))
        cosines, sines = np.cos(angles), np.sin(angles)
        rotations = np.stack([cosines, -sines, sines, cosines], axis=-1).reshape(*angles.shape, 2, 2)
        columns = [rotations, -rotations @ shifts]
        if elastic > 0:
            size = (num_images, 2, NUM_NODES**2)
            columns.append(elastic * np.stack([s.standard_normal(size) for s in streams["elastic"]]))
        height, width = self._image_shape
        coefficients: npt.NDArray[np.float64] = np.concatenate(columns, axis=-1) * [[2 / width], [2 / height]]
        return coefficients


def _functions(image_shape: tuple[int, int], *, distorted: bool) -> Tensor:
    """The functions of the pixels whose sums are the positions: x and y from the centre, 1, and the coarse grid's.

    Returns:
        Shape (functions, pixels), in pixels.
    """
    rows, columns = (torch.arange(size) - (size - 1) / 2 for size in image_shape)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    affine = torch.stack([x, y, torch.ones_like(x)]).flatten(1)
    if not distorted:
        return affine
    vertical, horizontal = (_interpolation(size) for size in image_shape)
    return torch.cat([affine, torch.kron(vertical, horizontal)])


def _interpolation(size: int) -> Tensor:
    """The weight of each node of the coarse grid for each pixel along one axis, shape (nodes, pixels).

    The weights are bicubic, then scaled so that a pixel's squared weights sum to 1. Sums of independent standard normal
    numbers with these weights have variance 1 at every pixel, not only at the nodes.
    """
    unit = torch.eye(NUM_NODES)[None, None]
    weights = functional.interpolate(unit, size=(size, NUM_NODES), mode="bicubic", align_corners=True)[0, 0]
    return functional.normalize(weights, dim=1).T
