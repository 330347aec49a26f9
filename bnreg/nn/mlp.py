"""The multilayer perceptron, stacked."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from bnreg.nn.activations import ACTIVATIONS
from bnreg.nn.dropout import StackedDropout
from bnreg.nn.init import draw_bias, draw_weight
from bnreg.nn.linear import StackedLinear
from bnreg.nn.norms import NORMS


class StackedActivation(nn.Module):
    """y = τ(z), with one learnt slope per replica where the activation has one."""

    KINDS: ClassVar[dict[str, str]] = {"slope": "prelu"}

    def __init__(self, num_replicas: int, name: str) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[name]
        slope = self.activation.learnt_slope
        self.slope = None if slope is None else nn.Parameter(torch.full((num_replicas, 1, 1), slope))

    def forward(self, z: Tensor) -> Tensor:
        """Apply τ elementwise to z of shape (R, batch, width)."""
        return self.activation.function(z) if self.slope is None else self.activation.function(z, self.slope)


class StackedMLP(nn.Module):
    """A stack of multilayer perceptrons of one shape.

    Each hidden layer is linear, norm, activation, dropout; the output layer is linear.

    Replica r belongs to seed r mod S and to cell r div S, where S is the number of seeds: all replicas of a cell (an
    arm at a point of the sweep) are neighbours, and each batch has S rows that every cell reads.

    Args:
        num_replicas: R.
        sizes: Widths from the input to the output, e.g. (784, 32, 32, 10).
        activation: A name in ``ACTIVATIONS``.
        norm: A name in ``NORMS``.
        dropout_rates: One per replica; no dropout layer is built where all are 0.
        generators: One per replica, for the dropout masks.
    """

    def __init__(
        self,
        num_replicas: int,
        sizes: Sequence[int],
        *,
        activation: str,
        norm: str = "none",
        dropout_rates: Sequence[float] = (),
        generators: Sequence[torch.Generator] = (),
    ) -> None:
        super().__init__()
        make_norm = NORMS[norm]
        layers: list[nn.Module] = []
        for num_inputs, width in pairwise(sizes[:-1]):
            layers.append(StackedLinear(num_replicas, num_inputs, width, bias=make_norm is None))
            if make_norm is not None:
                layers.append(make_norm(num_replicas, width))
            layers.append(StackedActivation(num_replicas, activation))
            if any(dropout_rates):
                layers.append(StackedDropout(dropout_rates, generators))
        layers.append(StackedLinear(num_replicas, sizes[-2], sizes[-1]))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of shape (R, batch, classes) for inputs x of shape (F, batch, pixels), where F divides R."""
        logits: Tensor = self.layers(x)
        return logits

    @property
    def linear_layers(self) -> list[StackedLinear]:
        """The linear layers from input to output."""
        return [layer for layer in self.layers if isinstance(layer, StackedLinear)]

    def parameters_with_kinds(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Each parameter with its kind: weights, biases, norm or prelu."""
        for layer in self.layers:
            kinds: dict[str, str] = getattr(layer, "KINDS", {})
            for name, parameter in layer.named_parameters(recurse=False):
                yield kinds[name], parameter

    @torch.no_grad()
    def initialise(self, replica: int, *, seed: int, scheme: str, gain: float) -> None:
        """Draw one replica's initial weights and biases."""
        for index, linear in enumerate(self.linear_layers):
            shape = (linear.weight.shape[1], linear.weight.shape[2])
            layer = f"linear.{index}"
            linear.weight[replica] = torch.from_numpy(draw_weight(scheme, gain, seed, layer, shape))
            if linear.bias is not None:
                linear.bias[replica, 0] = torch.from_numpy(draw_bias(scheme, seed, layer, shape))
