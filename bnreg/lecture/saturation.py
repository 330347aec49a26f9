"""Where an activation function saturates: where its derivative is so small that hardly any gradient passes.

A function saturates towards a side when its derivative tends to zero there: at z = ±30 it is below a millionth of the
largest |τ′|. It counts as saturated from the point on beyond which |τ′| stays below 5 % of the largest |τ′|.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from bnreg.nn.activations import Activation

Array = NDArray[np.float64]
Region = tuple[float, float]

FAR = 30.0
VANISHING = 1e-6
SMALL = 0.05

# Holds 0, where several functions have their kink or their largest slope, and is fine enough that no derivative rises
# and falls between two of its points.
GRID = np.linspace(-FAR, FAR, 60 * 256 + 1)

# A step of the grid halved so often is below the resolution of float64.
NUM_HALVINGS = 50


class Saturation(NamedTuple):
    """How steep an activation function is at most, and where it is nearly flat.

    Attributes:
        largest_slope: The largest |τ′| on [-30, 30].
        regions: Open intervals of z in rising order; where one has no end, it ends at ±infinity.
    """

    largest_slope: float
    regions: tuple[Region, ...]


def values_and_slopes(activation: Activation, z: Array) -> tuple[Array, Array]:
    """The function and its derivative, in float64; a slope that is learnt has its initial value.

    Args:
        activation: τ, an entry of ``ACTIVATIONS``.
        z: Pre-activations, of any shape.

    Returns:
        τ(z) and τ′(z), both of the shape of z. Where τ jumps or has a kink, τ′ is what autograd makes of it; the
        derivative of a function that autograd cannot differentiate is zero, being piecewise constant.
    """
    inputs = torch.tensor(z, dtype=torch.float64, requires_grad=True)
    slope = () if activation.learnt_slope is None else (inputs.new_tensor(activation.learnt_slope),)
    values = activation.function(inputs, *slope)
    if not values.requires_grad:
        return values.numpy(), np.zeros_like(z)
    (slopes,) = torch.autograd.grad(values.sum(), inputs)
    return values.detach().numpy(), slopes.numpy()


def saturation(activation: Activation) -> Saturation:
    """The largest slope and the regions of saturation, as the module defines them.

    Args:
        activation: τ, an entry of ``ACTIVATIONS``.

    References:
        Glorot & Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010
    """
    slopes = np.abs(values_and_slopes(activation, GRID)[1])
    largest = float(slopes.max())
    if largest == 0:
        return Saturation(largest, ((-math.inf, math.inf),))
    steep = np.flatnonzero(slopes >= SMALL * largest)
    regions: list[Region] = []
    if slopes[0] < VANISHING * largest:
        regions.append((-math.inf, _edge(activation, SMALL * largest, GRID[steep[0] - 1], GRID[steep[0]])))
    if slopes[-1] < VANISHING * largest:
        regions.append((_edge(activation, SMALL * largest, GRID[steep[-1] + 1], GRID[steep[-1]]), math.inf))
    return Saturation(largest, tuple(regions))


def _edge(activation: Activation, threshold: float, flat: float, steep: float) -> float:
    """The point between a flat and a steep one where |τ′| crosses the threshold, found by halving; itself flat."""
    for _ in range(NUM_HALVINGS):
        middle = (flat + steep) / 2
        slope = values_and_slopes(activation, np.array(middle))[1]
        flat, steep = (flat, middle) if abs(slope) >= threshold else (middle, steep)
    return float(flat)
