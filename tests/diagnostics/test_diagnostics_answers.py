"""Known answers: what diagnostics find in networks whose numbers are computed by hand, by numpy, or by autograd."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from bnreg.diagnostics.distributions import quantile
from bnreg.diagnostics.function import calibration
from bnreg.diagnostics.landscape import STEPS
from bnreg.diagnostics.sight import Sight
from bnreg.diagnostics.table import DIAGNOSTICS
from bnreg.nn.architecture import Architecture
from bnreg.nn.examples import Examples
from bnreg.nn.network import StackedNetwork
from bnreg.trained.ordinary import as_torch

R, N, CLASSES = 2, 12, 3
MLP = Architecture((2, 3), CLASSES, hidden=(5, 4), activation="tanh")


@pytest.fixture(autouse=True)
def _in_float64(float64):  # noqa: ARG001 # the fixture is needed for its effect
    torch.manual_seed(0)


def network_of(architecture=MLP, **changes):
    network = StackedNetwork(replace(architecture, **changes), R)
    for parameter in network.parameters():
        nn.init.normal_(parameter)
    return network


def sight_of(network, *, step=0, lr=(0.1, 0.2), before=None, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (30, 6), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, CLASSES, (1, 30), generator=generator)
    probe, test = (Examples(images, labels, torch.arange(a, b)[None]) for a, b in ((0, N), (N, 30)))
    return Sight(network, probe, test, step, torch.tensor(lr), before)


def found(name, sight):
    return {(one.layer, one.name): one.values.detach().numpy() for one in DIAGNOSTICS[name](sight)}


def inputs_of(sight):
    return sight.probe.batch(sight.probe.indices)


def test_pre_activations_have_numpys_moments_and_percentiles():
    network = network_of()
    sight = sight_of(network)
    seen = found("pre_activations", sight)
    x, _ = inputs_of(sight)
    z = network.layers[0](x).detach().numpy()
    assert seen[1, "mean"] == pytest.approx(z.mean((1, 2)))
    assert seen[1, "std"] == pytest.approx(z.std((1, 2)))
    for percent in (15, 50, 85):
        assert seen[1, f"p{percent}"] == pytest.approx(np.percentile(z, percent, axis=(1, 2)))
        assert seen[1, f"unit_p{percent}"] == pytest.approx(np.percentile(z[:, :, 0], percent, axis=1))
    assert seen[1, "unit_mean"] == pytest.approx(z[:, :, 0].mean(1))
    assert {layer for layer, _ in seen} == {1, 2}


@pytest.mark.parametrize("share", [0.0, 0.15, 0.5, 1.0])
def test_quantiles_are_numpys(share):
    values = torch.randn(3, 17).sort(1).values
    assert quantile(values, share).numpy() == pytest.approx(np.quantile(values.numpy(), share, axis=1))


def test_with_batch_norm_a_pre_activation_is_what_the_activation_reads():
    """As in Ioffe's figure: after the norm, with the statistics of the probe, so each unit has mean β and std γ."""
    network = network_of(norm="batch", norm_epsilon=1e-12)
    seen = found("pre_activations", sight_of(network))
    gamma, beta = (getattr(network.layers[1], name).detach()[:, 0, 0].numpy() for name in ("gamma", "beta"))
    assert seen[1, "unit_mean"] == pytest.approx(beta)
    assert seen[1, "unit_std"] == pytest.approx(abs(gamma))


def test_the_shift_of_an_affine_map_is_known():
    """If every unit's values become a z + b, their mean moves by (a − 1) μ + b, and their scale by the factor a."""
    network = network_of(activation="relu")
    sight = sight_of(network)
    z = sight.pre_activations[0].numpy()
    before = sight.remembered()
    with torch.no_grad():
        network.layers[0].weight *= 2
        network.layers[0].bias.mul_(2).add_(3)
    seen = found("shift", sight_of(network, step=1, before=before))
    mean, std = z.mean(1), z.std(1)
    assert seen[1, "mean_shift"] == pytest.approx((abs(mean + 3) / std).mean(1))
    assert seen[1, "scale_shift"] == pytest.approx(np.log(2))
    distance = abs(np.sort(2 * z + 3, axis=1) - np.sort(z, axis=1)).mean(1)
    assert seen[1, "distance"] == pytest.approx((distance / std).mean(1))


def test_nothing_shifts_in_a_network_that_stays_and_nothing_is_said_at_the_first_look():
    network = network_of()
    sight = sight_of(network)
    assert found("shift", sight) == {}
    seen = found("shift", sight_of(network, step=5, before=sight.remembered()))
    assert max(abs(values).max() for values in seen.values()) < 1e-12


def test_units_that_never_change_do_not_count():
    network = network_of(activation="relu")
    with torch.no_grad():
        network.layers[0].weight[:, 0] = 0
    before = sight_of(network).remembered()
    with torch.no_grad():
        network.layers[0].bias += 1
    seen = found("shift", sight_of(network, step=1, before=before))
    assert np.isfinite(seen[1, "mean_shift"]).all()
    assert seen[1, "scale_shift"] == pytest.approx(0, abs=1e-12)


def test_saturation_of_a_sigmoid_is_where_its_slope_is_below_a_twentieth_of_a_quarter():
    network = network_of(activation="sigmoid")
    with torch.no_grad():
        network.layers[0].weight *= 20
        network.layers[0].bias[0, 0, 0] = 1000.0  # a unit that is always flat
    sight = sight_of(network)
    z = sight.pre_activations[0].numpy()
    edge = np.log((1 + np.sqrt(1 - 0.05)) / (1 - np.sqrt(1 - 0.05)))  # s (1 − s) = 0.05/4
    seen = found("saturation", sight)
    assert seen[1, "saturated"] == pytest.approx((abs(z) > edge).mean((1, 2)))
    assert 0 < seen[1, "saturated"][1] < 1
    assert seen[1, "dead_units"] == pytest.approx((abs(z) > edge).all(1).mean(1))
    assert seen[1, "dead_units"][0] >= 1 / 5


def test_a_relus_unit_that_no_image_reaches_is_dead():
    network = network_of(activation="relu")
    with torch.no_grad():
        network.layers[0].bias[:] = 1000.0
        network.layers[0].bias[1, 0, :2] = -1000.0
    assert found("saturation", sight_of(network))[1, "dead_units"] == pytest.approx([0, 2 / 5])


def test_weights_their_gradients_and_changes_are_those_of_single_networks():
    network = network_of()
    sight = sight_of(network)
    before = sight.remembered()
    with torch.no_grad():
        network.layers[0].weight *= 1.5
    seen = found("weights", sight_of(network, step=4, before=before))
    x, y = inputs_of(sight)
    for r in range(R):
        single = as_torch(network, r).train()
        nn.functional.cross_entropy(single(x[0].view(N, 1, 2, 3)), y[0]).backward()
        linears = [layer for layer in single if isinstance(layer, nn.Linear)]
        for number, layer in enumerate(linears, 1):
            size = layer.weight.norm().item()
            assert seen[number, "weight_norm"][r] == pytest.approx(size)
            assert seen[number, "gradient_norm"][r] == pytest.approx(layer.weight.grad.norm().item())
            assert seen[number, "effective_lr"][r] == pytest.approx(sight.lr[r].item() / size**2)
    assert seen[1, "change"] == pytest.approx(0.5 / 4)
    assert seen[2, "change"] == pytest.approx(0)
    assert (1, "change") not in found("weights", sight)


def test_norms_show_what_they_learnt_and_how_old_their_statistics_are():
    network = network_of(norm="batch")
    sight = sight_of(network)
    x, _ = inputs_of(sight)
    z = network.layers[0](x).detach()
    norm = network.layers[1]
    mean, variance = z.mean(1, keepdim=True), z.var(1, correction=0, keepdim=True)
    norm.set_statistics(mean + 2 * variance.sqrt(), variance * 4)
    seen = found("norms", sight)
    assert seen[1, "running_mean_error"] == pytest.approx(2)
    assert seen[1, "running_variance_error"] == pytest.approx(np.log(4))
    gamma = norm.gamma.detach()[:, 0].numpy()
    assert seen[1, "gamma_mean"] == pytest.approx(gamma.mean(1))
    assert seen[1, "gamma_std"] == pytest.approx(gamma.std(1))
    assert {name for _, name in found("norms", sight_of(network_of(norm="layer")))} == {
        "gamma_mean",
        "gamma_std",
        "beta_mean",
        "beta_std",
    }
    assert found("norms", sight_of(network_of())) == {}


def single_gradients(network, r, sight):
    x, y = inputs_of(sight)
    single = as_torch(network, r).train()
    loss = nn.functional.cross_entropy(single(x[0].view(N, 1, 2, 3)), y[0])
    return single, loss.item(), torch.autograd.grad(loss, list(single.parameters()))


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_internal_covariate_shift_is_that_of_single_networks_whose_lower_layers_made_a_step(norm):
    network = network_of(norm=norm)
    sight = sight_of(network)
    seen = found("internal_covariate_shift", sight)
    assert {layer for layer, _ in seen} == {2, 3}
    for r in range(R):
        single, _, before = single_gradients(network, r, sight)
        names = [name for name, _ in single.named_parameters()]
        for layer in (2, 3):
            own = names.index(f"linear{layer - 1}.weight")
            moved, _, _ = single_gradients(network, r, sight)
            with torch.no_grad():
                for parameter, gradient in [*zip(moved.parameters(), before, strict=True)][:own]:
                    parameter -= sight.lr[r] * gradient
            x, y = inputs_of(sight)
            loss = nn.functional.cross_entropy(moved(x[0].view(N, 1, 2, 3)), y[0])
            (after,) = torch.autograd.grad(loss, [dict(moved.named_parameters())[names[own]]])
            one, other = before[own].flatten(), after.flatten()
            assert seen[layer, "ics"][r] == pytest.approx((one - other).norm().item())
            assert seen[layer, "ics_cosine"][r] == pytest.approx((one @ other / one.norm() / other.norm()).item())


def test_a_linear_classifier_has_no_layers_below():
    assert found("internal_covariate_shift", sight_of(network_of(hidden=()))) == {}


def test_smoothness_is_that_of_single_networks_along_their_gradients():
    network = network_of()
    sight = sight_of(network)
    seen = found("smoothness", sight)
    for r in range(R):
        _, _, before = single_gradients(network, r, sight)
        size = sum(gradient.square().sum() for gradient in before).sqrt().item()
        losses, distances, ratios = [], [], []
        for multiple in STEPS:
            moved, _, _ = single_gradients(network, r, sight)
            with torch.no_grad():
                for parameter, gradient in zip(moved.parameters(), before, strict=True):
                    parameter -= multiple * sight.lr[r] * gradient
            x, y = inputs_of(sight)
            loss = nn.functional.cross_entropy(moved(x[0].view(N, 1, 2, 3)), y[0])
            after = torch.autograd.grad(loss, list(moved.parameters()))
            losses.append(loss.item())
            distances.append(sum((a - b).square().sum() for a, b in zip(before, after, strict=True)).sqrt().item())
            ratios.append(distances[-1] / (multiple * sight.lr[r].item() * size))
        expected = {
            "loss_low": min(losses),
            "loss_high": max(losses),
            "gradient_low": min(distances),
            "gradient_high": max(distances),
            "beta": max(ratios),
        }
        for name, value in expected.items():
            assert seen[0, name][r] == pytest.approx(value), name


def test_the_beta_of_a_quadratic_is_its_curvature():
    """Where all classes are equally likely, the loss of a linear classifier is nearly quadratic for small steps.

    Its β is then at most ½ ‖x‖², with a pixel of 1 for the bias, whatever the step.
    """
    network = network_of(hidden=())
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    seen = found("smoothness", sight_of(network, lr=(1e-6, 1e-6)))
    larger = found("smoothness", sight_of(network, lr=(1e-5, 1e-5)))
    assert seen[0, "beta"] == pytest.approx(larger[0, "beta"], rel=1e-4)
    assert (seen[0, "beta"] < 0.5 * (6 + 1)).all()


def test_calibration_is_the_mean_gap_of_confidence_and_accuracy_by_bins():
    network = network_of()
    sight = sight_of(network)
    x, y = sight.test.batch(sight.test.indices)
    probabilities = network.eval()(x).softmax(2).detach().numpy()
    for r in range(R):
        confidence, answer = probabilities[r].max(1), probabilities[r].argmax(1)
        error = 0.0
        for low in np.arange(15) / 15:
            inside = (confidence >= low) & (confidence < low + 1 / 15)
            if inside.any():
                gap = (answer == y[0].numpy())[inside].mean() - confidence[inside].mean()
                error += inside.mean() * abs(gap)
        (one,) = calibration(sight)
        assert one.values[r].item() == pytest.approx(error)
