"""Evaluation that cannot run in the wrong mode."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bnreg.metrics import ACCURACY, per_example_measures
from bnreg.nn.examples import Examples, for_replicas
from bnreg.nn.network import StackedNetwork
from bnreg.stopping import unless_stopped

# Maximum number of examples at a time: enough to keep a core busy. A GPU has computed them before Python asks for more.
CHUNK = {"cpu": 1000, "cuda": 1 << 20}

# Maximum number of values of a stack's largest layer at a time. On a CPU, this many floats stay in a core's cache, and
# feature maps are evaluated two to three times as fast as with 1,000 examples; a GPU only needs enough memory.
CHUNK_VALUES = {"cpu": 1 << 20, "cuda": 1 << 26}

# The size of a stack of perceptrons on a CPU, as far as chunks are concerned: sums are rounded chunk by chunk, so if
# chunks depended on the size of the stack, so would the last bits of a network's results. Convolutions' do in any case.
USUAL_REPLICAS = 8


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Within this block the network is in eval mode and no gradients are recorded; its mode is restored afterwards."""
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(was_training)


def chunks(network: StackedNetwork, examples: Tensor, *, dim: int) -> tuple[Tensor, ...]:
    """Cut examples, or their indices, into chunks of a size that the stack evaluates efficiently."""
    device = examples.device.type
    is_exact = device == "cpu" and not network.architecture.channels
    num_values = (USUAL_REPLICAS if is_exact else network.num_replicas) * network.architecture.most_values
    if device != "cpu":  # where more examples at a time than a thousand make their pixels count
        height, width = network.architecture.image_shape
        num_values = max(num_values, (examples.shape[0] if dim == 1 else 1) * height * width)
    return torch.split(examples, max(1, min(CHUNK[device], CHUNK_VALUES[device] // num_values)), dim=dim)


class Evaluation(NamedTuple):
    """The metrics of every replica of a stack on some examples.

    Attributes:
        means: Metric → its mean over the examples, float64 of shape (R,).
        correct: Whether each example is classified correctly, bool of shape (R, n).
    """

    means: dict[str, Tensor]
    correct: Tensor


def evaluate(network: StackedNetwork, examples: Examples) -> Evaluation:
    """Evaluate every replica with all ``METRICS``, in eval mode; the network does not change."""
    measures = per_example_measures()
    totals = {name: torch.zeros((), dtype=torch.float64, device=examples.images.device) for name in measures}
    correct: list[Tensor] = []
    with evaluating(network):
        for chunk in unless_stopped(chunks(network, examples.indices, dim=1)):
            x, y = examples.batch(chunk)
            logits, labels = network(x), for_replicas(y, network.num_replicas)
            for name, measure in measures.items():
                values = measure(logits, labels)
                totals[name] = totals[name] + values.sum(1, dtype=torch.float64)
                if name == ACCURACY:
                    correct.append(values)
    # As a tensor: CUDA multiplies by the reciprocal of a plain number, which can round the last bit differently.
    num_examples = torch.tensor(examples.indices.shape[1], device=examples.indices.device)
    return Evaluation({name: total / num_examples for name, total in totals.items()}, torch.cat(correct, dim=1))


def logits_of(network: StackedNetwork, pixels: Tensor) -> Tensor:
    """Logits of every replica for any number of images, in eval mode, computed in chunks of limited size.

    Args:
        network: A stack of R replicas.
        pixels: Shape (images, pixels), in [0, 1], with the network's dtype.

    Returns:
        Shape (R, images, classes).
    """
    with evaluating(network):
        return torch.cat([network(chunk.unsqueeze(0)) for chunk in chunks(network, pixels, dim=0)], dim=1)
