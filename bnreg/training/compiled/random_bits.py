"""Random numbers of a counter: the numbers of a step do not depend on how many were drawn before it."""

from typing import Any

from llvmlite import ir
from numba import types

from bnreg.training.compiled.vectors import FLOATS, INT32, INTS, WIDTH, instruction, int_constant, spread, vector

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))  # alternating every four rounds
_NUM_ROUNDS = 20
_PARITY = 0x1BD11BDA


def _threefry(builder: Any, key: Any, counter: Any, step: Any) -> tuple[Any, Any]:
    """Threefry-2x32 with 20 rounds: two words of 32 random bits for each of sixteen successive counters.

    Args:
        builder: LLVM's builder.
        key: 64 bits.
        counter: The first counter, of 32 bits; it is the first word of what is encrypted.
        step: The second word.

    References:
        Salmon, Moraes, Dror & Shaw, Parallel random numbers: as easy as 1, 2, 3, SC 2011
    """
    lanes = ir.Constant(INTS, list(range(WIDTH)))
    words = [spread(builder, builder.trunc(value, INT32)) for value in (key, builder.lshr(key, key.type(32)))]
    words.append(builder.xor(builder.xor(*words), int_constant(_PARITY)))
    a = builder.add(builder.add(spread(builder, builder.trunc(counter, INT32)), lanes), words[0])
    b = builder.add(spread(builder, builder.trunc(step, INT32)), words[1])
    for number in range(_NUM_ROUNDS):
        left = _ROTATIONS[number // 4 % 2][number % 4]
        a = builder.add(a, b)
        b = builder.or_(builder.shl(b, int_constant(left)), builder.lshr(b, int_constant(32 - left)))
        b = builder.xor(a, b)
        if number % 4 == 3:
            group = number // 4 + 1
            a = builder.add(a, words[group % 3])
            b = builder.add(builder.add(b, words[(group + 1) % 3]), int_constant(group))
    return a, b


def _uniform(word: int) -> Any:
    def build(builder: Any, key: Any, counter: Any, step: Any) -> Any:
        bits = builder.lshr(_threefry(builder, key, counter, step)[word], int_constant(8))
        return builder.fmul(builder.sitofp(bits, FLOATS), ir.Constant(FLOATS, [2.0**-24] * WIDTH))

    return instruction(vector, (types.int64,) * 3, build)


# (key, first counter, step) → sixteen numbers of [0, 1) with 24 bits; the two are independent of each other
first_uniform, second_uniform = _uniform(0), _uniform(1)
