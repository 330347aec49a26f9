"""The origin of a network's weights, layer by layer."""

import math

import pytest
import torch

from bnreg.nn.architecture import Architecture
from bnreg.nn.init import draw_weight
from bnreg.nn.network import StackedNetwork

CNN = Architecture(image_shape=(8, 8), num_classes=4, hidden=(6,), channels=(30, 40), kernel=3)


def test_a_convolution_starts_from_its_own_stream_and_fans():
    """A map's fan-in and fan-out include the kernel's area."""
    network = StackedNetwork(CNN, 2)
    network.initialise(1, seed=7, scheme="xavier_normal", gain=1.0)
    first, second, hidden, output = network.affine_layers
    assert second.weight[1].std().item() == pytest.approx(math.sqrt(2 / (30 * 9 + 40 * 9)), rel=0.03)
    shapes = {"conv.0": (first, 30 * 9), "conv.1": (second, 40 * 9), "linear.0": (hidden, 6), "linear.1": (output, 4)}
    for name, (layer, fan_out) in shapes.items():
        shape = (layer.weight.shape[1], layer.weight[0, 0].numel())
        drawn = draw_weight("xavier_normal", 1.0, 7, name, shape, fan_out)
        torch.testing.assert_close(layer.weight[1].flatten(1), torch.from_numpy(drawn).float())
        assert not layer.weight[0].any()


def test_linear_layers_of_one_shape_start_alike_with_and_without_convolutions():
    mlp = StackedNetwork(Architecture(image_shape=(40, 4), num_classes=4, hidden=(6,)), 1)
    cnn = StackedNetwork(CNN, 1)
    for network in (mlp, cnn):
        network.initialise(0, seed=3, scheme="torch", gain=1.0)
    for one, other in zip(mlp.affine_layers, cnn.affine_layers[2:], strict=True):
        assert torch.equal(one.weight, other.weight)
