"""The table of diagnostics: measurements of a stack on the test set, besides the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from bnreg.nn.examples import Examples


def _input_gradient(network: nn.Module, examples: Examples) -> Tensor:
    from bnreg.diagnostics.input_gradient import input_gradient_norm

    return input_gradient_norm(network, examples)


# Each takes a network of R replicas and some examples, and returns one number per replica, shape (R,). It does not
# change the network.
DIAGNOSTICS: dict[str, Callable[[nn.Module, Examples], Tensor]] = {"input_gradient": _input_gradient}
