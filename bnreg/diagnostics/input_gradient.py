"""The smoothness of the learnt function: how fast each example's loss changes with its input."""

import torch
from torch import Tensor, nn

from bnreg.metrics import cross_entropy
from bnreg.nn.evaluation import evaluating
from bnreg.nn.examples import Examples, for_replicas
from bnreg.stopping import unless_stopped

CHUNK = 100  # examples at a time: as many as in a usual training batch, because the same memory is needed


def input_gradient_norm(network: nn.Module, examples: Examples) -> Tensor:
    """Mean of ‖∇ₓ loss‖₂ over some examples for every replica, in eval mode; the network does not change.

    The smoothness prior says that similar inputs have similar outputs. The smaller the gradient of an example's own
    loss with respect to its own input, the better the network satisfies it.

    Args:
        network: A stack of R replicas along the first axis of every parameter.
        examples: The examples to measure on.

    Returns:
        float64 of shape (R,), in nats per unit of the Euclidean distance between images with pixels in [0, 1].

    References:
        Drucker & LeCun, Improving generalization performance using double backpropagation, IEEE Transactions on Neural
        Networks 3 (1992)
    """
    num_replicas = next(network.parameters()).shape[0]
    total = torch.zeros(num_replicas, dtype=torch.float64, device=examples.images.device)
    with evaluating(network), torch.enable_grad():
        for chunk in unless_stopped(torch.split(examples.indices, CHUNK, dim=1)):
            x, y = examples.batch(chunk)
            # Each replica has its own input: with a shared one, the gradients of all replicas would add up.
            x = x.repeat(num_replicas // x.shape[0], 1, 1).requires_grad_()
            # In eval mode no example affects another, so the gradient of the sum contains each example's own gradient.
            (gradient,) = torch.autograd.grad(cross_entropy(network(x), for_replicas(y, num_replicas)).sum(), x)
            total += torch.linalg.vector_norm(gradient, dim=2, dtype=torch.float64).sum(1)
    return total / examples.indices.shape[1]
