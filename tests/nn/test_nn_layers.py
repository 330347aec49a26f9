"""Each stacked layer equals torch.nn's layer, replica by replica: forward, gradients and buffers."""

import math

import pytest
import torch
from torch import nn

from bnreg.nn.activations import ACTIVATIONS
from bnreg.nn.batch_norm import StackedBatchNorm
from bnreg.nn.dropout import StackedDropout
from bnreg.nn.linear import StackedLinear
from bnreg.nn.network import StackedActivation

pytestmark = pytest.mark.usefixtures("float64_on_device")

REPLICAS, BATCH, INPUTS, OUTPUTS = 6, 7, 5, 3

TORCH_ACTIVATIONS = {
    "identity": nn.Identity,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "prelu": nn.PReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


def assert_equal(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("num_inputs_rows", [1, 2, 3, 6])
def test_a_stacked_linear_layer_equals_torchs_for_every_replica(num_inputs_rows):
    """Replica r reads input r mod F; a shared input collects the gradients of all replicas that share it."""
    stacked = StackedLinear(REPLICAS, INPUTS, OUTPUTS)
    nn.init.normal_(stacked.weight)
    nn.init.normal_(stacked.bias)
    x = torch.randn(num_inputs_rows, BATCH, INPUTS, requires_grad=True)
    z = stacked(x)
    direction = torch.randn_like(z)
    (z * direction).sum().backward()

    grad_x = torch.zeros_like(x)
    for r in range(REPLICAS):
        single = nn.Linear(INPUTS, OUTPUTS)
        with torch.no_grad():
            single.weight.copy_(stacked.weight[r])
            single.bias.copy_(stacked.bias[r, 0])
        x_r = x[r % num_inputs_rows].detach().requires_grad_()
        z_r = single(x_r)
        (z_r * direction[r]).sum().backward()
        assert_equal(z[r], z_r)
        assert_equal(stacked.weight.grad[r], single.weight.grad)
        assert_equal(stacked.bias.grad[r, 0], single.bias.grad)
        grad_x[r % num_inputs_rows] += x_r.grad
    assert_equal(x.grad, grad_x)


@pytest.mark.parametrize("name", sorted(name for name, activation in ACTIVATIONS.items() if activation.trainable))
def test_every_activation_equals_torchs(name):
    """Value and derivative, also far from zero and at the kink; a table entry without an oracle fails here."""
    z = torch.cat([torch.linspace(-30, 30, 121), torch.randn(100)]).repeat(2, 1, 1).requires_grad_()
    ours = StackedActivation(2, name)
    theirs = TORCH_ACTIVATIONS[name]()
    y = ours(z)
    y.sum().backward()
    z_r = z[0].detach().requires_grad_()
    y_r = theirs(z_r)
    y_r.sum().backward()
    torch.testing.assert_close(y[1], y_r, rtol=1e-9, atol=1e-8)  # torch's softplus is linear beyond 20
    torch.testing.assert_close(z.grad[1], z_r.grad, rtol=1e-9, atol=1e-8)


def test_the_step_function_is_one_only_for_positive_z():
    z = torch.tensor([-2.0, -1e-300, 0.0, 1e-300, 2.0])
    assert ACTIVATIONS["step"].function(z).tolist() == [0, 0, 0, 1, 1]


def test_prelu_learns_one_slope_for_each_replica():
    ours, theirs = StackedActivation(REPLICAS, "prelu"), nn.PReLU()
    z = torch.randn(REPLICAS, BATCH, INPUTS)
    ours(z).pow(2).sum().backward()
    for r in range(REPLICAS):
        theirs.zero_grad()
        theirs(z[r]).pow(2).sum().backward()
        assert_equal(ours.slope.grad[r].view(1), theirs.weight.grad)


def test_batch_norm_equals_torchs_forward_backward_and_buffers():
    """Over several batches in training, then in evaluation, in float64 to 1e-12."""
    stacked = StackedBatchNorm(REPLICAS, INPUTS)
    nn.init.normal_(stacked.gamma)
    nn.init.normal_(stacked.beta)
    singles = [nn.BatchNorm1d(INPUTS) for _ in range(REPLICAS)]
    with torch.no_grad():
        for r, single in enumerate(singles):
            single.weight.copy_(stacked.gamma[r, 0])
            single.bias.copy_(stacked.beta[r, 0])
    for mode in (True, True, True, False):
        stacked.train(mode)
        z = (3 * torch.randn(REPLICAS, BATCH, INPUTS) + 5).requires_grad_()
        stacked.zero_grad()
        y = stacked(z)
        direction = torch.randn_like(y)
        (y * direction).sum().backward()
        for r, single in enumerate(singles):
            single.train(mode)
            single.zero_grad()
            z_r = z[r].detach().requires_grad_()
            y_r = single(z_r)
            (y_r * direction[r]).sum().backward()
            assert_equal(y[r], y_r)
            assert_equal(z.grad[r], z_r.grad)
            assert_equal(stacked.gamma.grad[r, 0], single.weight.grad)
            assert_equal(stacked.beta.grad[r, 0], single.bias.grad)
            assert_equal(stacked.running_mean[r, 0], single.running_mean)
            assert_equal(stacked.running_variance[r, 0], single.running_var)


def test_batch_norm_refuses_to_train_on_one_example():
    with pytest.raises(ValueError, match="a batch of two or more"):
        StackedBatchNorm(REPLICAS, INPUTS)(torch.randn(REPLICAS, 1, INPUTS))


def test_dropout_keeps_the_mean_at_each_replicas_own_rate(device):
    """A kept value is scaled by 1/(1 − rate), a rate of 0 changes nothing, and evaluation drops nothing."""
    rates = [0.0, 0.2, 0.8]
    dropout = StackedDropout(rates, [torch.Generator(device).manual_seed(r) for r in range(3)])
    y = torch.ones(3, 100, 400)
    dropped = dropout(y)
    assert torch.equal(dropped[0], y[0])
    for r, rate in enumerate(rates):
        values = set(dropped[r].unique().tolist())
        assert all(value == 0 or math.isclose(value, 1 / (1 - rate), rel_tol=1e-6) for value in values)
        share = (dropped[r] == 0).double().mean().item()
        assert abs(share - rate) <= 6 * math.sqrt(rate * (1 - rate) / y[r].numel())
    dropout.eval()
    assert torch.equal(dropout(y), y)


def test_a_replicas_dropout_masks_do_not_depend_on_its_neighbours(device):
    y = torch.ones(3, 10, 20)
    together = StackedDropout([0.5] * 3, [torch.Generator(device).manual_seed(r) for r in range(3)])(y)
    alone = StackedDropout([0.5], [torch.Generator(device).manual_seed(1)])(y[:1])
    assert torch.equal(together[1], alone[0])
