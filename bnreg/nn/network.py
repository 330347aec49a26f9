"""The network, stacked: a multilayer perceptron, or one that begins with convolutional layers."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from bnreg.nn.activations import ACTIVATIONS
from bnreg.nn.architecture import Architecture, Layer
from bnreg.nn.batch_norm import StackedBatchNorm
from bnreg.nn.convolution import MapsToNodes, PixelsToMap, StackedConvolution, StackedMaxPool
from bnreg.nn.dropout import StackedDropout
from bnreg.nn.init import draw_layer
from bnreg.nn.linear import StackedLinear
from bnreg.nn.norms import NORMS
from bnreg.nn.standardise import StackedStandardise

Affine = StackedLinear | StackedConvolution
AT_A_TIME = 32  # values in two of a CPU's widest registers


class StackedActivation(nn.Module):
    """y = τ(z), with one learnt slope per replica if the activation has one."""

    KINDS: ClassVar[dict[str, str]] = {"slope": "prelu"}

    def __init__(self, num_replicas: int, name: str) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[name]
        slope = self.activation.learnt_slope
        self.slope = None if slope is None else nn.Parameter(torch.full((num_replicas, 1, 1), slope))

    def forward(self, z: Tensor) -> Tensor:
        """Apply τ elementwise to z of shape (R, batch, width).

        Where torch would round the last values of a tensor differently, they are padding, so that no replica's values
        depend on the replicas beside it.
        """
        if self.slope is not None:
            return self.activation.function(z, self.slope)
        num_values = z[0].numel()
        padding = -num_values % AT_A_TIME
        if self.activation.rounds_alike or not padding or not z.is_contiguous():
            return self.activation.function(z)
        padded = functional.pad(z.flatten(1), (0, padding))
        return self.activation.function(padded)[:, :num_values].view_as(z)


class OwnInputs(nn.Module):
    """Gives each replica its own copy of the inputs that it shares: (F, batch, width) → (R, batch, width)."""

    def __init__(self, num_replicas: int) -> None:
        super().__init__()
        self.num_replicas = num_replicas

    def forward(self, x: Tensor) -> Tensor:
        """Repeat the rows of x: replica r reads row r mod F."""
        return x.repeat(self.num_replicas // x.shape[0], 1, 1)


class StackedNetwork(nn.Module):
    """A stack of networks of one architecture.

    Replica r belongs to seed r mod S and to cell r div S, where S is the number of seeds: all replicas of a cell (an
    arm at a point of the sweep) are neighbours, and each batch has S rows that every cell reads.

    Its layers are in ``layers`` from input to output, with names such as ``linear0``, ``norm0`` and ``activation0``.

    Args:
        architecture: The architecture of all replicas.
        num_replicas: R.
        dropout_rates: One per replica; no dropout layer is built where all are 0.
        generators: One per replica, for the masks of dropout and the noise of norms.

    Raises:
        ValueError: If the architecture cannot be built, see ``Architecture.layers``.
    """

    def __init__(
        self,
        architecture: Architecture,
        num_replicas: int,
        *,
        dropout_rates: Sequence[float] = (),
        generators: Sequence[torch.Generator] = (),
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.num_replicas = num_replicas
        *hidden, output = architecture.layers()
        self.layers = nn.Sequential()
        if architecture.is_standardised:
            height, width = architecture.image_shape
            self.layers.add_module("standardise", StackedStandardise(num_replicas, height * width))
        if architecture.channels:
            self.layers.add_module("to_map", PixelsToMap())
        if architecture.has_own_inputs:
            self.layers.add_module("own_inputs", OwnInputs(num_replicas))
        norm_sizes = architecture.norm_sizes()
        biased = list(architecture.biased())
        for i, layer in enumerate(hidden):
            for part in architecture.parts(i):
                if part == "affine":
                    self._add_affine(layer, bias=biased[i])
                elif part == "norm" and (norm := NORMS[architecture.norm]) is not None:
                    made = norm.make(num_replicas, norm_sizes[i], architecture.norm_settings, generators)
                    self.layers.add_module(f"norm{i}", made)
                elif part == "activation":
                    self.layers.add_module(f"activation{i}", StackedActivation(num_replicas, architecture.activation))
                elif part == "dropout" and any(dropout_rates):
                    self.layers.add_module(f"dropout{i}", StackedDropout(dropout_rates, generators))
            self._add_pooling(layer)
        self._add_affine(output, bias=biased[-1])

    def _add_affine(self, layer: Layer, *, bias: bool) -> None:
        name = f"{layer.kind}{layer.index}"
        if layer.in_maps is None:
            linear = StackedLinear(self.num_replicas, layer.fan_in, layer.num_outputs, bias=bias)
            self.layers.add_module(name, linear)
            return
        kernel, stride = self.architecture.kernel, self.architecture.stride
        self.layers.add_module(
            name,
            StackedConvolution(
                self.num_replicas, layer.in_maps, layer.num_outputs, kernel=kernel, stride=stride, bias=bias
            ),
        )

    def _add_pooling(self, layer: Layer) -> None:
        """Add the pooling after a convolutional layer and, after the last one, the conversion to nodes."""
        if layer.out_maps is None:
            return
        side = self.architecture.pool
        if side > 1:
            self.layers.add_module(f"pool{layer.index}", StackedMaxPool(layer.out_maps, side))
        if layer.index == len(self.architecture.channels) - 1:
            num_maps, height, width = layer.out_maps
            self.layers.add_module("to_nodes", MapsToNodes((num_maps, height // side, width // side)))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of shape (R, batch, classes) for inputs x of shape (F, batch, pixels), where F divides R."""
        logits: Tensor = self.layers(x)
        return logits

    @property
    def affine_layers(self) -> list[Affine]:
        """The linear and convolutional layers from input to output."""
        return [layer for layer in self.layers if isinstance(layer, Affine)]

    @property
    def batch_norms(self) -> list[tuple[int, StackedBatchNorm]]:
        """The batch norms from input to output, each with its place among the layers."""
        return [(place, layer) for place, layer in enumerate(self.layers) if isinstance(layer, StackedBatchNorm)]

    def parameters_with_kinds(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Each parameter with its kind: ``weights``, ``biases``, ``norm`` or ``prelu``."""
        for layer in self.layers:
            kinds: dict[str, str] = getattr(layer, "KINDS", {})
            for name, parameter in layer.named_parameters(recurse=False):
                yield kinds[name], parameter

    @torch.no_grad()
    def standardise(self, scale: Tensor, shift: Tensor) -> None:
        """Standardise the pixels x of an image as scale · x + shift, both of shape (pixels,)."""
        layer = self.layers.get_submodule("standardise")
        assert isinstance(layer, StackedStandardise)
        layer.scale[:], layer.shift[:] = scale, shift

    @torch.no_grad()
    def initialise(self, replica: int, *, seed: int, scheme: str, gain: float) -> None:
        """Draw one replica's initial weights and biases."""
        for layer, affine in zip(self.architecture.layers(), self.affine_layers, strict=True):
            weight = affine.weight[replica]
            drawn, bias = draw_layer(scheme, gain, seed, layer, fan_out=weight[:, 0].numel())
            weight.copy_(torch.from_numpy(drawn).view(weight.shape))
            if affine.bias is not None:
                affine.bias[replica, 0] = torch.from_numpy(bias)

    def state_of(self, replica: int) -> dict[str, Tensor]:
        """A copy of one replica's parameters and statistics, e.g. ``linear0.weight`` → shape (outputs, inputs)."""
        return {
            name: (values if name.endswith(".weight") else values.flatten()).clone()
            for name, values in ((name, stacked[replica]) for name, stacked in self.layers.state_dict().items())
        }

    @torch.no_grad()
    def restore(self, replica: int, state: dict[str, Tensor]) -> None:
        """Replace one replica's state with a copy that ``state_of`` made, here or in another stack.

        Raises:
            ValueError: If the state belongs to another architecture.
        """
        stacked = self.layers.state_dict()
        mine = {name: values[0].numel() for name, values in stacked.items()}
        theirs = {name: values.numel() for name, values in state.items()}
        if mine != theirs:
            raise ValueError(f"this state belongs to another architecture: expected {mine}, got {theirs}")
        for name, values in stacked.items():
            values[replica] = state[name].view(values[replica].shape)
