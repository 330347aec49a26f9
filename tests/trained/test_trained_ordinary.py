"""A replica as an ordinary torch network gives the logits that it gives in its stack."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from bnreg.nn.activations import ACTIVATIONS
from bnreg.nn.architecture import LAYER_ORDERS, Architecture
from bnreg.nn.network import StackedNetwork
from bnreg.nn.norms import NORMS
from bnreg.trained.ordinary import as_torch

REPLICAS = 3
MLP = Architecture(image_shape=(9, 8), num_classes=4, hidden=(6, 5), norm="batch")
CNN = replace(MLP, channels=(3, 4), hidden=(5,))

ARCHITECTURES = {
    "mlp": MLP,
    "linear classifier": replace(MLP, hidden=()),
    "mlp, a large ε": replace(MLP, norm_epsilon=0.1),
    "mlp, standardised": replace(MLP, is_standardised=True),
    "cnn": CNN,
    "cnn, standardised": replace(CNN, is_standardised=True),
    "cnn with stride": replace(CNN, stride=2, pool=1),
    "cnn with wide kernels": replace(CNN, kernel=5),
    "cnn without hidden layers": replace(CNN, hidden=()),
}


@torch.no_grad()
def make_network(architecture, dropout_rates=(), generators=()):
    """A stack as it might be after training."""
    torch.manual_seed(0)
    network = StackedNetwork(architecture, REPLICAS, dropout_rates=dropout_rates, generators=generators).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter)
    if architecture.is_standardised:
        network.standardise(torch.randn(72), torch.randn(72))
    for _, norm in network.batch_norms:
        norm.set_statistics(torch.randn_like(norm.beta), torch.rand_like(norm.beta) * 4)
    return network


@torch.no_grad()
def assert_same_logits(network):
    x = torch.rand(7, 72)
    logits = network(x[None])
    for r in range(REPLICAS):
        ordinary = as_torch(network, r)(x.view(7, 1, 9, 8))
        torch.testing.assert_close(ordinary, logits[r], rtol=0, atol=1e-12 * max(1, float(logits.abs().max())))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("placement", LAYER_ORDERS)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES.keys())
def test_every_architecture_keeps_its_logits(architecture, norm, placement):
    assert_same_logits(make_network(replace(architecture, norm=norm, norm_placement=placement, norm_groups=1)))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("architecture", [replace(MLP, hidden=(6, 4)), replace(CNN, channels=(4, 2), hidden=(6,))])
def test_groups_keep_their_logits(architecture):
    assert_same_logits(make_network(replace(architecture, norm="group", norm_groups=2)))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("architecture", [MLP, CNN], ids=["mlp", "cnn"])
def test_every_activation_keeps_its_logits(architecture, activation):
    """Even for large pre-activations, because torch's softplus takes a short cut there."""
    network = make_network(replace(architecture, activation=activation))
    assert_same_logits(network)
    with torch.no_grad():
        network.affine_layers[0].weight.mul_(20)
    assert_same_logits(network)


@pytest.mark.usefixtures("float64")
def test_dropout_is_left_out():
    generators = [torch.Generator() for _ in range(REPLICAS)]
    network = make_network(MLP, [0.5] * REPLICAS, generators)
    assert_same_logits(network)
    assert "dropout0" not in dict(as_torch(network, 0).named_children())


def test_its_layers_and_parameters_have_names_that_torch_users_know():
    ordinary = as_torch(make_network(replace(CNN, channels=(3,), hidden=(), activation="prelu")), 1)
    assert [f"{name}: {type(layer).__name__}" for name, layer in ordinary.named_children()] == [
        *("conv0: Conv2d", "norm0: BatchNorm2d", "activation0: PReLU", "pool0: MaxPool2d"),
        *("to_nodes: Flatten", "linear0: Linear"),
    ]
    assert {name: tuple(values.shape) for name, values in ordinary.state_dict().items()} == {
        "conv0.weight": (3, 1, 3, 3),
        **{f"norm0.{name}": (3,) for name in ("weight", "bias", "running_mean", "running_var")},
        "norm0.num_batches_tracked": (),
        "activation0.weight": (1,),
        "linear0.weight": (4, 48),
        "linear0.bias": (4,),
    }


def test_the_stack_and_torchs_generator_are_left_as_they_were():
    network = make_network(MLP)
    generator_state = torch.get_rng_state()
    ordinary = as_torch(network, 0)
    assert torch.equal(torch.get_rng_state(), generator_state)
    weight = network.affine_layers[0].weight.clone()
    with torch.no_grad():
        ordinary.get_parameter("linear0.weight").zero_()
    assert torch.equal(network.affine_layers[0].weight, weight)
