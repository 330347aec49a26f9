"""The table of norms; it can be read without importing torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch
    from torch import nn


class NormSize(NamedTuple):
    """What a norm normalises.

    Attributes:
        width: Number of nodes, or of feature maps.
        num_places: Number of places of a map; 1 for nodes.
    """

    width: int
    num_places: int


class NormSettings(NamedTuple):
    """The settings of a norm.

    Attributes:
        epsilon: ε, added to the variance.
        momentum: Share of each batch in the running statistics.
        num_groups: Number of groups of nodes or maps.
    """

    epsilon: float
    momentum: float
    num_groups: int


@dataclass(frozen=True)
class Norm:
    """One kind of norm.

    Attributes:
        make: (R, size, settings, a generator per replica or none) → a layer.
        needs_batch: Whether it normalises over the batch in training, so that a batch of one example is too small, and
            by running statistics in evaluation.
        has_shift: Whether it learns a shift, which replaces the bias of a linear layer directly before it.
        settings: The settings that not every norm takes. One that takes ``norm_groups`` normalises groups of nodes or
            maps, so their number must divide the layer's width.
    """

    make: Callable[[int, NormSize, NormSettings, Sequence[torch.Generator]], nn.Module]
    needs_batch: bool
    has_shift: bool
    settings: tuple[str, ...] = ()


def _batch(num_replicas: int, size: NormSize, settings: NormSettings, _: Sequence[torch.Generator]) -> nn.Module:
    from bnreg.nn.batch_norm import StackedBatchNorm

    return StackedBatchNorm(num_replicas, size.width, epsilon=settings.epsilon, momentum=settings.momentum)


def _noisy_batch(
    num_replicas: int, size: NormSize, settings: NormSettings, generators: Sequence[torch.Generator]
) -> nn.Module:
    from bnreg.nn.noisy_batch_norm import StackedNoisyBatchNorm

    return StackedNoisyBatchNorm(
        num_replicas, size, epsilon=settings.epsilon, momentum=settings.momentum, generators=generators
    )


def _layer(num_replicas: int, size: NormSize, settings: NormSettings, _: Sequence[torch.Generator]) -> nn.Module:
    from bnreg.nn.group_norm import StackedGroupNorm

    return StackedGroupNorm(num_replicas, size, num_groups=1, epsilon=settings.epsilon)


def _group(num_replicas: int, size: NormSize, settings: NormSettings, _: Sequence[torch.Generator]) -> nn.Module:
    from bnreg.nn.group_norm import StackedGroupNorm

    return StackedGroupNorm(num_replicas, size, num_groups=settings.num_groups, epsilon=settings.epsilon)


NORMS: dict[str, Norm | None] = {
    "batch": Norm(_batch, needs_batch=True, has_shift=True),
    "group": Norm(_group, needs_batch=False, has_shift=True, settings=("norm_groups",)),
    "layer": Norm(_layer, needs_batch=False, has_shift=True),
    "noisy_batch": Norm(_noisy_batch, needs_batch=True, has_shift=True),
    "none": None,
}
