"""Examples on a device: the images of a data set, their labels, and the indices of a selection."""

from typing import NamedTuple

import torch
from torch import Tensor


class Examples(NamedTuple):
    """Some of a data set's examples, as a stack reads them.

    If S seeds have their own splits or labels, there is a row for each seed; a single row is shared by all seeds.

    Attributes:
        images: All images, uint8 of shape (N, pixels).
        labels: Labels of all images, shape (S or 1, N).
        indices: The selected examples, shape (S or 1, n), whether or not the labels are shared.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor

    def inputs(self, indices: Tensor) -> Tensor:
        """The images at some indices, with pixels scaled to [0, 1] as torchvision's ToTensor does.

        Images that all seeds share are gathered once, even if each seed has its own labels for them.

        Args:
            indices: Shape (S or 1, batch).

        Returns:
            Shape (S or 1, batch, pixels), with as many rows as the indices.
        """
        x = self.images.index_select(0, indices.flatten()).to(torch.get_default_dtype()).div_(255)
        return x.view(*indices.shape, -1)

    def labels_of(self, indices: Tensor) -> Tensor:
        """The labels at some indices, shape (S or 1, batch); S rows if the labels or the indices have S rows."""
        return torch.take_along_dim(self.labels, indices, dim=1)

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs and labels at some indices."""
        return self.inputs(indices), self.labels_of(indices)


def for_replicas(labels: Tensor, num_replicas: int) -> Tensor:
    """Labels of shape (F, batch), where F divides R, repeated to shape (R, batch): replica r gets row r mod F."""
    return labels.repeat(num_replicas // labels.shape[0], 1)
