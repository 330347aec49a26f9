"""The activation functions y = τ(z), as equations.

They use only tensor methods, so the table can be read without importing torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@dataclass(frozen=True)
class Activation:
    """An elementwise function of the pre-activation.

    Attributes:
        function: (z) → y or, if the slope is learnt, (z, slope) → y; z and slope are broadcast to one shape.
        learnt_slope: Initial value of the slope for negative z if it is learnt, one per layer.
        trainable: Whether a network can be trained with it; without a gradient it can only be plotted.
        rounds_alike: Whether torch rounds it alike in every place of a tensor on a CPU. It computes most values many at
            a time and the last ones one by one, with another exponential function.
    """

    function: Callable[..., Tensor]
    learnt_slope: float | None = None
    trainable: bool = True
    rounds_alike: bool = True


def _leaky(z: Tensor, slope: Tensor | float) -> Tensor:
    return z.where(z > 0, slope * z)


def _elu(z: Tensor) -> Tensor:
    negative = z - z.relu()  # where z is positive, eᶻ is not needed and could overflow
    return z.where(z > 0, negative.expm1())


ACTIVATIONS: dict[str, Activation] = {
    "identity": Activation(lambda z: z),
    "step": Activation(lambda z: (z > 0).to(z.dtype), trainable=False),
    "sigmoid": Activation(lambda z: z.sigmoid(), rounds_alike=False),
    "tanh": Activation(lambda z: z.tanh()),
    "softplus": Activation(lambda z: z.logaddexp(z.new_zeros(())), rounds_alike=False),  # log(1 + eᶻ)
    "relu": Activation(lambda z: z.relu()),
    "leaky_relu": Activation(lambda z: _leaky(z, 0.01)),
    "prelu": Activation(_leaky, learnt_slope=0.25),  # He et al., arXiv:1502.01852
    "elu": Activation(_elu),  # Clevert et al., arXiv:1511.07289
    "gelu": Activation(lambda z: 0.5 * z * (1 + (z / math.sqrt(2)).erf())),  # Hendrycks & Gimpel, arXiv:1606.08415
    "silu": Activation(lambda z: z * z.sigmoid(), rounds_alike=False),  # Elfwing et al., arXiv:1702.03118
}
