"""Dropout with independent masks for each replica."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class StackedDropout(nn.Module):
    """Inverted dropout: in training each value is zeroed with its replica's rate; the rest are scaled by 1/(1 − rate).

    Args:
        rates: One rate in [0, 1) per replica.
        generators: One generator per replica, on the device of the layer, so that a replica's masks do not depend on
            the replicas that are trained with it.

    References:
        Srivastava et al., Dropout, JMLR 15 (2014)
    """

    rates: Tensor

    def __init__(self, rates: Sequence[float], generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.register_buffer("rates", torch.tensor(rates).view(-1, 1, 1), persistent=False)
        self.generators = tuple(generators)

    def forward(self, y: Tensor) -> Tensor:
        """Drop values of y, of shape (R, batch, width)."""
        if not self.training:
            return y
        # Contiguous even if y is not, because a generator fills a tensor in memory order.
        uniform = torch.empty(y.shape, dtype=y.dtype, device=y.device)
        for values, generator in zip(uniform, self.generators, strict=True):
            values.uniform_(generator=generator)
        return y * (uniform >= self.rates) / (1 - self.rates)
