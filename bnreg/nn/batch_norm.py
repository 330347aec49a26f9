"""Batch normalisation, to be read beside the equations of the paper."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn


class StackedBatchNorm(nn.Module):
    """Batch normalisation of every node, for a stack of replicas at once.

    In training, over the m examples of the mini-batch, separately for each node of each replica::

        μ  = 1/m Σ z                       mini-batch mean
        σ² = 1/m Σ (z − μ)²                mini-batch variance (biased)
        ẑ  = (z − μ) / √(σ² + ε)           normalise
        y  = γ ẑ + β                       scale and shift, both learnt

    In evaluation μ and σ² are the running statistics, which follow torch's conventions: each batch moves them by
    ``momentum`` towards its own mean and its *unbiased* variance. The statistics of the whole training set can replace
    them.

    If a layer makes feature maps instead of nodes, z holds an image's p·q places one after another, so m·p·q values go
    into each map's statistics, and each map has one γ and one β.

    Args:
        num_replicas: Number of stacked layers, R.
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
            ValueError: In training, if the batch holds a single example, because every node's variance is then zero.
        """
        if self.training:
            y: Tensor
            y, mean, variance = _NormalisedOverBatch.apply(z, self.gamma, self.beta, self.epsilon)
            self._track(mean, variance, num_examples=z.shape[1])
            return y
        scale = self.gamma * torch.rsqrt(self.running_variance + self.epsilon)
        return torch.addcmul(self.beta, z - self.running_mean, scale)

    @torch.no_grad()
    def set_statistics(self, mean: Tensor, variance: Tensor) -> None:
        """Use these statistics in evaluation from now on, both of shape (R, 1, width)."""
        self.running_mean.copy_(mean)
        self.running_variance.copy_(variance)

    @torch.no_grad()
    def become_identity(self) -> None:
        """Set γ = √(Var + ε) and β = E, so that in evaluation the layer returns its input."""
        self.gamma.copy_(torch.sqrt(self.running_variance + self.epsilon))
        self.beta.copy_(self.running_mean)

    def _track(self, mean: Tensor, variance: Tensor, num_examples: int) -> None:
        if num_examples < 2:
            raise ValueError("batch norm cannot train on a batch of one example: use a batch of two or more")
        self.running_mean.lerp_(mean, self.momentum)
        self.running_variance.lerp_(variance * (num_examples / (num_examples - 1)), self.momentum)


class _NormalisedOverBatch(torch.autograd.Function):
    """y = γ ẑ + β with the statistics of the batch itself, and its gradients as the paper derives them.

    The mean and variance depend on every z, so a gradient g = ∂L/∂y reaches each z along three paths. Together::

        ∂L/∂β = Σ g
        ∂L/∂γ = Σ g ẑ
        ∂L/∂z = γ/√(σ² + ε) · (g − 1/m ∂L/∂β − 1/m ẑ ∂L/∂γ)

    Autograd would compute the same from the forward pass, but with about twice as many passes over the memory: a
    convolutional network trains 1.5 times as fast this way.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, gamma: Tensor, beta: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
        mean = z.mean(dim=1, keepdim=True)
        centred = z - mean
        variance = centred.square().mean(dim=1, keepdim=True)  # torch.var_mean takes twice as long on a CPU
        inverse_std = torch.rsqrt(variance + epsilon)
        ctx.save_for_backward(centred, inverse_std, gamma)
        ctx.mark_non_differentiable(mean, variance)
        return torch.addcmul(beta, centred, gamma * inverse_std), mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Backpropagate g, of shape (R, m, width); the returned statistics have no gradient."""
        g = gradients[0]
        centred, inverse_std, gamma = ctx.saved_tensors  # ẑ = centred · inverse_std
        num_examples = g.shape[1]
        grad_beta = g.sum(dim=1, keepdim=True)
        grad_gamma = (g * centred).sum(dim=1, keepdim=True) * inverse_std
        grad_z = torch.addcmul(g - grad_beta / num_examples, centred, grad_gamma * inverse_std, value=-1 / num_examples)
        return grad_z.mul_(gamma * inverse_std), grad_gamma, grad_beta, None
