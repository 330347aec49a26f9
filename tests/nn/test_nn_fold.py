"""Folding changes no logit, and is refused if it would."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from bnreg.nn.architecture import Architecture
from bnreg.nn.dropout import StackedDropout
from bnreg.nn.fold import fold
from bnreg.nn.network import StackedNetwork

pytestmark = pytest.mark.usefixtures("float64_on_device")

REPLICAS = 3
MLP = Architecture(image_shape=(8, 7), num_classes=4, hidden=(6, 5), norm="batch")
CNN = replace(MLP, channels=(3, 4), hidden=(5,))

ARCHITECTURES = {
    "one hidden layer": replace(MLP, hidden=(6,)),
    "deep, a large ε": replace(MLP, hidden=(6, 5, 4, 3), norm_epsilon=0.1),
    "dropout before the norm": replace(MLP, dropout_placement="before_norm"),
    "learnt slopes": replace(MLP, activation="prelu"),
    "cnn": CNN,
    "cnn with stride": replace(CNN, stride=2, pool=1),
    "cnn with wide kernels, learnt slopes": replace(CNN, kernel=5, activation="prelu"),
    "cnn without hidden layers": replace(CNN, channels=(3,), hidden=()),
}


@torch.no_grad()
def make_network(architecture, dropout_rates=(), generators=()):
    """A stack that looks trained; some γ are negative, and two replicas have almost no variance."""
    network = StackedNetwork(architecture, REPLICAS, dropout_rates=dropout_rates, generators=generators).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter)
    for _, norm in network.batch_norms:
        norm.set_statistics(torch.randn_like(norm.beta), torch.rand_like(norm.beta) * 4)
        norm.running_variance[0] = 0
        norm.running_variance[1] *= 1e-12
    return network


@torch.no_grad()
def assert_same_logits(one, other):
    x = torch.rand(1, 9, 56)
    a, b = one(x), other(x)
    assert a.shape == (REPLICAS, 9, 4)
    torch.testing.assert_close(a, b, rtol=0, atol=1e-12 * max(1, float(a.abs().max())))


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES.keys())
def test_a_folded_network_has_the_same_logits_and_no_norms(architecture):
    network = make_network(architecture)
    folded = fold(network)
    assert not folded.batch_norms
    assert not folded.training
    assert folded.architecture == replace(architecture, norm="none")
    assert_same_logits(network, folded)


def test_dropout_does_not_matter():
    """Evaluation skips its layers, even one between the affine layer and the norm."""
    generators = [torch.Generator(torch.get_default_device()) for _ in range(REPLICAS)]
    network = make_network(ARCHITECTURES["dropout before the norm"], [0.5] * REPLICAS, generators)
    folded = fold(network)
    assert any(isinstance(layer, StackedDropout) for layer in network.layers)
    assert not any(isinstance(layer, StackedDropout) for layer in folded.layers)
    assert_same_logits(network, folded)


@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_each_folded_layer_equals_torchs_fusion(kind, has_bias):
    """W′ and b′ of each replica; trained layers have no bias, but a bias would be folded too."""
    network = make_network(ARCHITECTURES["one hidden layer" if kind == "linear" else "cnn"])
    affine, (_, norm) = network.affine_layers[0], network.batch_norms[0]
    width = norm.gamma.shape[-1]
    if has_bias:
        affine.bias = nn.Parameter(torch.randn(REPLICAS, 1, width))
    folded = fold(network).affine_layers[0]
    for r in range(REPLICAS):
        if kind == "linear":
            single, single_norm, fuse = nn.Linear(56, width, bias=has_bias), nn.BatchNorm1d(width), fuse_linear_bn_eval
        else:
            single, single_norm, fuse = nn.Conv2d(1, width, 3, bias=has_bias), nn.BatchNorm2d(width), fuse_conv_bn_eval
        with torch.no_grad():
            single.weight.copy_(affine.weight[r])
            if has_bias:
                single.bias.copy_(affine.bias[r, 0])
            single_norm.weight.copy_(norm.gamma[r, 0])
            single_norm.bias.copy_(norm.beta[r, 0])
            single_norm.running_mean.copy_(norm.running_mean[r, 0])
            single_norm.running_var.copy_(norm.running_variance[r, 0])
        expected = fuse(single.eval(), single_norm.eval())
        torch.testing.assert_close(folded.weight[r], expected.weight, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(folded.bias[r, 0], expected.bias, rtol=1e-12, atol=1e-12)


def test_float32_weights_are_folded_in_float64_and_rounded_once():
    network = make_network(CNN).float()
    folded = fold(network)
    exact = fold(network.double()).float()
    for name, values in folded.state_dict().items():
        assert values.dtype == torch.float32
        assert torch.equal(values, exact.state_dict()[name]), name


def test_folding_does_not_change_the_original_network():
    network = make_network(MLP)
    before = {name: values.clone() for name, values in network.state_dict().items()}
    folded = fold(network)
    with torch.no_grad():
        for parameter in folded.parameters():
            parameter.zero_()
    for name, values in network.state_dict().items():
        assert torch.equal(values, before[name]), name


@pytest.mark.parametrize(
    ("architecture", "reason"),
    [
        (replace(MLP, norm="none"), "nothing to fold"),
        (replace(MLP, hidden=()), "nothing to fold"),
        (replace(MLP, norm_placement="post_activation"), "the activation is between"),
        (replace(MLP, norm_placement="input"), "each norm is before its affine layer"),
        (replace(CNN, norm_placement="input"), "the zeros around the maps are not normalised"),
    ],
    ids=["no norm", "no hidden layer", "post_activation", "input", "input of a cnn"],
)
def test_what_cannot_be_folded_is_refused_with_the_reason(architecture, reason):
    network = make_network(architecture)
    with pytest.raises(ValueError, match=reason):
        fold(network)


def test_nothing_is_left_to_fold_in_a_folded_network():
    folded = fold(make_network(MLP))
    with pytest.raises(ValueError, match="nothing to fold"):
        fold(folded)
