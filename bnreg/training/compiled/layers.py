"""The layers, forward and backward, on a batch in panels; to be read beside ``nn``.

A matrix of ``rows`` examples is given by the address of its first panel. Its other panels follow, ``rows`` rows each.
"""

from typing import Any

import numba

from bnreg.training.compiled.activations import activation, derivative, derivative_by_slope
from bnreg.training.compiled.parts import compiled
from bnreg.training.compiled.products import PANEL, ROW_BYTES, multiply, multiply_sparse
from bnreg.training.compiled.random_bits import first_uniform, second_uniform
from bnreg.training.compiled.vectors import (
    BYTES,
    below,
    fma,
    full,
    load,
    sqrt,
    store,
    store_number,
    total,
    where,
)

float32 = numba.float32


@compiled
def place_of(column: int, rows: int) -> int:
    """The place of a column's first row; columns, as places, are counted in bytes."""
    return column // ROW_BYTES * rows * ROW_BYTES + column % ROW_BYTES


@compiled
def affine(x: int, rows: int, inputs: int, outputs: int, weight: int, bias: int, z: int, lists: int) -> None:
    """Z = W x + b.

    Args:
        x: Address of x.
        rows: Number of examples.
        inputs: Number of columns of x.
        outputs: Number of columns of Z.
        weight: Address of Wᵀ.
        bias: Address of b, or of zeros.
        z: Address of Z.
        lists: Address of the lists of x's columns, see ``sparsity``; 0 if all of them are taken.
    """
    for panel in range((outputs + PANEL - 1) // PANEL):
        w = weight + panel * inputs * ROW_BYTES
        width = min(PANEL, outputs - PANEL * panel)
        start, result = bias + panel * ROW_BYTES, z + panel * rows * ROW_BYTES
        if lists:
            multiply_sparse(x, rows, lists, w, inputs, width, start, result)
        else:
            multiply(x, rows, w, inputs, width, start, result)


@compiled
def are_finite(weight: int, inputs: int, outputs: int) -> Any:
    """Whether no number of W is infinite or NaN."""
    zero, sums = full(float32(0)), full(float32(0))
    for place in range(0, (outputs + PANEL - 1) // PANEL * inputs * ROW_BYTES, BYTES):
        sums = fma(load(weight + place), zero, sums)
    return total(sums) == 0


@compiled
def sum_rows(g: int, rows: int, width: int, sums: int) -> None:
    """∂L/∂b = Σ g over the examples."""
    for column in range(0, 4 * width, BYTES):
        place = place_of(column, rows)
        added = full(float32(0))
        for row in range(rows):
            added = added + load(g + place + row * ROW_BYTES)
        store(sums + column, added)


@compiled
def normalise(
    z: int, rows: int, width: int, gamma: int, beta: int, running: int, op: Any, statistics: int, y: int
) -> None:
    """Batch normalisation with the statistics of the batch; the running statistics follow.

    ::

        μ  = 1/m Σ z
        σ² = 1/m Σ (z − μ)²
        y  = γ (z − μ) / √(σ² + ε) + β

    μ and 1/√(σ² + ε) are kept at ``statistics`` for the way back.
    """
    m = float32(rows)
    epsilon, momentum = float32(op.epsilon), float32(op.momentum)
    size = (width + PANEL - 1) // PANEL * ROW_BYTES
    for column in range(0, 4 * width, BYTES):
        place = place_of(column, rows)
        added = full(float32(0))
        for row in range(rows):
            added = added + load(z + place + row * ROW_BYTES)
        mean = added / m
        squares = full(float32(0))
        for row in range(rows):
            centred = load(z + place + row * ROW_BYTES) - mean
            squares = fma(centred, centred, squares)
        inverse_std = float32(1) / sqrt(squares / m + epsilon)
        store(statistics + column, mean)
        store(statistics + size + column, inverse_std)
        scale, shift = load(gamma + column) * inverse_std, load(beta + column)
        for row in range(rows):
            centred = load(z + place + row * ROW_BYTES) - mean
            store(y + place + row * ROW_BYTES, fma(scale, centred, shift))
        before = load(running + column)
        store(running + column, before + momentum * (mean - before))
        before = load(running + size + column)
        store(running + size + column, before + momentum * (squares / (m - float32(1)) - before))


@compiled
def normalise_backward(
    z: int, rows: int, width: int, gamma: int, statistics: int, g: int, grad_gamma: int, grad_beta: int
) -> None:
    """The gradients of batch normalisation; g = ∂L/∂y becomes ∂L/∂z.

    ::

        ∂L/∂β = Σ g
        ∂L/∂γ = Σ g ẑ
        ∂L/∂z = γ/√(σ² + ε) · (g − 1/m ∂L/∂β − 1/m ẑ ∂L/∂γ)
    """
    m = float32(rows)
    size = (width + PANEL - 1) // PANEL * ROW_BYTES
    for column in range(0, 4 * width, BYTES):
        place = place_of(column, rows)
        mean, inverse_std = load(statistics + column), load(statistics + size + column)
        by_beta, by_gamma = full(float32(0)), full(float32(0))
        for row in range(rows):
            here = g + place + row * ROW_BYTES
            normalised = (load(z + place + row * ROW_BYTES) - mean) * inverse_std
            by_beta = by_beta + load(here)
            by_gamma = fma(load(here), normalised, by_gamma)
        store(grad_beta + column, by_beta)
        store(grad_gamma + column, by_gamma)
        scale = load(gamma + column) * inverse_std
        by_beta, by_gamma = by_beta / m, by_gamma / m
        for row in range(rows):
            here = g + place + row * ROW_BYTES
            normalised = (load(z + place + row * ROW_BYTES) - mean) * inverse_std
            store(here, scale * (load(here) - by_beta - normalised * by_gamma))


@compiled
def normalise_by_running(z: int, rows: int, width: int, gamma: int, beta: int, running: int, op: Any, y: int) -> None:
    """The same in evaluation: μ and σ² are the running statistics."""
    epsilon = float32(op.epsilon)
    size = (width + PANEL - 1) // PANEL * ROW_BYTES
    for column in range(0, 4 * width, BYTES):
        place = place_of(column, rows)
        mean, shift = load(running + column), load(beta + column)
        scale = load(gamma + column) * (float32(1) / sqrt(load(running + size + column) + epsilon))
        for row in range(rows):
            store(y + place + row * ROW_BYTES, fma(scale, load(z + place + row * ROW_BYTES) - mean, shift))


@compiled
def activate(z: int, rows: int, width: int, number: int, slope: float, y: int) -> None:
    """Y = τ(z)."""
    for column in range(0, 4 * width, BYTES):
        for place in range(place_of(column, rows), place_of(column, rows) + rows * ROW_BYTES, ROW_BYTES):
            store(y + place, activation(number, load(z + place), full(float32(slope))))


@compiled
def activate_backward(z: int, rows: int, width: int, number: int, slope: float, g: int) -> None:
    """∂L/∂z = ∂L/∂y τ′(z); g = ∂L/∂y becomes ∂L/∂z."""
    for column in range(0, 4 * width, BYTES):
        for place in range(place_of(column, rows), place_of(column, rows) + rows * ROW_BYTES, ROW_BYTES):
            store(g + place, load(g + place) * derivative(number, load(z + place), full(float32(slope))))


@compiled
def by_slope(z: int, rows: int, width: int, number: int, slope: float, g: int, grad_slope: int) -> None:
    """∂L/∂slope = Σ g ∂τ/∂slope over all nodes and examples."""
    added = full(float32(0))
    for column in range(0, 4 * width, BYTES):
        for place in range(place_of(column, rows), place_of(column, rows) + rows * ROW_BYTES, ROW_BYTES):
            added = fma(load(g + place), derivative_by_slope(number, load(z + place), full(float32(slope))), added)
    store_number(grad_slope, total(added))


@compiled
def copy(x: int, rows: int, width: int, y: int) -> None:
    """What dropout does in evaluation: y = x."""
    for place in range(0, (width + PANEL - 1) // PANEL * rows * ROW_BYTES, BYTES):
        store(y + place, load(x + place))


@compiled
def drop(x: int, rows: int, width: int, op: Any, step: int, y: int) -> None:
    """Inverted dropout: each value is zeroed with the layer's rate, and the rest are scaled by 1 / (1 − rate).

    The same step draws the same numbers, so this function also leads a gradient back.
    """
    rate, scale = full(float32(op.rate)), full(float32(1 / (1 - op.rate)))
    zero = full(float32(0))
    for row in range((width + PANEL - 1) // PANEL * rows):
        first, second = first_uniform(op.key, 16 * row, step), second_uniform(op.key, 16 * row, step)
        place = row * ROW_BYTES
        store(y + place, where(below(first, rate), zero, load(x + place) * scale))
        store(y + place + BYTES, where(below(second, rate), zero, load(x + place + BYTES) * scale))
