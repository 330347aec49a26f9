"""Evaluation that cannot be done in the wrong mode."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from bnreg.nn.network import StackedNetwork
from bnreg.training.stopping import unless_stopped

CHUNK = 1000  # examples at a time, at the most: large enough to keep a core busy

# Values of a stack's largest layer at a time: so many floats stay in a core's cache, where feature maps are evaluated
# two to three times as fast as those of 1,000 examples; a GPU only has to have the memory.
CHUNK_VALUES = {"cpu": 1 << 20, "cuda": 1 << 26}


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Within this block the network is in eval mode and nothing is recorded for gradients; its mode is restored."""
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(was_training)


def chunks(network: StackedNetwork, examples: Tensor, *, dim: int) -> tuple[Tensor, ...]:
    """Cut examples, or their indices, into as many at a time as the stack does well to see at once."""
    num_values = network.num_replicas * network.architecture.most_values
    return torch.split(examples, max(1, min(CHUNK, CHUNK_VALUES[examples.device.type] // num_values)), dim=dim)


def losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of every example for every replica.

    Args:
        logits: Shape (R, batch, classes).
        labels: Shape (F, batch), where F divides R: replica r is judged by labels r mod F.

    Returns:
        Shape (R, batch), in nats.
    """
    repeated = labels.repeat(logits.shape[0] // labels.shape[0], 1)
    # With the classes in the middle torch takes the softmax of many examples in one instruction.
    return functional.cross_entropy(logits.mT, repeated, reduction="none")


class Evaluation(NamedTuple):
    """How every replica of a stack does on some examples.

    Attributes:
        loss: Mean cross-entropy in nats, float64 of shape (R,).
        accuracy: Float64 of shape (R,).
        correct: Whether each example is classified right, bool of shape (R, n).
    """

    loss: Tensor
    accuracy: Tensor
    correct: Tensor


def evaluate(network: StackedNetwork, images: Tensor, labels: Tensor, indices: Tensor) -> Evaluation:
    """Evaluate every replica on some examples, in eval mode and without a trace.

    Args:
        network: A stack of R replicas.
        images: All images, uint8 of shape (N, pixels).
        labels: All labels, shape (S or 1, N): one row per seed, or a single row that all share.
        indices: Which examples, shape (S or 1, n): likewise, whether the labels are shared or not.
    """
    total_loss = torch.zeros((), dtype=torch.float64, device=images.device)
    correct: list[Tensor] = []
    with evaluating(network):
        for chunk in unless_stopped(chunks(network, indices, dim=1)):
            x, y = batch_of(images, labels, chunk)
            logits = network(x)
            total_loss = total_loss + losses(logits, y).sum(1, dtype=torch.float64)
            correct.append((logits.argmax(2).view(-1, *y.shape) == y).flatten(0, 1))
    all_correct = torch.cat(correct, dim=1)
    return Evaluation(total_loss / indices.shape[1], all_correct.mean(1, dtype=torch.float64), all_correct)


def batch_of(images: Tensor, labels: Tensor, indices: Tensor) -> tuple[Tensor, Tensor]:
    """Gather a batch and scale its pixels to [0, 1], as torchvision's ToTensor does.

    Images that all seeds share are gathered once, even where each seed has labels of its own for them.

    Args:
        images: uint8 of shape (N, pixels).
        labels: Shape (S or 1, N).
        indices: Shape (S or 1, batch).

    Returns:
        Inputs, with as many rows as the indices, and labels, with as many as either has: shapes (S or 1, batch,
        pixels) and (S or 1, batch).
    """
    x = images.index_select(0, indices.flatten()).to(torch.get_default_dtype()).div_(255)
    return x.view(*indices.shape, -1), torch.take_along_dim(labels, indices, dim=1)
