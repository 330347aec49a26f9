"""How the loss and its gradient change when the parameters move: internal covariate shift, and smoothness.

Both move the parameters along the gradient g of the probe's loss, as a step of gradient descent with the current
learning rate η would, whatever the optimiser does with g. Afterwards they are what they were.

References:
    Santurkar et al., How Does Batch Normalization Help Optimization?, arXiv:1805.11604
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from bnreg.diagnostics.sight import Found, Sight, as_a_batch
from bnreg.diagnostics.weights import norm_of
from bnreg.metrics import cross_entropy
from bnreg.nn.examples import for_replicas
from bnreg.nn.network import Affine

STEPS = (0.5, 1.0, 2.0, 4.0)  # multiples of the learning rate, over the paper's range


def internal_covariate_shift(sight: Sight) -> Iterator[Found]:
    """How much the gradient of a layer's weights changes once all layers below it have made their step.

    With G the gradient of the weights before and G′ after, ``ics`` is ‖G − G′‖₂ and ``ics_cosine`` their cosine. The
    first layer has none below it (definition 2.1 of the paper).
    """
    network = sight.network
    parameters = list(network.parameters())
    _, before = _loss_and_gradients(sight, parameters)
    place = {id(parameter): number for number, parameter in enumerate(parameters)}
    below: list[int] = []
    depth = 0
    for layer in network.layers:
        if isinstance(layer, Affine):
            depth += 1
            own = place[id(layer.weight)]
            if depth > 1:
                with _moved(parameters, [-sight.lr if number in below else None for number in place.values()], before):
                    _, (after,) = _loss_and_gradients(sight, [layer.weight])
                yield Found(depth, "ics", norm_of(before[own] - after))
                yield Found(depth, "ics_cosine", torch.cosine_similarity(before[own].flatten(1), after.flatten(1)))
        below += [place[id(parameter)] for parameter in layer.parameters(recurse=False)]


def smoothness(sight: Sight) -> Iterator[Found]:
    """The loss and the gradient after steps of ½ to 4 learning rates along the gradient.

    ``loss_low`` and ``loss_high`` are the extremes of the loss after the steps, ``gradient_low`` and ``gradient_high``
    those of the distance ‖g − g′‖₂ between the gradients before and after a step, and ``beta`` is the largest ratio of
    this distance to the step's length: the effective β-smoothness (figure 4 of the paper).
    """
    parameters = list(sight.network.parameters())
    _, before = _loss_and_gradients(sight, parameters)
    losses, distances, ratios = [], [], []
    size = _norm(before)
    for multiple in STEPS:
        with _moved(parameters, [-multiple * sight.lr] * len(parameters), before):
            loss, after = _loss_and_gradients(sight, parameters)
        losses.append(loss)
        distances.append(_norm([one - other for one, other in zip(before, after, strict=True)]))
        ratios.append(distances[-1] / (multiple * sight.lr * size))
    for name, values in (("loss", losses), ("gradient", distances)):
        stacked = torch.stack(values)
        yield Found(0, f"{name}_low", stacked.amin(0))
        yield Found(0, f"{name}_high", stacked.amax(0))
    yield Found(0, "beta", torch.stack(ratios).amax(0))


def _loss_and_gradients(sight: Sight, parameters: Sequence[Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The probe's mean loss of each replica, shape (R,), and its gradient by some parameters."""
    with as_a_batch(sight.network), torch.enable_grad():
        x, y = sight.probe.batch(sight.probe.indices)
        loss = cross_entropy(sight.network(x), for_replicas(y, sight.num_replicas)).mean(1)
        return loss.detach(), torch.autograd.grad(loss.sum(), parameters)


@contextmanager
def _moved(parameters: Sequence[Tensor], factors: Sequence[Tensor | None], along: Sequence[Tensor]) -> Iterator[None]:
    """Within this block each replica's parameters are moved by its factor along these directions, if there is one."""
    kept = [parameter.detach().clone() for parameter in parameters]
    try:
        with torch.no_grad():
            for parameter, factor, direction in zip(parameters, factors, along, strict=True):
                if factor is not None:
                    parameter += factor.view(-1, *[1] * (direction.dim() - 1)) * direction
        yield
    finally:
        with torch.no_grad():
            for parameter, values in zip(parameters, kept, strict=True):
                parameter.copy_(values)


def _norm(parts: Sequence[Tensor]) -> Tensor:
    """The Euclidean norm over all parts of each replica, shape (R,)."""
    return torch.stack([part.flatten(1).square().sum(1) for part in parts]).sum(0).sqrt()
