"""What happens to the parameters: weights, their gradients and their changes, and what norms have learnt."""

from collections.abc import Iterator

import torch
from torch import Tensor

from bnreg.diagnostics.distributions import mean_where
from bnreg.diagnostics.sight import Found, Sight
from bnreg.nn.batch_norm import StackedBatchNorm


def norm_of(values: Tensor) -> Tensor:
    """The Euclidean norm of each replica's values, shape (R,)."""
    size: Tensor = torch.linalg.vector_norm(values.flatten(1), dim=1)
    return size


def weights(sight: Sight) -> Iterator[Found]:
    """For each layer: ‖w‖, the norm of its gradient, its relative change per step, and the effective learning rate.

    ``change`` is ‖w − w₀‖ / ‖w₀‖ / steps, where w₀ are the weights at the look before. Under batch norm the scale of
    the weights has no effect, so a step turns them by an angle that grows with ``effective_lr``, η / ‖w‖².

    References:
        van Laarhoven, L2 Regularization versus Batch and Weight Normalization, arXiv:1706.05350
        Hoffer et al., Norm matters, arXiv:1803.01814
    """
    for place, layer in enumerate(sight.affine_layers):
        weight = layer.weight.detach()
        size = norm_of(weight)
        yield Found(place + 1, "weight_norm", size)
        yield Found(place + 1, "gradient_norm", norm_of(sight.gradients[place]))
        yield Found(place + 1, "effective_lr", sight.lr / size.square())
        if sight.before is not None and sight.step > sight.before.step:
            was = sight.before.weights[place]
            yield Found(place + 1, "change", norm_of(weight - was) / norm_of(was) / (sight.step - sight.before.step))


def norms(sight: Sight) -> Iterator[Found]:
    """For each norm: the mean and spread of γ and β, and how far the running statistics are from those of the probe.

    ``running_mean_error`` is the mean over the nodes of |running μ − μ|/σ, ``running_variance_error`` that of the
    logarithm |log(running σ² / σ²)|, without the nodes that are constant.
    """
    for number, (layer, read) in enumerate(sight.normed, 1):
        for name in ("gamma", "beta"):
            values = getattr(layer, name).detach()[:, 0]
            yield Found(number, f"{name}_mean", values.mean(1))
            yield Found(number, f"{name}_std", values.std(1, correction=0))
        if isinstance(layer, StackedBatchNorm):
            mean, variance = read.mean(1), read.var(1, correction=0)
            counts = variance > 0
            running_mean, running_variance = layer.running_mean[:, 0], layer.running_variance[:, 0]
            yield Found(number, "running_mean_error", mean_where(counts, (running_mean - mean).abs() / variance.sqrt()))
            yield Found(number, "running_variance_error", mean_where(counts, (running_variance / variance).log().abs()))
