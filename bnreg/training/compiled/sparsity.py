"""Lists of what is not zero in a batch: four fifths of MNIST's pixels are zero, and add nothing to any sum.

The product with the first weights has a list for each block of rows: the columns in which at least one of them is not
zero. The gradient of these weights has a list for each group of columns: the rows in which at least one of them is not
zero. Both are made once for a batch, whatever number of networks reads it, and without branches, because no processor
could predict them.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from bnreg.training.compiled.parts import compiled
from bnreg.training.compiled.processor import has_feature
from bnreg.training.compiled.products import BLOCK, COUNT_BYTES, GROUP, list_bytes
from bnreg.training.compiled.vectors import (
    BITS,
    BYTES,
    INT32,
    INT64,
    INTS,
    WIDTH,
    at,
    instruction,
    int_constant,
    load_integer,
    mask,
    spread,
    store_integer,
)

WORD = 64  # numbers, each with a bit
HALF = 32
FIRST_OF_GROUPS = 0x1111111111111111  # the first bit of each group


def _store_half(builder: Any, address: Any, value: Any) -> None:
    builder.store(builder.trunc(value, INT32), at(builder, address, INT32), align=4)


def _mask_of(builder: Any, bits: Any) -> Any:
    return builder.bitcast(builder.trunc(bits, ir.IntType(WIDTH)), BITS)


def _have_bit(builder: Any, address: Any, bit: Any) -> Any:
    values = builder.load(at(builder, address, INTS), align=4)
    bits = builder.and_(values, spread(builder, builder.trunc(bit, INT32)))
    return builder.icmp_unsigned("!=", bits, int_constant(0))


def _append(builder: Any, address: Any, first: Any, chosen: Any) -> Any:
    bits = builder.bitcast(chosen, ir.IntType(WIDTH))
    first = builder.trunc(first, INT32)
    if has_feature("avx512f"):
        kind = ir.FunctionType(INTS, (INTS, BITS, INTS))
        name = f"llvm.experimental.vector.compress.v{WIDTH}i32"
        places = builder.add(spread(builder, first), ir.Constant(INTS, list(range(WIDTH))))
        compress = cgutils.get_or_insert_function(builder.module, kind, name)
        kept = builder.call(compress, (places, chosen, ir.Constant(INTS, ir.Undefined)))
        builder.store(kept, at(builder, address, INTS), align=4)
    else:  # each is written, and the next one over it unless it is chosen
        rest = builder.zext(bits, INT64)
        for i in range(WIDTH):
            builder.store(builder.add(first, ir.Constant(INT32, i)), at(builder, address, INT32), align=4)
            one = builder.and_(rest, ir.Constant(INT64, 1))
            address = builder.add(address, builder.shl(one, ir.Constant(INT64, 2)))
            rest = builder.lshr(rest, ir.Constant(INT64, 1))
    return builder.zext(builder.ctpop(bits), INT64)


store_half = instruction(types.void, (types.int64,) * 2, _store_half)
mask_of = instruction(mask, (types.int64,), _mask_of)  # of the lowest sixteen bits
have_bit = instruction(mask, (types.int64,) * 2, _have_bit)  # whether each of sixteen numbers of 32 bits has this one
# Write those of sixteen successive numbers that are chosen, one after another, as 32 bits each; return how many.
append = instruction(types.int64, (types.int64, types.int64, mask), _append)


@compiled
def list_columns(masks: int, rows: int, columns: int, lists: int) -> None:
    """Make a list for each block of rows.

    Args:
        masks: Address of a row of bits for each row of the batch, in whole words: whether a number is not zero.
        rows: Number of rows.
        columns: Number of columns.
        lists: Address of the lists.
    """
    num_words = (columns + WORD - 1) // WORD
    for first in range(0, rows, BLOCK):
        of_block = lists + first // BLOCK * list_bytes(columns)
        count = 0
        for word in range(num_words):
            bits = 0
            for row in range(first, min(first + BLOCK, rows)):
                bits |= load_integer(masks + 8 * (row * num_words + word))
            for column in range(WORD * word, min(WORD * (word + 1), columns), WIDTH):
                count += append(of_block + COUNT_BYTES + 4 * count, column, mask_of(bits))
                bits >>= WIDTH
        store_integer(of_block, count)


@compiled
def list_rows(masks: int, rows: int, columns: int, halves: int, lists: int) -> None:
    """Make a list for each group of columns.

    Args:
        masks: As in ``list_columns``.
        rows: As in ``list_columns``.
        columns: As in ``list_columns``.
        halves: Address of memory for a row of half words for each 32 columns, in whole vectors.
        lists: Address of the lists.
    """
    num_words = (columns + WORD - 1) // WORD
    row_bytes = (rows + WIDTH - 1) // WIDTH * BYTES
    for half in range(2 * num_words):
        for row in range(rows, row_bytes // 4):
            store_half(halves + half * row_bytes + 4 * row, 0)
    for row in range(rows):
        for word in range(num_words):
            bits = load_integer(masks + 8 * (row * num_words + word))
            bits |= bits >> 1
            bits = (bits | bits >> 2) & FIRST_OF_GROUPS
            place = halves + 2 * word * row_bytes + 4 * row
            store_half(place, bits)
            store_half(place + row_bytes, bits >> HALF)
    for group in range((columns + GROUP - 1) // GROUP):
        of_group = lists + group * list_bytes(rows)
        half, bit = group // (HALF // GROUP), 1 << group % (HALF // GROUP) * GROUP
        count = 0
        for row in range(0, rows, WIDTH):
            here = have_bit(halves + half * row_bytes + 4 * row, bit)
            count += append(of_group + COUNT_BYTES + 4 * count, row, here)
        store_integer(of_group, count)
