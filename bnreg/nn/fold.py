"""Fold batch norm into the layer before it: a trained network without its norms."""

from dataclasses import replace

import torch
from torch import Tensor

from bnreg.nn.batch_norm import StackedBatchNorm
from bnreg.nn.network import StackedNetwork

# Only pre_activation puts each norm directly after an affine layer.
_REFUSALS = {
    "post_activation": "the activation is between each affine layer and its norm (norm_placement: post_activation)",
    "input": (
        "each norm is before its affine layer, not after it (norm_placement: input); it could not be moved into a "
        "convolution because the zeros around the maps are not normalised"
    ),
}


@torch.no_grad()
def fold(network: StackedNetwork) -> StackedNetwork:
    """The same network in evaluation, with each batch norm folded into the linear or convolutional layer before it.

    In evaluation the statistics of a batch norm are fixed, so it is an affine map of every node or feature map, and two
    consecutive affine maps combine into one::

        γ (W x + b − μ) / √(σ² + ε) + β  =  W' x + b'

        W' = γ / √(σ² + ε) · W
        b' = β + γ / √(σ² + ε) · (b − μ)

    with b = 0 if the layer has no bias. This is computed in float64 and then rounded to the network's dtype.

    Args:
        network: A stack with its norms directly after its affine layers. Dropout does not matter because evaluation
            does not use it. The stack does not change.

    Returns:
        A stack in eval mode without norms and dropout, with the replicas in the same order, and with the network's
        dtype and device.

    Raises:
        ValueError: If there is nothing to fold or it cannot be folded, with the reason.

    References:
        Ioffe & Szegedy, Batch Normalization, arXiv:1502.03167, algorithm 2
        Jacob et al., Quantization and Training of Neural Networks, arXiv:1712.05877, section 3.2
    """
    architecture, norms = network.architecture, network.batch_norms
    if not norms:
        raise ValueError("there is no batch norm: nothing to fold")
    if architecture.norm_placement in _REFUSALS:
        raise ValueError(_REFUSALS[architecture.norm_placement])
    folded = StackedNetwork(replace(architecture, norm="none"), network.num_replicas)
    folded = folded.to(network.affine_layers[0].weight).eval()
    # The output layer and the learnt slopes stay; every other affine layer is overwritten below.
    folded.layers.load_state_dict(network.layers.state_dict(), strict=False)
    for before, after, (_, norm) in zip(network.affine_layers, folded.affine_layers, norms, strict=False):
        weight, bias = _fold_layer(before.weight, before.bias, norm)
        after.weight.copy_(weight)
        assert after.bias is not None
        after.bias.copy_(bias)
    return folded


def _fold_layer(weight: Tensor, bias: Tensor | None, norm: StackedBatchNorm) -> tuple[Tensor, Tensor]:
    """W' of the weight's shape (R, outputs, …) and b' of shape (R, 1, outputs), in float64."""
    scale = norm.gamma.double() / torch.sqrt(norm.running_variance.double() + norm.epsilon)
    shift = -norm.running_mean.double() if bias is None else bias.double() - norm.running_mean.double()
    per_output = scale.view(*weight.shape[:2], *[1] * (weight.dim() - 2))
    return weight.double() * per_output, norm.beta.double() + scale * shift
