"""The activation functions with their derivatives, ready to draw."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bnreg.lecture.saturation import Array, Region, saturation, values_and_slopes
from bnreg.nn.activations import ACTIVATIONS

WIDEST = 6.0  # the functions are drawn this far on both sides of 0
NUM_POINTS = 241


class ActivationView(NamedTuple):
    """One activation function, ready for a drawing and a table.

    Attributes:
        name: Its key in ``ACTIVATIONS``.
        z: Where it is drawn, ascending, shape (points,).
        values: τ(z), shape (points,).
        slopes: τ′(z), shape (points,).
        largest_slope: The largest |τ′| anywhere.
        regions: Where it saturates: open intervals of z, with ±infinity for an unbounded end.
        trainable: Whether a network can be trained with it.
        learnt_slope: Initial value of its slope, if that is learnt.
    """

    name: str
    z: Array
    values: Array
    slopes: Array
    largest_slope: float
    regions: Sequence[Region]
    trainable: bool = True
    learnt_slope: float | None = None


def activation_views() -> list[ActivationView]:
    """A view of each of the ``ACTIVATIONS``."""
    z = np.linspace(-WIDEST, WIDEST, NUM_POINTS)
    return [
        ActivationView(
            name,
            z,
            *values_and_slopes(activation, z),
            *saturation(activation),
            trainable=activation.trainable,
            learnt_slope=activation.learnt_slope,
        )
        for name, activation in ACTIVATIONS.items()
    ]
