"""The activations of the table as vector code, each traced from its one definition.

A definition in ``nn.activations`` is an expression of tensor methods. Called with a ``Traced`` value instead of a
tensor, it writes the LLVM code of this expression, and beside it the code of its derivative by the chain rule.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types

from bnreg.nn.activations import ACTIVATIONS
from bnreg.training.compiled.coverage import TRACEABLE
from bnreg.training.compiled.vectors import (
    FLOATS,
    call,
    constant,
    exponential,
    instruction,
    larger,
    vector,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from bnreg.training.compiled.vectors import Build


class Traced:
    """A vector that is computed from z, and its derivative: y and dy, with the tensor methods that the table uses.

    Args:
        builder: LLVM's builder, which takes the code.
        value: y.
        derivative: dy.
    """

    def __init__(self, builder: Any, value: Any, derivative: Any) -> None:
        self._builder = builder
        self.value = value
        self.derivative = derivative

    def _lift(self, other: Any) -> Traced:
        return other if isinstance(other, Traced) else Traced(self._builder, constant(other), constant(0))

    def _through(self, value: Any, slope: Any) -> Traced:
        """f(y) with the derivative f′(y) dy."""
        return Traced(self._builder, value, self._builder.fmul(slope, self.derivative))

    def __add__(self, other: Any) -> Traced:
        other = self._lift(other)
        value, derivative = (
            self._builder.fadd(self.value, other.value),
            self._builder.fadd(self.derivative, other.derivative),
        )
        return Traced(self._builder, value, derivative)

    def __mul__(self, other: Any) -> Traced:
        other = self._lift(other)
        both = self._builder.fmul(self.value, other.derivative), self._builder.fmul(self.derivative, other.value)
        return Traced(self._builder, self._builder.fmul(self.value, other.value), self._builder.fadd(*both))

    __radd__, __rmul__ = __add__, __mul__

    def __sub__(self, other: Any) -> Traced:
        return self + self._lift(other) * -1

    def __truediv__(self, other: float) -> Traced:
        return self * (1 / other)

    def __gt__(self, other: float) -> Any:
        return self._builder.fcmp_ordered(">", self.value, constant(other))

    def where(self, condition: Any, other: Any) -> Traced:
        other, select = self._lift(other), self._builder.select
        value = select(condition, self.value, other.value)
        return Traced(self._builder, value, select(condition, self.derivative, other.derivative))

    def new_zeros(self, _shape: tuple[()]) -> Traced:
        return Traced(self._builder, constant(0), constant(0))

    def relu(self) -> Traced:
        is_negative = self._builder.fcmp_ordered("<=", self.value, constant(0))
        return self._lift(0).where(is_negative, self)  # NaN stays NaN

    def expm1(self) -> Traced:
        """eʸ − 1, near 0 by its series, which loses no digits there."""
        exponential_of_y = exponential(self._builder, self.value)
        near = _polynomial(self._builder, self.value, [1 / math.factorial(n) for n in range(7, 0, -1)])
        is_near = self._builder.fcmp_ordered("<", call("fabs")(self._builder, self.value), constant(0.3))
        far = self._builder.fsub(exponential_of_y, constant(1))
        value = self._builder.select(is_near, self._builder.fmul(near, self.value), far)
        return self._through(value, exponential_of_y)

    def sigmoid(self) -> Traced:
        value = _sigmoid(self._builder, self.value)
        return self._through(value, self._builder.fmul(value, self._builder.fsub(constant(1), value)))

    def tanh(self) -> Traced:
        """Tanh y = t / (t + 2) with t = e²ʸ − 1, and ±1 where float32 has no other number."""
        doubled = (self * 2.0).expm1().value
        value = self._builder.fdiv(doubled, self._builder.fadd(doubled, constant(2)))
        value = self._builder.select(self > 9.1, constant(1), value)
        return self._through(value, self._builder.fsub(constant(1), self._builder.fmul(value, value)))

    def logaddexp(self, _zero: Traced) -> Traced:
        """log(eʸ + e⁰) = max(y, 0) + log(1 + u) with u = e^−|y|; log(1 + u) = 2 artanh(u / (2 + u))."""
        u = exponential(self._builder, self._builder.fsub(constant(0), call("fabs")(self._builder, self.value)))
        s = self._builder.fdiv(u, self._builder.fadd(u, constant(2)))
        series = _polynomial(self._builder, self._builder.fmul(s, s), [2 / n for n in (15, 13, 11, 9, 7, 5, 3, 1)])
        value = self._builder.fadd(larger(self._builder, self.value, constant(0)), self._builder.fmul(s, series))
        return self._through(value, _sigmoid(self._builder, self.value))

    def erf(self) -> Traced:
        """A rational function of y ∈ [−4, 4], within 2·10⁻⁷; its coefficients are those of Eigen's erf (MPL 2)."""
        bounded = self._builder.select(self > 4, constant(4), larger(self._builder, self.value, constant(-4)))
        square = self._builder.fmul(bounded, bounded)
        above = _polynomial(
            self._builder,
            square,
            [
                -2.72614225801306e-10,
                2.77068142495902e-08,
                -2.10102402082508e-06,
                -5.69250639462346e-05,
                -7.34990630326855e-04,
                -2.95459980854025e-03,
                -1.60960333262415e-02,
            ],
        )
        below = _polynomial(
            self._builder,
            square,
            [
                -1.45660718464996e-05,
                -2.13374055278905e-04,
                -1.68282697438203e-03,
                -7.37332916720468e-03,
                -1.42647390514189e-02,
            ],
        )
        value = self._builder.fdiv(self._builder.fmul(bounded, above), below)
        bell = exponential(self._builder, self._builder.fsub(constant(0), self._builder.fmul(self.value, self.value)))
        return self._through(value, self._builder.fmul(constant(2 / math.sqrt(math.pi)), bell))


def _polynomial(builder: Any, x: Any, coefficients: list[float]) -> Any:
    """Horner's scheme, from the highest power."""
    value = constant(coefficients[0])
    for coefficient in coefficients[1:]:
        value = call("fma")(builder, value, x, constant(coefficient))
    return value


def _sigmoid(builder: Any, x: Any) -> Any:
    negated = builder.fsub(constant(0), x)
    return builder.fdiv(constant(1), builder.fadd(constant(1), exponential(builder, negated)))


def _chosen(write: Callable[[str, Any, Any, Any], Any]) -> Build:
    """LLVM code (builder, number, z, slope) that computes what ``write`` writes for the activation of this number."""

    def build(builder: Any, number: Any, z: Any, slope: Any) -> Any:
        after = builder.append_basic_block("chosen")
        blocks = [builder.append_basic_block(name) for name in TRACEABLE]
        switch = builder.switch(number, blocks[0])
        values = []
        for index, (name, block) in enumerate(zip(TRACEABLE, blocks, strict=True)):
            if index:
                switch.add_case(ir.Constant(ir.IntType(64), index), block)
            builder.position_at_end(block)
            values.append((write(name, builder, z, slope), builder.block))
            builder.branch(after)
        builder.position_at_end(after)
        chosen = builder.phi(FLOATS)
        for value, block in values:
            chosen.add_incoming(value, block)
        return chosen

    return build


def _trace(name: str, z: Traced, slope: Traced) -> Traced:
    activation = ACTIVATIONS[name]
    arguments: tuple[Any, ...] = (z,) if activation.learnt_slope is None else (z, slope)
    y: Any = activation.function(*arguments)
    assert isinstance(y, Traced)
    return y


def _value(name: str, builder: Any, z: Any, slope: Any) -> Any:
    return _trace(name, Traced(builder, z, constant(1)), Traced(builder, slope, constant(0))).value


def _by_z(name: str, builder: Any, z: Any, slope: Any) -> Any:
    return _trace(name, Traced(builder, z, constant(1)), Traced(builder, slope, constant(0))).derivative


def _by_slope(name: str, builder: Any, z: Any, slope: Any) -> Any:
    return _trace(name, Traced(builder, z, constant(0)), Traced(builder, slope, constant(1))).derivative


_ARGUMENTS = (types.int64, vector, vector)
activation = instruction(vector, _ARGUMENTS, _chosen(_value))  # (number in TRACEABLE, z, slope) → τ(z)
derivative = instruction(vector, _ARGUMENTS, _chosen(_by_z))  # the same → ∂τ/∂z
derivative_by_slope = instruction(vector, _ARGUMENTS, _chosen(_by_slope))  # the same → ∂τ/∂slope
