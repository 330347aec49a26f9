"""Matrix products: a block of the result stays in registers while its sums run over the inner dimension.

All matrices lie in panels of 32 columns: a row of a panel is 128 bytes, the next row follows, and the next panel after
the last row. A matrix of 70 columns has three panels; the rest of the last one is zero::

      panel 0       panel 1       panel 2
    ┌─────────┐   ┌─────────┐   ┌──┬──────┐
    │  rows   │   │         │   │  │ zero │
    │    ×    │   │         │   │  │      │
    │   32    │   │         │   │  │      │
    └─────────┘   └─────────┘   └──┴──────┘

A product c = a b makes one panel of c. A tile is 12 of its rows: 24 vectors of sums, to each of which every step of the
inner loop adds one number of a times a vector of b's next row::

                b₀  b₁        next row of b: two vectors
    a₀  │      c₀₀ c₀₁
    a₁  │  +=  c₁₀ c₁₁        next column of a: twelve numbers, each spread over a vector
    …   │       …   …

Each number of c is thus one chain of fused multiply-adds in the order of the inner dimension, whatever the tile's
height: results depend neither on it nor on the CPU. A zero of a adds nothing to any chain of finite numbers. Where most
numbers are zero, a tile takes only the steps that a list names, and the result is the same.

References:
    Goto & van de Geijn, Anatomy of high-performance matrix multiplication, ACM TOMS 34 (2008)
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from bnreg.training.compiled.parts import compiled
from bnreg.training.compiled.processor import has_feature
from bnreg.training.compiled.vectors import BYTES, FLOAT, FLOATS, INT32, INT64, WIDTH, at, call, load_integer, spread

PANEL = 2 * WIDTH
ROW_BYTES = 4 * PANEL
LOG_PANEL = PANEL.bit_length() - 1

# The tile must fit the registers: 32 of AVX-512 hold 12 × 2 vectors of 16, the 16 of AVX2 only 6 × 1 pairs.
HAS_WIDE_REGISTERS = has_feature("avx512f")
HEIGHTS = (12, 8, 4) if HAS_WIDE_REGISTERS else (6, 4, 2)

# A sparse matrix has a list for so many rows, or for so many neighbouring columns where it is transposed: the steps in
# which at least one of them is not zero. Larger blocks take along more zeros; in smaller ones, a row of b serves fewer.
BLOCK = 6
GROUP = 4
COUNT_BYTES = 8  # of the number of places, with which a list begins


def bytes_of_list(most: int) -> int:
    """Bytes of a list of at most so many places, which are written a vector at a time."""
    return COUNT_BYTES + (most + WIDTH - 1) // WIDTH * BYTES


list_bytes = compiled(bytes_of_list)  # the same for programs


def _tile(height: int, num_vectors: int, row_bytes: int, column_bytes: int, *, is_listed: bool) -> Any:
    """The product of ``height`` rows of a with vectors of b.

    Args:
        height: Number of rows.
        num_vectors: 1 or 2 vectors of a panel's row.
        row_bytes: From a row of a to the next.
        column_bytes: From a column of a to the next, within a panel.
        is_listed: Whether a list says which columns of a are taken.

    Returns:
        A function (a, jump, columns, b, inner, start, c) of addresses and, with ``inner``, the number of columns that
        are taken: c = start + a b, where every row begins with the vectors at start. ``jump`` is the distance, in
        bytes, from the last column of a's panel to the first of the next.
    """

    def code(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        a, jump, columns, b, inner, start, c = arguments
        fma, rows, vectors = call("fma"), range(height), range(num_vectors)

        def number(value: int) -> Any:
            return ir.Constant(INT64, value)

        def offset(address: Any, distance: int) -> Any:
            return builder.add(address, number(distance))

        def read(address: Any, kind: Any) -> Any:
            return builder.load(at(builder, address, kind), align=4)

        firsts = [read(offset(start, BYTES * v), FLOATS) for v in vectors]
        entry, loop, end = builder.block, builder.append_basic_block("inner"), builder.append_basic_block("end")
        builder.cbranch(builder.icmp_signed(">", inner, number(0)), loop, end)
        builder.position_at_end(loop)
        index = builder.phi(INT64)
        sums = [[builder.phi(FLOATS) for _ in vectors] for _ in rows]
        walk = [] if is_listed else [builder.phi(INT64), builder.phi(INT64)]
        following = builder.add(index, number(1))
        if is_listed:
            listed = read(builder.add(columns, builder.mul(index, number(4))), INT32)
            column = builder.zext(listed, INT64)
            # From column 0, so many steps within a panel, of which one at the end of each panel is ``jump``.
            panels = builder.mul(builder.lshr(column, number(LOG_PANEL)), builder.sub(jump, number(column_bytes)))
            of_a = builder.add(a, builder.add(builder.mul(column, number(column_bytes)), panels))
            of_b = builder.add(b, builder.mul(column, number(ROW_BYTES)))
            steps = []
        else:
            of_a, of_b = walk
            panel_ends = builder.icmp_unsigned("==", builder.and_(following, number(PANEL - 1)), number(0))
            next_a = builder.add(of_a, builder.select(panel_ends, jump, number(column_bytes)))
            steps = [(of_a, a, next_a), (of_b, b, offset(of_b, ROW_BYTES))]
        from_b = [read(offset(of_b, BYTES * v), FLOATS) for v in vectors]
        added = []
        for r in rows:
            from_a = spread(builder, read(offset(of_a, row_bytes * r), FLOAT))
            added.append([fma(builder, from_a, from_b[v], sums[r][v]) for v in vectors])
        steps += [(index, number(0), following)]
        for phi, first, then in (*steps, *((sums[r][v], firsts[v], added[r][v]) for r in rows for v in vectors)):
            phi.add_incoming(first, entry)
            phi.add_incoming(then, loop)
        builder.cbranch(builder.icmp_signed("<", following, inner), loop, end)
        builder.position_at_end(end)
        totals = [[builder.phi(FLOATS) for _ in vectors] for _ in rows]
        for r in rows:
            for v in vectors:
                totals[r][v].add_incoming(firsts[v], entry)
                totals[r][v].add_incoming(added[r][v], loop)
        for r in rows:
            for v in vectors:
                builder.store(totals[r][v], at(builder, offset(c, ROW_BYTES * r + BYTES * v), FLOATS), align=4)
        return context.get_dummy_value()

    @intrinsic  # type: ignore[untyped-decorator]
    def tile(_context: Any, _a: Any, _jump: Any, _columns: Any, _b: Any, _inner: Any, _start: Any, _c: Any) -> Any:
        return types.void(*[types.int64] * 7), code

    return tile


def _tile_of(height: int, num_vectors: int, row_bytes: int, column_bytes: int, *, is_listed: bool) -> Any:
    """The same as ``_tile``. Where registers are few, two vectors are computed one after the other."""
    if HAS_WIDE_REGISTERS or num_vectors == 1:
        return _tile(height, num_vectors, row_bytes, column_bytes, is_listed=is_listed)
    half = _tile(height, 1, row_bytes, column_bytes, is_listed=is_listed)

    @compiled
    def whole(a: int, jump: int, columns: int, b: int, inner: int, start: int, c: int) -> None:
        half(a, jump, columns, b, inner, start, c)
        half(a, jump, columns, b + BYTES, inner, start + BYTES, c + BYTES)

    return whole


def _product(
    num_vectors: int,
    row_bytes: int,
    column_bytes: int,
    heights: tuple[int, int, int] = HEIGHTS,
    *,
    is_listed: bool = False,
) -> Any:
    """The product of any number of rows: the same function, with their number after a."""
    most, some, few = heights
    tall, medium, low, single = (
        _tile_of(height, num_vectors, row_bytes, column_bytes, is_listed=is_listed) for height in (*heights, 1)
    )

    @compiled
    def product(a: int, num_rows: int, jump: int, columns: int, b: int, inner: int, start: int, c: int) -> None:
        row = 0
        while row + most <= num_rows:
            tall(a + row_bytes * row, jump, columns, b, inner, start, c + ROW_BYTES * row)
            row += most
        while row + some <= num_rows:
            medium(a + row_bytes * row, jump, columns, b, inner, start, c + ROW_BYTES * row)
            row += some
        while row + few <= num_rows:
            low(a + row_bytes * row, jump, columns, b, inner, start, c + ROW_BYTES * row)
            row += few
        while row < num_rows:
            single(a + row_bytes * row, jump, columns, b, inner, start, c + ROW_BYTES * row)
            row += 1

    return product


_whole, _half = _product(2, ROW_BYTES, 4), _product(1, ROW_BYTES, 4)
_transposed, _half_transposed = _product(2, 4, ROW_BYTES), _product(1, 4, ROW_BYTES)
_sparse, _half_sparse = (_product(number, ROW_BYTES, 4, (BLOCK, 4, 2), is_listed=True) for number in (2, 1))
_group, _half_group = (_tile_of(GROUP, number, 4, ROW_BYTES, is_listed=True) for number in (2, 1))


@compiled
def multiply(a: int, num_rows: int, b: int, inner: int, width: int, start: int, c: int) -> None:
    """One panel c = start + a b.

    Args:
        a: Address of a matrix in panels, of ``num_rows`` rows.
        num_rows: Its number of rows.
        b: Address of a panel of ``inner`` rows.
        inner: Number of columns of a.
        width: Number of columns of b, up to 32; of at most 16 only half the panel is computed.
        start: Address of a row of 32 numbers to which each row's sums are added.
        c: Address of the resulting panel.
    """
    jump = ROW_BYTES * (num_rows - 1) + 4
    if width > WIDTH:
        _whole(a, num_rows, jump, 0, b, inner, start, c)
    else:
        _half(a, num_rows, jump, 0, b, inner, start, c)


@compiled
def multiply_transposed(a: int, num_columns: int, num_rows: int, b: int, width: int, zeros: int, c: int) -> None:
    """One panel c = aᵀ b for up to 32 neighbouring columns of a panel.

    Args:
        a: Address of the first column, in its first row.
        num_columns: Number of columns, which are the rows of c.
        num_rows: Number of rows of a and b.
        b: Address of a panel.
        width: Number of columns of b, up to 32.
        zeros: Address of a row of 32 zeros.
        c: Address of the resulting panel.
    """
    if width > WIDTH:
        _transposed(a, num_columns, ROW_BYTES, 0, b, num_rows, zeros, c)
    else:
        _half_transposed(a, num_columns, ROW_BYTES, 0, b, num_rows, zeros, c)


@compiled
def multiply_sparse(a: int, num_rows: int, lists: int, b: int, inner: int, width: int, start: int, c: int) -> None:
    """``multiply`` without the columns of a that are zero: the same sums in the same order, but for zeros.

    Args:
        a: As in ``multiply``.
        num_rows: As in ``multiply``.
        lists: Address of a list for each ``BLOCK`` of rows, see ``sparsity``.
        b: As in ``multiply``.
        inner: As in ``multiply``.
        width: As in ``multiply``.
        start: As in ``multiply``.
        c: As in ``multiply``.
    """
    jump = ROW_BYTES * (num_rows - 1) + 4
    for row in range(0, num_rows, BLOCK):
        columns, rows = lists + row // BLOCK * list_bytes(inner), min(BLOCK, num_rows - row)
        from_a, to_c = a + row * ROW_BYTES, c + row * ROW_BYTES
        if width > WIDTH:
            _sparse(from_a, rows, jump, columns + COUNT_BYTES, b, load_integer(columns), start, to_c)
        else:
            _half_sparse(from_a, rows, jump, columns + COUNT_BYTES, b, load_integer(columns), start, to_c)


@compiled
def multiply_sparse_transposed(
    a: int, num_columns: int, num_rows: int, lists: int, b: int, width: int, zeros: int, c: int
) -> None:
    """``multiply_transposed`` without the rows of a that are zero.

    Args:
        a: As in ``multiply_transposed``.
        num_columns: As in ``multiply_transposed``. Whole groups are computed, so a's panel and c need room for them.
        num_rows: As in ``multiply_transposed``.
        lists: Address of a list for each ``GROUP`` of columns, see ``sparsity``.
        b: As in ``multiply_transposed``.
        width: As in ``multiply_transposed``.
        zeros: As in ``multiply_transposed``.
        c: As in ``multiply_transposed``.
    """
    for column in range(0, num_columns, GROUP):
        rows = lists + column // GROUP * list_bytes(num_rows)
        from_a, to_c = a + 4 * column, c + column * ROW_BYTES
        if width > WIDTH:
            _group(from_a, ROW_BYTES, rows + COUNT_BYTES, b, load_integer(rows), zeros, to_c)
        else:
            _half_group(from_a, ROW_BYTES, rows + COUNT_BYTES, b, load_integer(rows), zeros, to_c)
