"""Layer and group normalisation, to be read beside the equations of the papers."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from bnreg.nn.norms import NormSize


class StackedGroupNorm(nn.Module):
    """Normalisation of each example by itself, over groups of its nodes, for a stack of replicas at once.

    The nodes of a layer are cut into G groups of n neighbouring nodes. For every example, separately for each group of
    each replica::

        μ  = 1/n Σ z                       mean over the group's nodes
        σ² = 1/n Σ (z − μ)²
        ẑ  = (z − μ) / √(σ² + ε)
        y  = γ ẑ + β                       one γ and one β per node, both learnt

    Nothing depends on the batch, so training and evaluation do the same. With one group it is layer normalisation.

    If a layer makes feature maps instead of nodes, z holds an image's p·q places one after another, and a group's
    values are those of its maps at all places, with one γ and one β per map.

    Args:
        num_replicas: Number of stacked layers, R.
        size: What is normalised.
        num_groups: G, which divides the number of nodes or maps.
        epsilon: ε, added to the variance.

    Raises:
        ValueError: If the groups would have different sizes.

    References:
        Ba, Kiros & Hinton, Layer Normalization, arXiv:1607.06450
        Wu & He, Group Normalization, arXiv:1803.08494
    """

    KINDS: ClassVar[dict[str, str]] = {"gamma": "norm", "beta": "norm"}

    def __init__(self, num_replicas: int, size: NormSize, *, num_groups: int, epsilon: float = 1e-5) -> None:
        super().__init__()
        if size.width % num_groups:
            raise ValueError(f"{size.width} nodes or maps cannot be cut into {num_groups} groups of one size")
        self.num_groups = num_groups
        self.num_places = size.num_places
        self.epsilon = epsilon
        self.gamma = nn.Parameter(torch.ones(num_replicas, 1, size.width))
        self.beta = nn.Parameter(torch.zeros(num_replicas, 1, size.width))

    def forward(self, z: Tensor) -> Tensor:
        """Normalise z of shape (R, batch·places, width)."""
        grouped = z.reshape(z.shape[0], -1, self.num_places, self.num_groups, z.shape[2] // self.num_groups)
        centred = grouped - grouped.mean(dim=(2, 4), keepdim=True)  # (R, batch, places, groups, n)
        variance = centred.square().mean(dim=(2, 4), keepdim=True)
        normalised = (centred * torch.rsqrt(variance + self.epsilon)).flatten(3).flatten(1, 2)
        return torch.addcmul(self.beta, normalised, self.gamma)
