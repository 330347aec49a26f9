"""The table of norms; it can be read without importing torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn


@dataclass(frozen=True)
class Norm:
    """One kind of norm.

    Attributes:
        make: (R, number of nodes or feature maps, ε, momentum of the running statistics) → a layer.
        needs_batch: Whether it normalises over the batch in training, so that a batch of one example is too small.
        has_shift: Whether it learns a shift, which replaces the bias of a linear layer directly before it.
    """

    make: Callable[[int, int, float, float], nn.Module]
    needs_batch: bool
    has_shift: bool


def _batch(num_replicas: int, width: int, epsilon: float, momentum: float) -> nn.Module:
    from bnreg.nn.batch_norm import StackedBatchNorm

    return StackedBatchNorm(num_replicas, width, epsilon=epsilon, momentum=momentum)


NORMS: dict[str, Norm | None] = {"batch": Norm(_batch, needs_batch=True, has_shift=True), "none": None}
