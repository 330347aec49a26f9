"""What can be measured of a stack on the test set, besides loss and accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn


def _input_gradient(network: nn.Module, images: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
    from bnreg.training.input_gradient import input_gradient_norm

    return input_gradient_norm(network, images, labels, indices)


# Each takes a network of R replicas and examples as ``evaluate`` takes them, and returns one number per replica, of
# shape (R,), leaving no trace in the network.
MEASUREMENTS: dict[str, Callable[[nn.Module, Tensor, Tensor, Tensor], Tensor]] = {"input_gradient": _input_gradient}
