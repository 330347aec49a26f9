"""Vectors of sixteen float32 as a type of numba's, so that a loop says which values go together.

A vector lives in one register of AVX-512, or in two of AVX2. What is computed does not depend on the compiler's
choices: no operation has LLVM's fast-math flags, so products are fused with sums where ``fma`` says so and nowhere
else, sums are never reordered, no quotient is replaced, and no NaN assumed away.
"""

import math
import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.extending import intrinsic, overload, register_model

from bnreg.training.compiled.processor import has_feature

WIDTH = 16
BYTES = 4 * WIDTH
CACHE_LINE = 64

FLOAT, INT32, INT64 = ir.FloatType(), ir.IntType(32), ir.IntType(64)
BYTE_POINTER = ir.IntType(8).as_pointer()
FLOATS, INTS, BITS = (ir.VectorType(kind, WIDTH) for kind in (FLOAT, INT32, ir.IntType(1)))

Build = Callable[..., Any]  # (LLVM builder, LLVM values) → LLVM value


class Vector(types.Type):
    """The type of a vector of floats."""

    def __init__(self) -> None:
        super().__init__("Vector")


class Mask(types.Type):
    """The type of a truth value for each element."""

    def __init__(self) -> None:
        super().__init__("Mask")


vector, mask = Vector(), Mask()


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, FLOATS)


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, BITS)


def instruction(result: Any, arguments: tuple[Any, ...], build: Build) -> Any:
    """A function of nopython code whose LLVM code ``build`` writes.

    Args:
        result: The type that it returns.
        arguments: The types of one to four arguments.
        build: (builder, one LLVM value per argument) → LLVM value, or None for a function without a result.
    """

    def code(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        made = build(builder, *values)
        return context.get_dummy_value() if made is None else made

    signature = result(*arguments)

    # numba reads the number of arguments from the definition.
    def one(_context: Any, _a: Any) -> Any:
        return signature, code

    def two(_context: Any, _a: Any, _b: Any) -> Any:
        return signature, code

    def three(_context: Any, _a: Any, _b: Any, _c: Any) -> Any:
        return signature, code

    def four(_context: Any, _a: Any, _b: Any, _c: Any, _d: Any) -> Any:
        return signature, code

    return intrinsic((one, two, three, four)[len(arguments) - 1])


def constant(value: float) -> Any:
    """A vector of one number, for LLVM code."""
    return ir.Constant(FLOATS, [float(value)] * WIDTH)


def int_constant(value: int) -> Any:
    """A vector of one integer, for LLVM code."""
    return ir.Constant(INTS, [value] * WIDTH)


def at(builder: Any, address: Any, kind: Any) -> Any:
    """The pointer to a value of this kind at an address."""
    return builder.inttoptr(address, kind.as_pointer())


def call(name: str) -> Build:
    """LLVM code that calls one of LLVM's own functions of vectors."""

    def build(builder: Any, *values: Any) -> Any:
        kind = ir.FunctionType(FLOATS, (FLOATS,) * len(values))
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{WIDTH}f32")
        return builder.call(function, values)

    return build


def spread(builder: Any, value: Any) -> Any:
    """LLVM code for a vector of one number that is not known in advance."""
    kind = ir.VectorType(value.type, WIDTH)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(INT32, 0))
    return builder.shuffle_vector(first, first, ir.Constant(INTS, None))


def larger(builder: Any, a: Any, b: Any) -> Any:
    """LLVM code for the larger of a and b, or a if a is NaN."""
    return builder.select(builder.fcmp_ordered(">", b, a), b, a)


def exponential(builder: Any, x: Any) -> Any:
    """LLVM code for eˣ, within 2 units of the last place; below −87.3 it is 0, above 88 infinite, NaN of NaN.

    x = n ln 2 + r with |r| ≤ ½ ln 2; eʳ is a polynomial of degree 7, and 2ⁿ is written into the exponent. ln 2 comes in
    two parts, so that r is exact.

    References:
        Cephes Mathematical Library, expf.c; its polynomial's error is 2·10⁻⁸ (relative)
    """
    fma = call("fma")
    clipped = larger(
        builder, builder.select(builder.fcmp_ordered(">", x, constant(88)), constant(88), x), constant(-87)
    )
    n = call("floor")(builder, fma(builder, clipped, constant(1.44269504088896341), constant(0.5)))
    r = fma(builder, n, constant(-0.693359375), clipped)
    r = fma(builder, n, constant(2.12194440e-4), r)
    series = constant(1.9875691500e-4)
    for coefficient in (1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1):
        series = fma(builder, series, r, constant(coefficient))
    series = fma(builder, series, builder.fmul(r, r), builder.fadd(r, constant(1)))
    exponent = builder.shl(builder.add(builder.fptosi(n, INTS), int_constant(127)), int_constant(23))
    value = builder.fmul(series, builder.bitcast(exponent, FLOATS))
    value = builder.select(builder.fcmp_ordered("<", x, constant(-87.3)), constant(0), value)
    value = builder.select(builder.fcmp_ordered(">", x, constant(88)), constant(float("inf")), value)
    return builder.select(builder.fcmp_unordered("uno", x, x), x, value)


def halves(builder: Any, build: Build, values: Any) -> Any:
    """LLVM code that combines all elements of a vector in a fixed order: halves with each other, four times."""
    for half in (8, 4, 2, 1):
        moved = ir.Constant(INTS, [(i + half) % WIDTH for i in range(WIDTH)])
        values = build(builder, values, builder.shuffle_vector(values, values, moved))
    return builder.extract_element(values, ir.Constant(INT32, 0))


def _estimate(name: str) -> Build:
    """LLVM code for the estimates of AVX-512, which are right to 14 bits, exactly defined, and six times as fast."""

    def build(builder: Any, x: Any) -> Any:
        kind = ir.FunctionType(FLOATS, (FLOATS, FLOATS, ir.IntType(16)))
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.avx512.{name}14.ps.512")
        return builder.call(function, (x, constant(0), ir.Constant(ir.IntType(16), -1)))

    return build


def root_of(builder: Any, x: Any) -> Any:
    """LLVM code for √x of x ≥ 0 within a unit of the last place: an estimate of 1/√x, and a step of Newton's method."""
    if not has_feature("avx512f"):
        return call("sqrt")(builder, x)
    fma, positive = call("fma"), larger(builder, x, constant(1e-37))
    y = _estimate("rsqrt")(builder, positive)
    half = builder.fmul(builder.fmul(constant(-0.5), positive), y)
    y = fma(builder, fma(builder, half, y, constant(0.5)), y, y)
    return builder.select(_is_infinite(builder, x), x, builder.fmul(x, y))


def reciprocal_of(builder: Any, x: Any) -> Any:
    """LLVM code for 1/x within a unit of the last place, in the same way."""
    if not has_feature("avx512f"):
        return builder.fdiv(constant(1), x)
    fma, y = call("fma"), _estimate("rcp")(builder, x)
    value = fma(builder, fma(builder, builder.fmul(constant(-1), x), y, constant(1)), y, y)
    return builder.select(_is_infinite(builder, x), constant(0), value)


def _is_infinite(builder: Any, x: Any) -> Any:
    """Whether x is ∞, of which Newton's method would make NaN."""
    return builder.fcmp_ordered("==", x, constant(math.inf))


def _load_bytes(builder: Any, address: Any) -> Any:
    values = builder.load(at(builder, address, ir.VectorType(ir.IntType(8), WIDTH)), align=1)
    return builder.sitofp(builder.zext(values, INTS), FLOATS)


def _store_number(builder: Any, address: Any, value: Any) -> None:
    builder.store(value, at(builder, address, FLOAT), align=4)


def _store(builder: Any, address: Any, values: Any) -> None:
    builder.store(values, at(builder, address, FLOATS), align=4)


def _store_integer(builder: Any, address: Any, value: Any) -> None:
    builder.store(value, at(builder, address, INT64), align=8)


def _store_mask(builder: Any, address: Any, values: Any) -> None:
    bits = ir.IntType(WIDTH)
    builder.store(builder.bitcast(values, bits), at(builder, address, bits), align=2)


def _operator(name: str) -> Build:
    return lambda builder, a, b: getattr(builder, name)(a, b)


load = instruction(vector, (types.int64,), lambda builder, a: builder.load(at(builder, a, FLOATS), align=4))
load_bytes = instruction(vector, (types.int64,), _load_bytes)
load_number = instruction(
    types.float32, (types.int64,), lambda builder, a: builder.load(at(builder, a, FLOAT), align=4)
)
load_integer = instruction(types.int64, (types.int64,), lambda b, a: b.load(at(b, a, INT64), align=8))
store_integer = instruction(types.void, (types.int64,) * 2, _store_integer)
load_byte = instruction(types.uint8, (types.int64,), lambda b, a: b.load(at(b, a, ir.IntType(8)), align=1))
store_number = instruction(types.void, (types.int64, types.float32), _store_number)
store = instruction(types.void, (types.int64, vector), _store)
full = instruction(vector, (types.float32,), spread)
fma = instruction(vector, (vector,) * 3, call("fma"))
sqrt = instruction(vector, (vector,), call("sqrt"))
root = instruction(vector, (vector,), root_of)
reciprocal = instruction(vector, (vector,), reciprocal_of)
maximum = instruction(vector, (vector, vector), larger)
exp = instruction(vector, (vector,), exponential)
sign_of = instruction(vector, (vector, vector), call("copysign"))  # the size of the first, the sign of the second
store_mask = instruction(types.void, (types.int64, mask), _store_mask)  # a bit for each element
differs = instruction(mask, (vector, vector), lambda builder, a, b: builder.fcmp_unordered("!=", a, b))
equals = instruction(mask, (vector, vector), lambda builder, a, b: builder.fcmp_ordered("==", a, b))
below = instruction(mask, (vector, vector), lambda builder, a, b: builder.fcmp_ordered("<", a, b))
where = instruction(vector, (mask, vector, vector), lambda builder, m, a, b: builder.select(m, a, b))
total = instruction(types.float32, (vector,), lambda b, values: halves(b, lambda b, x, y: b.fadd(x, y), values))
largest = instruction(types.float32, (vector,), lambda b, values: halves(b, larger, values))


def _overload(function: Any, name: str) -> None:
    both = instruction(vector, (vector, vector), _operator(name))

    @overload(function)
    def _(a, b):  # type: ignore[no-untyped-def] # numba compares annotations with those of the result
        if isinstance(a, Vector) and isinstance(b, Vector):
            return lambda a, b: both(a, b)
        if isinstance(a, Vector) and isinstance(b, types.Float):
            return lambda a, b: both(a, full(b))
        if isinstance(a, types.Float) and isinstance(b, Vector):
            return lambda a, b: both(full(a), b)
        return None


for _function, _name in {
    operator.add: "fadd",
    operator.sub: "fsub",
    operator.mul: "fmul",
    operator.truediv: "fdiv",
}.items():
    _overload(_function, _name)


def _transpose(builder: Any, source: Any, row_bytes: Any, target: Any) -> None:
    """Write sixteen rows of sixteen numbers as columns, both with the same distance between rows.

    Four times, rows that are 8, 4, 2, 1 apart exchange their off-diagonal blocks of that size.
    """
    places = [builder.mul(row_bytes, ir.Constant(INT64, row)) for row in range(WIDTH)]
    rows = [builder.load(at(builder, builder.add(source, place), FLOATS), align=4) for place in places]
    for size in (8, 4, 2, 1):
        for first in (row for row in range(WIDTH) if not row & size):
            above, below = rows[first], rows[first + size]
            for row, shift in ((first, 0), (first + size, size)):
                # From the upper row its half at ``shift``, from the lower row, counted from WIDTH, the same half.
                taken = [(i & ~size) + shift + (WIDTH if i & size else 0) for i in range(WIDTH)]
                rows[row] = builder.shuffle_vector(above, below, ir.Constant(INTS, taken))
    for row, place in zip(rows, places, strict=True):
        builder.store(row, at(builder, builder.add(target, place), FLOATS), align=4)


transpose = instruction(types.void, (types.int64,) * 3, _transpose)  # (source, bytes from row to row, target)


def _prefetch(level: int) -> Any:
    def build(builder: Any, address: Any) -> None:
        kind = ir.FunctionType(ir.VoidType(), (BYTE_POINTER, INT32, INT32, INT32))
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        read, data = 0, 1
        pointer = builder.inttoptr(address, BYTE_POINTER)
        builder.call(function, (pointer, *(ir.Constant(INT32, value) for value in (read, level, data))))

    return instruction(types.void, (types.int64,), build)


prefetch = _prefetch(2)  # into the second-level cache


def _control_word(name: str, kind: Any, arguments: tuple[Any, ...]) -> Any:
    def build(builder: Any, word: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), (BYTE_POINTER,))
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.sse.{name}")
        slot = cgutils.alloca_once(builder, INT32)
        builder.store(word, slot)
        builder.call(function, (builder.bitcast(slot, BYTE_POINTER),))
        return builder.load(slot)

    return instruction(kind, arguments, build)


# The processor's rules for floats; with these bits (FTZ and DAZ), subnormal results and operands count as 0. Moments of
# unused pixels decay to subnormal numbers, with which a step takes more than twice as long.
control_word = _control_word("stmxcsr", types.int32, (types.int32,))
set_control_word = _control_word("ldmxcsr", types.int32, (types.int32,))
FLUSH_SUBNORMALS = 0x8040


def _cycles(builder: Any, _unused: Any) -> Any:
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(INT64, ()), "llvm.readcyclecounter")
    return builder.call(function, ())


cycles = instruction(types.int64, (types.int64,), _cycles)
