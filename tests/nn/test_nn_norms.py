"""The norms beside batch norm: against torch.nn's layers, and noise with the distribution of the paper."""

import math

import pytest
import torch
from torch import nn

from bnreg.nn.batch_norm import StackedBatchNorm
from bnreg.nn.group_norm import StackedGroupNorm
from bnreg.nn.noisy_batch_norm import LARGEST_SCALE, MEAN_RANGE, MEAN_SPREAD, SCALE_SPREAD, StackedNoisyBatchNorm
from bnreg.nn.norms import NormSize

pytestmark = pytest.mark.usefixtures("float64_on_device")

REPLICAS, BATCH, WIDTH = 3, 5, 6


def assert_equal(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("num_groups", "num_places", "single"),
    [
        (1, 1, nn.LayerNorm(WIDTH, 1e-3)),
        (2, 1, nn.GroupNorm(2, WIDTH, 1e-3)),
        (6, 1, nn.GroupNorm(6, WIDTH, 1e-3)),
        (1, 8, nn.GroupNorm(1, WIDTH, 1e-3)),
        (3, 8, nn.GroupNorm(3, WIDTH, 1e-3)),
    ],
)
def test_layer_and_group_norm_equal_torchs_forward_and_backward_in_both_modes(num_groups, num_places, single, device):
    """For nodes, and for maps of 2 × 4 places."""
    stacked = StackedGroupNorm(REPLICAS, NormSize(WIDTH, num_places), num_groups=num_groups, epsilon=1e-3)
    single = single.to(device, torch.float64)
    nn.init.normal_(stacked.gamma)
    nn.init.normal_(stacked.beta)
    for mode in (True, False):
        stacked.train(mode)
        stacked.zero_grad()
        z = (3 * torch.randn(REPLICAS, BATCH * num_places, WIDTH) + 5).requires_grad_()
        y = stacked(z)
        direction = torch.randn_like(y)
        (y * direction).sum().backward()

        def as_torch(values):
            return values.unflatten(0, (BATCH, 2, 4)).permute(0, 3, 1, 2) if num_places > 1 else values

        for r in range(REPLICAS):
            single.zero_grad()
            with torch.no_grad():
                single.weight.copy_(stacked.gamma[r, 0])
                single.bias.copy_(stacked.beta[r, 0])
            z_r = z[r].detach().requires_grad_()
            y_r = single(as_torch(z_r))
            (y_r * as_torch(direction[r])).sum().backward()
            assert_equal(as_torch(y[r]), y_r)
            assert_equal(z.grad[r], z_r.grad)
            assert_equal(stacked.gamma.grad[r, 0], single.weight.grad)
            assert_equal(stacked.beta.grad[r, 0], single.bias.grad)


def test_groups_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match="6 nodes or maps cannot be cut into 4 groups"):
        StackedGroupNorm(REPLICAS, NormSize(WIDTH, 1), num_groups=4)


def noisy(num_replicas, size, device):
    generators = [torch.Generator(device).manual_seed(r) for r in range(num_replicas)]
    return StackedNoisyBatchNorm(num_replicas, size, generators=generators)


def test_noisy_batch_norm_is_batch_norm_in_evaluation_and_in_its_statistics(device):
    ours, theirs = noisy(REPLICAS, NormSize(WIDTH, 1), device), StackedBatchNorm(REPLICAS, WIDTH)
    for _ in range(3):
        z = torch.randn(REPLICAS, BATCH, WIDTH)
        assert not torch.allclose(ours(z), theirs(z))
    for name, values in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], values), name
    assert torch.equal(ours.eval()(z), theirs.eval()(z))


def test_the_noise_of_a_step_has_a_mean_and_a_scale_of_its_own_and_spreads_around_them(device):
    """Fitted to one step: y = s ŷ + m, where s and m of 4,000 examples have the paper's moments."""
    num_steps, num_examples = 300, 4000
    layer = noisy(1, NormSize(1, 1), device)
    means, scales = [], []
    for step in range(num_steps):
        scale, shift = layer._noise(torch.empty(1, num_examples if step == 0 else 50, 1), layer.generators[0])
        if step == 0:
            assert shift.std().item() == pytest.approx(MEAN_SPREAD / math.sqrt(3), rel=0.1)
            assert (shift - shift.mean()).abs().max().item() <= 1.1 * MEAN_SPREAD
            assert scale.std().item() == pytest.approx(SCALE_SPREAD, rel=0.1)
        means.append(shift.mean().item())
        scales.append(scale.mean().item())
    means, scales = torch.tensor(means), torch.tensor(scales)
    assert means.std().item() == pytest.approx(MEAN_RANGE / math.sqrt(3), rel=0.15)
    assert scales.mean().item() == pytest.approx((1 + LARGEST_SCALE) / 2, rel=0.02)
    assert scales.std().item() == pytest.approx((LARGEST_SCALE - 1) / math.sqrt(12), rel=0.15)


def test_noise_is_added_to_the_normalised_values_alike_at_all_places_of_an_image(device):
    z = torch.randn(2, 3 * 4, WIDTH)
    y = noisy(2, NormSize(WIDTH, 4), device)(z)
    clean = StackedBatchNorm(2, WIDTH)(z)
    scale, shift = noisy(2, NormSize(WIDTH, 4), device)._noise(z, torch.Generator(device).manual_seed(1))
    assert_equal(y[1], clean[1] * scale.repeat_interleave(4, 0) + shift.repeat_interleave(4, 0))


def test_a_replicas_noise_does_not_depend_on_its_neighbours(device):
    z = torch.randn(3, BATCH, WIDTH)
    together = noisy(3, NormSize(WIDTH, 1), device)(z)
    assert_equal(together[0], noisy(1, NormSize(WIDTH, 1), device)(z[:1])[0])


def test_a_single_example_cannot_be_normalised(device):
    with pytest.raises(ValueError, match="a batch of two or more"):
        noisy(1, NormSize(WIDTH, 1), device)(torch.randn(1, 1, WIDTH))
