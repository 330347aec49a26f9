"""Convolution and pooling of feature maps, for a stack of replicas at once.

Between layers, maps take the place of nodes: a tensor of shape (replicas, values, maps), where an image has a value at
each of its p·q places. So every layer that works node by node (norm, activation, dropout) also works map by map. In
memory the replicas' maps are side by side at each place, which is torch's channels-last format of one image with R·C
channels: a convolution grouped by replica reads and writes it without a copy.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

Maps = tuple[int, int, int]  # number of maps, height, width


class StackedConvolution(nn.Module):
    """One convolution for each replica, with its input padded with zeros: z = W x + b at every place of the maps.

    Args:
        num_replicas: R.
        in_maps: Number of input maps C, height and width.
        num_maps: Number of output maps.
        kernel: Side of the kernels, odd.
        stride: Step between two places.
        bias: Whether b exists; not before a batch norm, see ``StackedLinear``.
    """

    KINDS: ClassVar[dict[str, str]] = {"weight": "weights", "bias": "biases"}

    def __init__(
        self, num_replicas: int, in_maps: Maps, num_maps: int, *, kernel: int, stride: int = 1, bias: bool = True
    ) -> None:
        super().__init__()
        self.in_maps = in_maps
        self.stride = stride
        self.weight = nn.Parameter(torch.zeros(num_replicas, num_maps, in_maps[0], kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(num_replicas, 1, num_maps)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Map x of shape (F, batch·height·width, C) to z of shape (R, batch·p·q, maps), where F divides R."""
        num_replicas, kernel = self.weight.shape[0], self.weight.shape[-1]
        if 1 < x.shape[0] < num_replicas:
            x = x.repeat(num_replicas // x.shape[0], 1, 1)
        z = functional.conv2d(
            as_images(x, self.in_maps),
            self.weight.flatten(0, 1),
            None if self.bias is None else self.bias.flatten(),
            stride=self.stride,
            padding=kernel // 2,
            groups=x.shape[0],  # one if all replicas read the same images, as in evaluation
        )
        return as_values(z, num_replicas)


class StackedMaxPool(nn.Module):
    """The largest value in each ``side`` × ``side`` square of places; incomplete squares at the borders are dropped."""

    def __init__(self, in_maps: Maps, side: int) -> None:
        super().__init__()
        self.in_maps = in_maps
        self.side = side

    def forward(self, y: Tensor) -> Tensor:
        """Map y of shape (R, batch·height·width, C) to (R, batch·(height/side)·(width/side), C)."""
        return as_values(functional.max_pool2d(as_images(y, self.in_maps), self.side), y.shape[0])


class PixelsToMap(nn.Module):
    """From consecutive images to one map: (F, batch, pixels) → (F, batch·pixels, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        """Reshape x."""
        return x.reshape(x.shape[0], -1, 1)


class MapsToNodes(nn.Module):
    """From maps to the nodes of a linear layer: (R, batch·height·width, C) → (R, batch, C·height·width)."""

    def __init__(self, in_maps: Maps) -> None:
        super().__init__()
        self.in_maps = in_maps

    def forward(self, y: Tensor) -> Tensor:
        """Reorder y in the order of torch's Flatten."""
        num_maps, height, width = self.in_maps
        values_last = y.view(y.shape[0], -1, height * width, num_maps).mT
        return values_last.reshape(y.shape[0], -1, num_maps * height * width)


def as_images(values: Tensor, maps: Maps) -> Tensor:
    """From (R, batch·height·width, C) to torch's (batch, R·C, height, width), channels-last in memory."""
    num_maps, height, width = maps
    num_replicas = values.shape[0]
    images = values.view(num_replicas, -1, height, width, num_maps).permute(1, 0, 4, 2, 3)
    side_by_side = images.reshape(-1, num_replicas * num_maps, height, width)
    return side_by_side.contiguous(memory_format=torch.channels_last)


def as_values(images: Tensor, num_replicas: int) -> Tensor:
    """The inverse, without a copy: from (batch, R·C, height, width) to (R, batch·height·width, C)."""
    num_maps = images.shape[1] // num_replicas
    return images.permute(0, 2, 3, 1).reshape(-1, num_replicas, num_maps).transpose(0, 1)
