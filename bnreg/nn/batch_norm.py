"""Batch normalisation, to be read beside the equations of the paper."""

from typing import ClassVar

import torch
from torch import Tensor, nn


class StackedBatchNorm(nn.Module):
    """Batch normalisation of every node, for a stack of replicas at once.

    In training, over the m examples of the mini-batch and for each node of each replica on its own::

        μ  = 1/m Σ z                       mini-batch mean
        σ² = 1/m Σ (z − μ)²                mini-batch variance (biased)
        ẑ  = (z − μ) / √(σ² + ε)           normalise
        y  = γ ẑ + β                       scale and shift, both learnt

    In evaluation μ and σ² are the running statistics, kept with torch's conventions: each batch moves them by
    ``momentum`` towards its own mean and its *unbiased* variance. The statistics of the whole training set can be put
    in their place.

    Where a layer makes feature maps instead of nodes, z holds an image's p·q places one after another, so that m·p·q
    values go into each map's statistics, and each map has one γ and one β.

    Args:
        num_replicas: How many layers are stacked, R.
        width: Number of nodes, or of feature maps.
        epsilon: ε, added to the variance.
        momentum: Share of each batch in the running statistics.

    References:
        Ioffe & Szegedy, Batch Normalization, arXiv:1502.03167, algorithm 1
    """

    KINDS: ClassVar[dict[str, str]] = {"gamma": "norm", "beta": "norm"}

    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, num_replicas: int, width: int, *, epsilon: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.momentum = momentum
        self.gamma = nn.Parameter(torch.ones(num_replicas, 1, width))
        self.beta = nn.Parameter(torch.zeros(num_replicas, 1, width))
        self.register_buffer("running_mean", torch.zeros(num_replicas, 1, width))
        self.register_buffer("running_variance", torch.ones(num_replicas, 1, width))

    def forward(self, z: Tensor) -> Tensor:
        """Normalise z of shape (R, batch, width).

        Raises:
            ValueError: In training, if the batch holds a single example: its variance is zero for every node.
        """
        if self.training:
            mean = z.mean(dim=1, keepdim=True)
            centred = z - mean
            variance = centred.square().mean(dim=1, keepdim=True)  # torch.var_mean takes twice as long on a CPU
            self._track(mean.detach(), variance.detach(), num_examples=z.shape[1])
        else:
            centred = z - self.running_mean
            variance = self.running_variance
        return torch.addcmul(self.beta, centred, self.gamma * torch.rsqrt(variance + self.epsilon))

    @torch.no_grad()
    def set_statistics(self, mean: Tensor, variance: Tensor) -> None:
        """Normalise by these from now on in evaluation, both of shape (R, 1, width)."""
        self.running_mean.copy_(mean)
        self.running_variance.copy_(variance)

    @torch.no_grad()
    def become_identity(self) -> None:
        """Set γ = √(Var + ε) and β = E, so that in evaluation the layer gives back its input."""
        self.gamma.copy_(torch.sqrt(self.running_variance + self.epsilon))
        self.beta.copy_(self.running_mean)

    def _track(self, mean: Tensor, variance: Tensor, num_examples: int) -> None:
        if num_examples < 2:
            raise ValueError("batch norm cannot train on a batch of one example: use a batch of two or more")
        self.running_mean.lerp_(mean, self.momentum)
        self.running_variance.lerp_(variance * (num_examples / (num_examples - 1)), self.momentum)
