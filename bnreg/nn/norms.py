"""The table of norms, which can be read without importing torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn


def _batch(num_replicas: int, width: int) -> nn.Module:
    from bnreg.nn.batch_norm import StackedBatchNorm

    return StackedBatchNorm(num_replicas, width)


# Each makes a layer for R replicas of a width; its shift replaces the bias of the linear layer before it.
NORMS: dict[str, Callable[[int, int], nn.Module] | None] = {"batch": _batch, "none": None}
