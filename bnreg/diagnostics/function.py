"""Properties of the function that a network computes, on the test set and in eval mode."""

from collections.abc import Iterator

import torch
from torch import Tensor

from bnreg.diagnostics.input_gradient import input_gradient_norm
from bnreg.diagnostics.sight import Found, Sight
from bnreg.nn.evaluation import chunks, evaluating
from bnreg.stopping import unless_stopped

NUM_BINS = 15


def input_gradient(sight: Sight) -> Iterator[Found]:
    """The mean norm of the gradient of an example's loss by its input."""
    yield Found(0, "input_gradient", input_gradient_norm(sight.network, sight.test))


def calibration(sight: Sight) -> Iterator[Found]:
    """The expected calibration error: how far confidence and accuracy are apart, on average over the examples.

    The examples are sorted into 15 bins of equal width by the network's largest probability::

        ECE = Σ |bin| / n · |accuracy(bin) − mean confidence(bin)|

    References:
        Guo et al., On Calibration of Modern Neural Networks, arXiv:1706.04599, equation 3
    """
    network, examples = sight.network, sight.test
    right = torch.zeros(network.num_replicas, NUM_BINS, dtype=torch.float64, device=examples.images.device)
    confident = torch.zeros_like(right)
    with evaluating(network):
        for chunk in unless_stopped(chunks(network, examples.indices, dim=1)):
            x, y = examples.batch(chunk)
            confidence, answer = network(x).softmax(2).max(2)
            known = confidence.nan_to_num()  # a diverged network's confidence is in no bin, and its error is NaN anyway
            bins = (known * NUM_BINS).long().clamp(max=NUM_BINS - 1)
            right.scatter_add_(1, bins, (answer == y).to(right.dtype))
            confident.scatter_add_(1, bins, confidence.to(right.dtype))
    yield Found(0, "calibration_error", calibration_error(right, confident, examples.indices.shape[1]))


def calibration_error(right: Tensor, confident: Tensor, num_examples: int) -> Tensor:
    """From the number of right answers and the sum of confidences in each bin, shape (R, bins)."""
    return (right - confident).abs().sum(1) / num_examples
