"""Initial weights: each scheme's spread, its biases, and a separate stream for every seed, layer and purpose."""

import math

import numpy as np
import pytest
from support.cells import make_cell
from support.stacks import make_engine, shard_of

from bnreg.config.schema import Init
from bnreg.nn.init import INITS, draw_bias, draw_weight
from bnreg.training.engines import ENGINES

FAN_OUT, FAN_IN = 300, 500
STANDARD_DEVIATIONS = {
    "torch": 1 / math.sqrt(3 * FAN_IN),
    "he_normal": math.sqrt(2 / FAN_IN),
    "he_uniform": math.sqrt(2 / FAN_IN),
    "xavier_normal": math.sqrt(2 / (FAN_IN + FAN_OUT)),
    "xavier_uniform": math.sqrt(2 / (FAN_IN + FAN_OUT)),
    "lecun_normal": math.sqrt(1 / FAN_IN),
    "lecun_uniform": math.sqrt(1 / FAN_IN),
    "normal": 1.0,
    "orthogonal": math.sqrt(1 / FAN_IN),  # 300 rows of unit length
}


@pytest.mark.parametrize("scheme", INITS)
def test_every_scheme_has_its_known_spread(scheme):
    """Uniform schemes also keep their bound; a scheme without a known spread fails here."""
    weight = draw_weight(scheme, 1.0, 0, "linear.0", (FAN_OUT, FAN_IN))
    expected = STANDARD_DEVIATIONS[scheme]
    assert weight.shape == (FAN_OUT, FAN_IN)
    assert weight.std() == pytest.approx(expected, rel=0.01)
    assert abs(weight.mean()) < 0.02 * expected
    if scheme == "torch" or "uniform" in scheme:
        assert 0.999 < np.abs(weight).max() / (math.sqrt(3) * expected) <= 1
    else:
        assert np.abs(weight).max() > 3 * expected
    assert np.array_equal(draw_weight(scheme, 2.5, 0, "linear.0", (FAN_OUT, FAN_IN)), 2.5 * weight)


def test_the_standard_deviation_of_a_normal_scheme_is_written_as_such_and_the_gain_multiplies_it():
    init = Init(scheme="normal", std=0.05, gain=2.0)
    weight = draw_weight(init.scheme, init.scale, 0, "linear.0", (FAN_OUT, FAN_IN))
    assert weight.std() == pytest.approx(0.1, rel=0.01)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_draws_with_the_standard_deviation(engine, tiny):
    def first_weight(**init):
        cell = make_cell(model={"init": {"scheme": "normal", **init}})
        return make_engine(engine, shard_of([cell], (0,)), tiny)._program.stacks[0].state_of(0)["linear0.weight"]

    assert np.allclose(first_weight(std=0.05), 0.05 * first_weight())


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)])
def test_orthogonal_weights_are_orthogonal_and_of_either_sign(shape):
    corners = []
    for seed in range(20):
        weight = draw_weight("orthogonal", 1.0, seed, "linear.0", shape)
        rows = weight if shape[0] <= shape[1] else weight.T
        np.testing.assert_allclose(rows @ rows.T, np.eye(min(shape)), atol=1e-12)
        corners.append(weight[0, 0])
    assert min(corners) < 0 < max(corners)


@pytest.mark.parametrize("scheme", INITS)
def test_biases_are_uniform_as_in_torch_or_zero(scheme):
    bias = draw_bias(scheme, 0, "linear.0", (3000, FAN_IN))
    bound = FAN_IN**-0.5
    if scheme == "torch":
        assert 0.99 < np.abs(bias).max() / bound <= 1
        assert bias.std() == pytest.approx(bound / math.sqrt(3), rel=0.05)
    else:
        assert not bias.any()


def test_no_two_seeds_layers_or_purposes_share_their_numbers():
    draws = [draw_weight("torch", 1.0, seed, layer, (8, 8))[0] for seed in (0, 1) for layer in ("linear.0", "linear.1")]
    draws += [draw_bias("torch", seed, layer, (8, 8)) for seed in (0, 1) for layer in ("linear.0", "linear.1")]
    assert len({tuple(numbers) for numbers in draws}) == 8
