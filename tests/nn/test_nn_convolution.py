"""M10: a convolution, its norm and its pooling equal torch's, replica by replica; the unit is the feature map."""

import pytest
import torch
from torch import nn

from bnreg.nn.batch_norm import StackedBatchNorm
from bnreg.nn.convolution import MapsToNodes, StackedConvolution, StackedMaxPool, as_images, as_values

pytestmark = pytest.mark.usefixtures("float64_on_device")

REPLICAS, BATCH, MAPS = 6, 5, (3, 7, 6)


def assert_equal(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def images_of(values, maps):
    """The images of one row of values, of shape (batch, maps, height, width), computed without the code under test."""
    num_maps, height, width = maps
    return values.reshape(-1, height, width, num_maps).permute(0, 3, 1, 2)


def random_values(rows, maps=MAPS):
    return torch.randn(rows, BATCH * maps[1] * maps[2], maps[0])


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (1, 1), (5, 2)])
@pytest.mark.parametrize("num_input_rows", [1, 2, 6])
def test_a_stacked_convolution_equals_torchs_for_every_replica(num_input_rows, kernel, stride, bias):
    """Forward and gradients; replica r reads input r mod F."""
    stacked = StackedConvolution(REPLICAS, MAPS, 4, kernel=kernel, stride=stride, bias=bias)
    for parameter in stacked.parameters():
        nn.init.normal_(parameter)
    x = random_values(num_input_rows).requires_grad_()
    z = stacked(x)
    direction = torch.randn_like(z)
    (z * direction).sum().backward()

    grad_x = torch.zeros_like(x)
    out_maps = (4, (MAPS[1] - 1) // stride + 1, (MAPS[2] - 1) // stride + 1)
    for r in range(REPLICAS):
        single = nn.Conv2d(MAPS[0], 4, kernel, stride, kernel // 2, bias=bias)
        with torch.no_grad():
            single.weight.copy_(stacked.weight[r])
            if bias:
                single.bias.copy_(stacked.bias[r, 0])
        x_r = x[r % num_input_rows].detach().requires_grad_()
        z_r = single(images_of(x_r, MAPS))
        (z_r * images_of(direction[r], out_maps)).sum().backward()
        assert_equal(images_of(z[r], out_maps), z_r)
        assert_equal(stacked.weight.grad[r], single.weight.grad)
        if bias:
            assert_equal(stacked.bias.grad[r, 0], single.bias.grad)
        grad_x[r % num_input_rows] += x_r.grad
    assert_equal(x.grad, grad_x)


def test_the_norm_of_feature_maps_equals_torchs_batch_norm_2d():
    """Statistics over m·p·q values, one γ and β per map: forward, backward and buffers, then in evaluation."""
    num_maps = MAPS[0]
    stacked = StackedBatchNorm(REPLICAS, num_maps, epsilon=1e-3, momentum=0.3)
    nn.init.normal_(stacked.gamma)
    nn.init.normal_(stacked.beta)
    singles = [nn.BatchNorm2d(num_maps, eps=1e-3, momentum=0.3) for _ in range(REPLICAS)]
    with torch.no_grad():
        for r, single in enumerate(singles):
            single.weight.copy_(stacked.gamma[r, 0])
            single.bias.copy_(stacked.beta[r, 0])
    for mode in (True, True, False):
        stacked.train(mode)
        stacked.zero_grad()
        z = (2 * random_values(REPLICAS) + 1).requires_grad_()
        y = stacked(z)
        direction = torch.randn_like(y)
        (y * direction).sum().backward()
        for r, single in enumerate(singles):
            single.train(mode)
            single.zero_grad()
            z_r = z[r].detach().requires_grad_()
            y_r = single(images_of(z_r, MAPS))
            (y_r * images_of(direction[r], MAPS)).sum().backward()
            assert_equal(images_of(y[r], MAPS), y_r)
            assert_equal(z.grad[r], z_r.grad)
            assert_equal(stacked.gamma.grad[r, 0], single.weight.grad)
            assert_equal(stacked.beta.grad[r, 0], single.bias.grad)
            assert_equal(stacked.running_mean[r, 0], single.running_mean)
            assert_equal(stacked.running_variance[r, 0], single.running_var)


@pytest.mark.parametrize("side", [2, 3])
def test_pooling_and_the_conversion_to_nodes_are_torchs(side):
    """Max pooling drops incomplete squares at the borders, and nodes are in the order of torch's Flatten."""
    y = random_values(REPLICAS)
    pooled = StackedMaxPool(MAPS, side)(y)
    out_maps = (MAPS[0], MAPS[1] // side, MAPS[2] // side)
    nodes = MapsToNodes(out_maps)(pooled)
    for r in range(REPLICAS):
        expected = nn.MaxPool2d(side)(images_of(y[r], MAPS))
        assert_equal(images_of(pooled[r], out_maps), expected)
        assert_equal(nodes[r], expected.flatten(1))


def test_maps_pass_between_layers_without_a_copy():
    """A convolution reads the same memory that the previous one wrote, viewed as values in between."""
    values = StackedConvolution(REPLICAS, MAPS, 4, kernel=3)(random_values(REPLICAS))
    assert as_images(values, (4, *MAPS[1:])).data_ptr() == values.data_ptr()
    assert torch.equal(as_values(as_images(values, (4, *MAPS[1:])), REPLICAS), values)
    assert torch.relu(values).stride() == values.stride()
