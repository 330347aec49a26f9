"""The table of norms, which can be read without importing torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn


def _batch(num_replicas: int, width: int, epsilon: float, momentum: float) -> nn.Module:
    from bnreg.nn.batch_norm import StackedBatchNorm

    return StackedBatchNorm(num_replicas, width, epsilon=epsilon, momentum=momentum)


# Each takes R, the number of nodes or feature maps, ε and the momentum of running statistics, and makes a layer whose
# shift replaces the bias of a linear layer right before it.
NORMS: dict[str, Callable[[int, int, float, float], nn.Module] | None] = {"batch": _batch, "none": None}
