"""The distributions of pre-activations: where they lie, how they shift, and where their activation is flat."""

from collections.abc import Iterator

import torch
from torch import Tensor

from bnreg.diagnostics.sight import Found, Sight
from bnreg.lecture.saturation import SMALL
from bnreg.lecture.saturation import saturation as saturation_of

PERCENTILES = (15, 50, 85)


def pre_activations(sight: Sight) -> Iterator[Found]:
    """The mean, standard deviation and percentiles of all pre-activations of a layer, and of its first unit.

    References:
        Ioffe & Szegedy, Batch Normalization, arXiv:1502.03167, figure 1 b and c
    """
    for layer, z in enumerate(sight.pre_activations, 1):
        for prefix, values in (("", z.flatten(1)), ("unit_", z[:, :, 0])):
            yield Found(layer, f"{prefix}mean", values.mean(1))
            yield Found(layer, f"{prefix}std", values.std(1, correction=0))
            ascending = values.sort(1).values
            for percent in PERCENTILES:
                yield Found(layer, f"{prefix}p{percent}", quantile(ascending, percent / 100))


def quantile(ascending: Tensor, share: float) -> Tensor:
    """The quantile of each row of sorted values, interpolated linearly between two of them."""
    place = share * (ascending.shape[1] - 1)
    low = ascending[:, int(place)]
    return low + (ascending[:, min(int(place) + 1, ascending.shape[1] - 1)] - low) * (place - int(place))


def shift(sight: Sight) -> Iterator[Found]:
    """How far the distribution of each unit moved since the look before, in its standard deviations σ then.

    ``mean_shift`` is |Δμ|/σ, ``scale_shift`` |Δ log σ| and ``distance`` the Wasserstein-1 distance divided by σ; each
    is the mean over the layer's units, without those that were constant.
    """
    if sight.before is None:
        return
    for layer, (z, before) in enumerate(zip(sight.pre_activations, sight.before.sorted, strict=True), 1):
        mean, std = before.mean(1), before.std(1, correction=0)
        counts = std > 0
        yield Found(layer, "mean_shift", mean_where(counts, (z.mean(1) - mean).abs() / std))
        yield Found(layer, "scale_shift", mean_where(counts, (z.std(1, correction=0) / std).log().abs()))
        yield Found(layer, "distance", mean_where(counts, (z.sort(1).values - before).abs().mean(1) / std))


def mean_where(counts: Tensor, values: Tensor) -> Tensor:
    """The mean over the last axis of the values that count; NaN if none does."""
    return torch.where(counts, values, 0.0).sum(-1) / counts.sum(-1)


def saturation(sight: Sight) -> Iterator[Found]:
    """The share of pre-activations where |τ′| is below 5 % of its maximum, and of units where all of them are.

    A ReLU's unit of the second kind is dead: no image of the probe can change its weights.

    References:
        Glorot & Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010
    """
    for layer, (z, activation) in enumerate(zip(sight.pre_activations, sight.activations, strict=True), 1):
        with torch.enable_grad():
            inputs = z.detach().requires_grad_()
            (slopes,) = torch.autograd.grad(activation(inputs).sum(), inputs)
        is_flat = slopes.abs() < SMALL * saturation_of(activation.activation).largest_slope
        yield Found(layer, "saturated", is_flat.flatten(1).to(z.dtype).mean(1))
        yield Found(layer, "dead_units", is_flat.all(1).to(z.dtype).mean(1))
