"""Where activation functions saturate, and how steep they are: known values and the definition itself."""

import math

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from bnreg.lecture.saturation import saturation, values_and_slopes
from bnreg.nn.activations import ACTIVATIONS

INFINITY = math.inf
Z = np.linspace(-8, 8, 161) + 0.013  # none of them is a kink

# τ′(z) written out; the functions themselves are compared with torch in test_nn_layers.py.
DERIVATIVES = {
    "identity": np.ones_like,
    "step": np.zeros_like,
    "sigmoid": lambda z: expit(z) * expit(-z),
    "tanh": lambda z: 1 / np.cosh(z) ** 2,
    "softplus": expit,
    "relu": lambda z: np.where(z > 0, 1.0, 0.0),
    "leaky_relu": lambda z: np.where(z > 0, 1.0, 0.01),
    "prelu": lambda z: np.where(z > 0, 1.0, 0.25),
    "elu": lambda z: np.where(z > 0, 1.0, np.exp(np.minimum(z, 0))),
    "gelu": lambda z: norm.cdf(z) + z * norm.pdf(z),
    "silu": lambda z: expit(z) * (1 + z * expit(-z)),
}

# σ′ = σ(1 − σ) is 5 % of its largest value, 1/4, if σ solves a quadratic equation.
SIGMOID_EDGE = math.log((1 + math.sqrt(0.95)) / (1 - math.sqrt(0.95)))

REGIONS = {
    "identity": [],
    "step": [(-INFINITY, INFINITY)],
    "sigmoid": [(-INFINITY, -SIGMOID_EDGE), (SIGMOID_EDGE, INFINITY)],
    "tanh": [(-INFINITY, -math.atanh(math.sqrt(0.95))), (math.atanh(math.sqrt(0.95)), INFINITY)],
    "softplus": [(-INFINITY, math.log(0.05 / 0.95))],
    "relu": [(-INFINITY, 0.0)],
    "leaky_relu": [],
    "prelu": [],
    "elu": [(-INFINITY, math.log(0.05))],
}


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_the_derivative_is_the_analytic_one(name):
    slopes = values_and_slopes(ACTIVATIONS[name], Z)[1]
    np.testing.assert_allclose(slopes, DERIVATIVES[name](Z), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_the_derivative_is_the_limit_of_the_values_differences(name):
    step = 1e-5
    ahead, behind = (values_and_slopes(ACTIVATIONS[name], Z + shift)[0] for shift in (step, -step))
    slopes = values_and_slopes(ACTIVATIONS[name], Z)[1]
    np.testing.assert_allclose((ahead - behind) / (2 * step), slopes, atol=1e-9)


@pytest.mark.parametrize("name", list(REGIONS))
def test_the_regions_are_the_known_ones(name):
    regions = saturation(ACTIVATIONS[name]).regions
    assert np.shape(regions) == np.shape(REGIONS[name])
    np.testing.assert_allclose(regions, REGIONS[name], rtol=1e-6)


def test_a_kink_is_found_exactly():
    """Tables must show z < 0, not z < -0.00."""
    ((_, edge),) = saturation(ACTIVATIONS["relu"]).regions
    assert edge == 0
    assert math.copysign(1, edge) == 1


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_the_slope_crosses_five_per_cent_at_each_edge_and_stays_below_beyond_it(name):
    """The definition, even where no closed form is known: gelu and silu dip below zero before they flatten."""
    slope = DERIVATIVES[name]
    largest, regions = saturation(ACTIVATIONS[name])
    for low, high in regions:
        inside = np.linspace(max(low, -30), min(high, 30), 10_001)[1:-1]
        assert (np.abs(slope(inside)) <= 0.05 * largest).all()
        for edge, outward in ((low, -1), (high, 1)):
            if math.isfinite(edge):
                assert abs(slope(np.array(edge + outward * 1e-6))) > 0.05 * largest


@pytest.mark.parametrize("name", ["gelu", "silu"])
def test_functions_that_grow_on_one_side_saturate_only_on_the_other(name):
    ((low, high),) = saturation(ACTIVATIONS[name]).regions
    assert low == -INFINITY
    assert -5 < high < -2


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_no_slope_is_larger_than_the_largest(name):
    slope = np.abs(DERIVATIVES[name](np.linspace(-30, 30, 100_001)))
    assert saturation(ACTIVATIONS[name]).largest_slope == pytest.approx(slope.max(), rel=1e-5)


def test_a_learnt_slope_has_its_initial_value():
    values = values_and_slopes(ACTIVATIONS["prelu"], np.array([-4.0, 4.0]))[0]
    assert values.tolist() == [-1, 4]
