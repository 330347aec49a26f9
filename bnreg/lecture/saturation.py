"""The regions where an activation function saturates: its derivative is so small that hardly any gradient passes.

A function saturates towards a side when its derivative tends to zero there: at z = ±30 it is below a millionth of the
largest |τ′|. It counts as saturated beyond the point from which |τ′| stays below 5 % of the largest |τ′|.
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

# Includes 0, where several functions have their kink or their largest slope. It is fine enough that no derivative rises
# and falls between two of its points.
GRID = np.linspace(-FAR, FAR, 60 * 256 + 1)

# A grid step halved this many times is below the resolution of float64.
NUM_HALVINGS = 50


class Saturation(NamedTuple):
    """The largest slope of an activation function, and where it is nearly flat.

    Attributes:
        largest_slope: The largest |τ′| on [-30, 30].
        regions: Open intervals of z, ascending, with ±infinity for an unbounded end.
    """

    largest_slope: float
    regions: tuple[Region, ...]


def values_and_slopes(activation: Activation, z: Array) -> tuple[Array, Array]:
    """The function and its derivative, in float64; a learnt slope has its initial value.

    Args:
        activation: τ, an entry of ``ACTIVATIONS``.
        z: Pre-activations, of any shape.

    Returns:
        τ(z) and τ′(z), both in the shape of z. Where τ jumps or has a kink, τ′ is what autograd returns; a function
        that autograd cannot differentiate is piecewise constant, so its derivative is zero.
    """
    inputs = torch.tensor(z, dtype=torch.float64, requires_grad=True)
    slope = () if activation.learnt_slope is None else (inputs.new_tensor(activation.learnt_slope),)
    values = activation.function(inputs, *slope)
    if not values.requires_grad:
        return values.numpy(), np.zeros_like(z)
    (slopes,) = torch.autograd.grad(values.sum(), inputs)
    return values.detach().numpy(), slopes.numpy()


def saturation(activation: Activation) -> Saturation:
    """The largest slope and the regions of saturation, as defined in the module docstring.

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
    """The point between a flat and a steep one where |τ′| crosses the threshold, by bisection; the result is flat."""
    for _ in range(NUM_HALVINGS):
        middle = (flat + steep) / 2
        slope = values_and_slopes(activation, np.array(middle))[1]
        flat, steep = (flat, middle) if abs(slope) >= threshold else (middle, steep)
    return float(flat)
