"""One replica as an ordinary torch network, made of torch.nn modules wherever torch has one."""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from bnreg.nn.activations import ACTIVATIONS
from bnreg.nn.batch_norm import StackedBatchNorm
from bnreg.nn.convolution import MapsToNodes, PixelsToMap, StackedConvolution, StackedMaxPool
from bnreg.nn.dropout import StackedDropout
from bnreg.nn.group_norm import StackedGroupNorm
from bnreg.nn.linear import StackedLinear
from bnreg.nn.network import OwnInputs, StackedActivation, StackedNetwork
from bnreg.nn.standardise import StackedStandardise

# If torch has a module for an activation, readers and other runtimes know it by that name.
TORCH_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softplus": partial(nn.Softplus, threshold=40),  # torch's default of 20 would be wrong in the ninth digit
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "prelu": nn.PReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}

TORCH_NAMES = {"gamma": "weight", "beta": "bias", "running_variance": "running_var", "slope": "weight"}


class Standardise(nn.Module):
    """x ↦ scale · x + shift, pixel by pixel."""

    scale: Tensor
    shift: Tensor

    def __init__(self, num_pixels: int) -> None:
        super().__init__()
        self.register_buffer("scale", torch.empty(num_pixels))
        self.register_buffer("shift", torch.empty(num_pixels))

    def forward(self, x: Tensor) -> Tensor:
        """Standardise images of shape (batch, 1, height, width) or (batch, pixels)."""
        return torch.addcmul(self.shift.view(x.shape[1:]), x, self.scale.view(x.shape[1:]))


class Equation(nn.Module):
    """An activation for which torch has no module."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, z: Tensor) -> Tensor:
        """Apply τ elementwise."""
        return ACTIVATIONS[self.name].function(z)

    def extra_repr(self) -> str:
        """The activation's name."""
        return self.name


def as_torch(network: StackedNetwork, replica: int) -> nn.Sequential:
    """One replica of a stack, built from torch.nn's modules, for prediction.

    Args:
        network: The stack.
        replica: Index of the network in the stack.

    Returns:
        A network in eval mode, of the stack's type and on its device. It maps images of shape (batch, 1, height,
        width), with pixels in [0, 1], to logits of shape (batch, classes). Its layers keep the stack's names; their
        parameters have torch's names.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    has_maps = bool(network.architecture.channels)
    if not has_maps:
        layers["flatten"] = nn.Flatten()
    state = {}
    with torch.device("meta"):  # no random draws for parameters that are replaced anyway
        for name, layer in network.layers.named_children():
            has_maps = has_maps and not isinstance(layer, MapsToNodes)
            module = _torch_module(layer, network.architecture.activation, has_maps=has_maps)
            if module is not None:
                layers[name] = module
            if isinstance(layer, StackedBatchNorm):
                state[f"{name}.num_batches_tracked"] = torch.tensor(0, device="cpu")
    for key, values in network.state_of(replica).items():
        layer_name, _, parameter = key.rpartition(".")
        state[f"{layer_name}.{TORCH_NAMES.get(parameter, parameter)}"] = values
    ordinary = nn.Sequential(layers)
    ordinary.load_state_dict(state, assign=True)
    return ordinary.eval()


def _torch_module(layer: nn.Module, activation: str, *, has_maps: bool) -> nn.Module | None:
    """The torch.nn counterpart of a layer; None if a single network needs none in evaluation."""
    match layer:
        case PixelsToMap() | OwnInputs() | StackedDropout():
            return None
        case StackedStandardise():
            return Standardise(layer.scale.shape[-1])
        case StackedLinear():
            _, num_outputs, num_inputs = layer.weight.shape
            return nn.Linear(num_inputs, num_outputs, bias=layer.bias is not None)
        case StackedConvolution():
            _, num_maps, num_in_maps, kernel, _ = layer.weight.shape
            has_bias = layer.bias is not None
            return nn.Conv2d(num_in_maps, num_maps, kernel, layer.stride, padding=kernel // 2, bias=has_bias)
        case StackedBatchNorm():
            make_norm = nn.BatchNorm2d if has_maps else nn.BatchNorm1d
            return make_norm(layer.gamma.shape[-1], layer.epsilon, layer.momentum)
        case StackedGroupNorm():
            width = layer.gamma.shape[-1]
            if layer.num_groups == 1 and not has_maps:
                return nn.LayerNorm(width, layer.epsilon)
            return nn.GroupNorm(layer.num_groups, width, layer.epsilon)
        case StackedActivation():
            return TORCH_ACTIVATIONS.get(activation, partial(Equation, activation))()
        case StackedMaxPool():
            return nn.MaxPool2d(layer.side)
        case MapsToNodes():
            return nn.Flatten()
    raise TypeError(f"{type(layer).__name__} has no counterpart in torch.nn")
