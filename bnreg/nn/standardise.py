"""The first layer of a network that standardises its inputs."""

import torch
from torch import Tensor, nn


class StackedStandardise(nn.Module):
    """x ↦ scale · x + shift, pixel by pixel, with fixed numbers that are the same in all replicas.

    Args:
        num_replicas: Number of stacked layers, R.
        num_pixels: Number of pixels of an image.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, num_replicas: int, num_pixels: int) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(num_replicas, 1, num_pixels))
        self.register_buffer("shift", torch.zeros(num_replicas, 1, num_pixels))

    def forward(self, x: Tensor) -> Tensor:
        """Standardise x of shape (F, batch, pixels), which replicas may share."""
        return torch.addcmul(self.shift[:1], x, self.scale[:1])
