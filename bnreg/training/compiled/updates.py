"""The optimisers: how a gradient changes a parameter, for any number of its values."""

from typing import Any

import numba
import numpy as np

from bnreg.training.compiled.parts import compiled
from bnreg.training.compiled.vectors import BYTES, equals, fma, full, load, reciprocal, root, sign_of, store, where

float32 = numba.float32

SGD, ADAM = range(2)

# What an arm's optimiser does to a parameter of one kind, in one step.
RULE = np.dtype(
    [
        ("optimizer", np.int64),
        ("lr", np.float64),  # after the schedule
        ("keep", np.float64),  # decoupled weight decay: the factor 1 − lr λ of the parameter itself
        ("ridge", np.float64),  # the factor of w in the gradient: penalties and coupled weight decay
        ("lasso", np.float64),  # the factor of sign(w)
        ("momentum", np.float64),
        ("nesterov", np.int64),
        ("beta1", np.float64),
        ("beta2", np.float64),
        ("eps", np.float64),
        ("correction1", np.float64),  # 1 − β₁ᵗ
        ("correction2", np.float64),  # √(1 − β₂ᵗ)
    ]
)


@compiled
def update(rule: Any, w: int, first: int, second: int, g: int, num_values: int) -> None:
    """Update a parameter, given the addresses of its values, of its two moments and of its gradient g."""
    if rule.ridge != 0 or rule.lasso != 0:
        _regularise(rule, w, g, num_values)
    if rule.optimizer == SGD:
        _sgd(rule, w, first, g, num_values)
    else:
        _adam(rule, w, first, second, g, num_values)


@compiled
def _regularise(rule: Any, w: int, g: int, num_values: int) -> None:
    """Add the gradient of λ (a ‖w‖₁ + (1 − a) ½‖w‖²)."""
    ridge, lasso, zero = full(float32(rule.ridge)), full(float32(rule.lasso)), full(float32(0))
    for place in range(0, 4 * num_values, BYTES):
        value = load(w + place)
        by_lasso = where(equals(value, zero), zero, sign_of(lasso, value))
        store(g + place, fma(ridge, value, load(g + place)) + by_lasso)


@compiled
def _sgd(rule: Any, w: int, velocity: int, g: int, num_values: int) -> None:
    """V ← μ v + g; w ← w − η v, or with Nesterov w ← w − η (g + μ v)."""
    lr, momentum = full(float32(rule.lr)), full(float32(rule.momentum))
    for place in range(0, 4 * num_values, BYTES):
        gradient = load(g + place)
        if rule.momentum != 0:
            moved = fma(momentum, load(velocity + place), gradient)
            store(velocity + place, moved)
            gradient = fma(momentum, moved, gradient) if rule.nesterov else moved
        store(w + place, load(w + place) - lr * gradient)


@compiled
def _adam(rule: Any, w: int, first: int, second: int, g: int, num_values: int) -> None:
    """M ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²; w ← w − η m̂ / (√v̂ + ε) (Kingma & Ba, arXiv:1412.6980)."""
    beta1, rest1 = full(float32(rule.beta1)), full(float32(1 - rule.beta1))
    beta2, rest2 = full(float32(rule.beta2)), full(float32(1 - rule.beta2))
    minus_rate = full(float32(-rule.lr / rule.correction1 * rule.correction2))
    eps, keep = full(float32(rule.eps * rule.correction2)), full(float32(rule.keep))
    for place in range(0, 4 * num_values, BYTES):
        gradient = load(g + place)
        mean = fma(rest1, gradient, beta1 * load(first + place))
        square = fma(rest2 * gradient, gradient, beta2 * load(second + place))
        store(first + place, mean)
        store(second + place, square)
        store(w + place, fma(minus_rate * mean, reciprocal(root(square) + eps), keep * load(w + place)))
