"""The parts of the compiled engine: vectors, products, random numbers, dropout and the layout."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cells import make_cell
from support.stacks import shard_of

from bnreg.data import Standardisation
from bnreg.nn.activations import ACTIVATIONS
from bnreg.nn.architecture import Architecture
from bnreg.training.compiled.coverage import TRACEABLE, _Probe, unavailable
from bnreg.training.compiled.layout import PANEL, Layout, zeros
from bnreg.training.compiled.program import CompiledProgram

if unavailable() is not None:
    pytest.skip(f"no compiled engine here: {unavailable()}", allow_module_level=True)

import numba

from bnreg.training.compiled.activations import Traced, activation, derivative, derivative_by_slope
from bnreg.training.compiled.images import Images, gather
from bnreg.training.compiled.products import (
    BLOCK,
    COUNT_BYTES,
    GROUP,
    bytes_of_list,
    multiply,
    multiply_sparse,
    multiply_sparse_transposed,
    multiply_transposed,
)
from bnreg.training.compiled.random_bits import first_uniform, second_uniform
from bnreg.training.compiled.sparsity import list_columns, list_rows
from bnreg.training.compiled.vectors import BYTES, WIDTH, exp, full, largest, load, store, total, transpose


@numba.njit
def exp_of(x, y, num_values):
    for place in range(0, 4 * num_values, BYTES):
        store(y + place, exp(load(x + place)))


@numba.njit
def activated(number, slope, z, values, by_z, by_slope, num_values):
    for place in range(0, 4 * num_values, BYTES):
        z_here, s = load(z + place), full(numba.float32(slope))
        store(values + place, activation(number, z_here, s))
        store(by_z + place, derivative(number, z_here, s))
        store(by_slope + place, derivative_by_slope(number, z_here, s))


@numba.njit
def multiplied(*arguments):
    multiply(*arguments)


@numba.njit
def multiplied_transposed(*arguments):
    multiply_transposed(*arguments)


@numba.njit
def multiplied_sparse(*arguments):
    multiply_sparse(*arguments)


@numba.njit
def multiplied_sparse_transposed(*arguments):
    multiply_sparse_transposed(*arguments)


@numba.njit
def listed_columns_of(*arguments):
    list_columns(*arguments)


@numba.njit
def listed_rows_of(*arguments):
    list_rows(*arguments)


@numba.njit
def gathered(*arguments):
    gather(*arguments)


@numba.njit
def reduced(x):
    return total(load(x)), largest(load(x))


@numba.njit
def transposed(source, target):
    transpose(source, BYTES, target)


@numba.njit
def uniform(key, counter, step, first, second):
    store(first, first_uniform(key, counter, step))
    store(second, second_uniform(key, counter, step))


def address(array):
    return array.ctypes.data


def in_panels(matrix):
    """A matrix in panels of 32 columns."""
    rows, columns = matrix.shape
    panels = zeros(-(-columns // PANEL), rows, PANEL)
    for first in range(0, columns, PANEL):
        part = matrix[:, first : first + PANEL]
        panels[first // PANEL, :, : part.shape[1]] = part
    return panels


def test_the_exponential_is_within_two_units_of_the_last_place():
    x = np.linspace(-87, 88, 1 << 16, dtype=np.float32)
    y = np.zeros_like(x)
    exp_of(address(x), address(y), len(x))
    exact = np.exp(x.astype(np.float64))
    assert (np.abs(y - exact) / np.spacing(exact.astype(np.float32))).max() < 2


def test_the_exponential_has_the_limits_of_the_exponential():
    x = np.float32([-np.inf, -1e30, -88, 0, -0.0, 89, 1e30, np.inf, *([np.nan] * 8)])
    y = np.ones_like(x)
    exp_of(address(x), address(y), len(x))
    assert y.tolist()[:8] == [0, 0, 0, 1, 1, np.inf, np.inf, np.inf]
    assert np.isnan(y[8:]).all()


@pytest.mark.parametrize("name", TRACEABLE)
def test_a_traced_activation_has_the_values_and_derivatives_of_its_definition(name):
    """Against float64 and autograd, from −30 to 30 and around 0."""
    z = np.concatenate([np.linspace(-30, 30, 4096), np.linspace(-1e-3, 1e-3, 4096)]).astype(np.float32)
    values, by_z, by_slope = (np.zeros_like(z) for _ in range(3))
    activated(TRACEABLE.index(name), 0.25, address(z), address(values), address(by_z), address(by_slope), len(z))
    exact = torch.from_numpy(z).double().requires_grad_()
    slope = torch.full_like(exact, 0.25, requires_grad=True)
    inputs = (exact,) if ACTIVATIONS[name].learnt_slope is None else (exact, slope)
    y = ACTIVATIONS[name].function(*inputs)
    gradients = torch.autograd.grad(y.sum(), inputs)
    # 1 + erf loses what 1 has: 0.5 z (1 + erf) is exact to |z| units of erf's error, in torch as well
    assert values == pytest.approx(y.detach().numpy(), rel=1e-6, abs=3e-6 if name == "gelu" else 1e-9)
    assert by_z == pytest.approx(gradients[0].numpy(), abs=3e-6)
    if len(inputs) == 2:
        assert by_slope == pytest.approx(gradients[1].numpy(), rel=1e-6)


@pytest.mark.parametrize("name", TRACEABLE)
def test_a_traced_activation_swallows_no_nan(name):
    z = np.full(WIDTH, np.nan, np.float32)
    values, *others = (np.zeros_like(z) for _ in range(3))
    activated(TRACEABLE.index(name), 0.25, address(z), address(values), *map(address, others), len(z))
    assert np.isnan(values).all()


def test_every_activation_that_can_be_trained_is_traced():
    """And what decides this knows the methods that can be traced."""
    assert {name for name, one in ACTIVATIONS.items() if one.trainable} == {*TRACEABLE}
    methods = {name for name, value in vars(Traced).items() if callable(value)} - {"__init__"}
    assert {name for name, value in vars(_Probe).items() if callable(value)} >= {
        name for name in methods if name == f"__{name.strip('_')}__" or not name.startswith("_")
    }


def test_sums_and_maxima_of_a_vector():
    x = np.random.default_rng(0).standard_normal(WIDTH).astype(np.float32)
    of_sum, most = reduced(address(x))
    assert of_sum == pytest.approx(x.sum(dtype=np.float64), abs=1e-6)
    assert most == x.max()


def test_a_block_is_transposed():
    x = np.arange(WIDTH * WIDTH, dtype=np.float32).reshape(WIDTH, WIDTH)
    y = np.zeros_like(x)
    transposed(address(x), address(y))
    assert np.array_equal(y, x.T)


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(1, 100), st.integers(1, PANEL), st.integers(0, 2**32 - 1))
def test_a_product_of_any_shape_is_that_of_numpy(rows, inner, width, seed):
    """Both kinds, exactly, since the numbers are small integers."""
    rng = np.random.default_rng(seed)
    a, b, start = (rng.integers(-8, 9, shape).astype(np.float32) for shape in ((rows, inner), (inner, width), width))
    first = np.pad(start, (0, PANEL - width))
    in_a, in_b, c = in_panels(a), in_panels(b), zeros(rows, PANEL)
    multiplied(address(in_a), rows, address(in_b), inner, width, address(first), address(c))
    assert np.array_equal(c[:, :width], a @ b + start)
    columns = min(inner, PANEL)
    g = rng.integers(-8, 9, (rows, width)).astype(np.float32)
    in_g, c = in_panels(g), zeros(PANEL, PANEL)
    multiplied_transposed(address(in_a), columns, rows, address(in_g), width, address(zeros(PANEL)), address(c))
    assert np.array_equal(c[:columns, :width], a[:, :columns].T @ g)


def test_pixels_are_the_correctly_rounded_quotients_and_then_standardised():
    """All 256 of them, in an image whose pixels fill no whole vector."""
    images = np.arange(256, dtype=np.uint8).repeat(2).reshape(2, 256)
    images = np.concatenate([images, images[:, :3]], axis=1).copy()
    quotients = images[[1, 0]].astype(np.float32) / np.float32(255)
    for scale, shift in ((np.ones(259), np.zeros(259)), (np.linspace(1, 3, 259), np.linspace(-1, 1, 259))):
        standardisation = Standardisation(scale.astype(np.float32), shift.astype(np.float32))
        panels, masks = zeros(9, 2, PANEL), np.full((2, 5), -1)
        gathered(Images(images, standardisation).addresses, np.array([1, 0]), address(panels), address(masks))
        found = panels.swapaxes(0, 1).reshape(2, -1)[:, :259]
        if scale[-1] == 1:
            assert np.array_equal(found, quotients)
        np.testing.assert_allclose(found, quotients * scale + shift, rtol=1e-6, atol=1e-7)
        assert np.array_equal(masks, masks_of(found))


def masks_of(matrix):
    """A bit for each number that is not zero, in words of 64 bits."""
    padded = np.pad(matrix != 0, ((0, 0), (0, -matrix.shape[1] % 64)))
    return np.packbits(padded, axis=1, bitorder="little").view(np.int64)


def lists_in(memory, most):
    """The lists in a memory for some."""
    for content in memory.view(np.uint8).reshape(-1, bytes_of_list(most)):
        (count,) = content[:COUNT_BYTES].view(np.int64)
        yield content[COUNT_BYTES:].view(np.int32)[:count].tolist()


@settings(max_examples=60)
@given(
    st.integers(1, 40),
    st.integers(1, 150),
    st.integers(1, PANEL),
    st.sampled_from([0, 0.2, 1]),
    st.integers(0, 2**32 - 1),
)
def test_a_product_without_zeros_is_the_whole_product(rows, inner, width, share, seed):
    """Both kinds, exactly, since the numbers are small integers; and the lists are those of numpy."""
    rng = np.random.default_rng(seed)
    a, b, start = (rng.integers(-8, 9, shape).astype(np.float32) for shape in ((rows, inner), (inner, width), width))
    a *= rng.random(a.shape) < share
    masks, halves = masks_of(a), zeros(2 * -(-inner // 64), -(-rows // WIDTH) * WIDTH)
    columns, listed_rows = (
        zeros(-(-count // size), bytes_of_list(most) // 4)
        for count, size, most in ((rows, BLOCK, inner), (inner, GROUP, rows))
    )
    halves[:] = np.nan
    listed_columns_of(address(masks), rows, inner, address(columns))
    listed_rows_of(address(masks), rows, inner, address(halves), address(listed_rows))
    blocks = [a[first : first + BLOCK].any(0) for first in range(0, rows, BLOCK)]
    groups = [a[:, first : first + GROUP].any(1) for first in range(0, inner, GROUP)]
    assert [*lists_in(columns, inner)] == [np.flatnonzero(one).tolist() for one in blocks]
    assert [*lists_in(listed_rows, rows)] == [np.flatnonzero(one).tolist() for one in groups]

    first = np.pad(start, (0, PANEL - width))
    in_a, in_b, c = in_panels(a), in_panels(b), zeros(rows, PANEL)
    multiplied_sparse(address(in_a), rows, address(columns), address(in_b), inner, width, address(first), address(c))
    assert np.array_equal(c[:, :width], a @ b + start)
    g = rng.integers(-8, 9, (rows, width)).astype(np.float32)
    in_g, c, nothing = in_panels(g), zeros(PANEL, PANEL), zeros(PANEL)
    for panel, of_panel in enumerate(in_a):
        some = a[:, PANEL * panel : PANEL * (panel + 1)]
        lists = listed_rows[PANEL // GROUP * panel :]
        multiplied_sparse_transposed(
            address(of_panel), some.shape[1], rows, address(lists), address(in_g), width, address(nothing), address(c)
        )
        assert np.array_equal(c[: some.shape[1], :width], some.T @ g)


# The known answers of Random123 for Threefry-2x32 with 20 rounds: counter, key, result.
KNOWN = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_random_numbers_are_those_of_threefry(counter, key, words):
    first, second = (np.zeros(WIDTH, np.float32) for _ in range(2))
    signed = np.uint64(key[0] | key[1] << 32).astype(np.int64)
    uniform(signed, counter[0], counter[1], address(first), address(second))
    assert (first[0], second[0]) == tuple(np.float32((word >> 8) / 2**24) for word in words)


def test_dropout_drops_the_share_that_its_rate_says_and_keeps_the_mean(tiny):
    """Each layer, replica and step has masks of its own; a rate of 0 drops nothing, even beside another rate."""
    model = {"hidden": (64, 64), "activation": "identity"}
    cells = [make_cell(f"{rate}", model=model | {"dropout": rate}) for rate in (0.0, 0.25, 0.5)]
    (stack,) = CompiledProgram(shard_of(cells, (0, 1)), tiny).stacks
    assert stack.operations["rate"].max(axis=1).tolist() == [0, 0, 0.25, 0.25, 0.5, 0.5]
    keys = stack.operations["key"]
    assert len(np.unique(keys[keys != 0])) == 2 * len(stack.replicas)
    first, second = (np.zeros(WIDTH, np.float32) for _ in range(2))
    numbers = []
    for step in range(40):
        for counter in range(0, 320, WIDTH):
            uniform(int(keys[0].max()), counter, step, address(first), address(second))
            numbers += [first.copy(), second.copy()]
    numbers = np.concatenate(numbers)
    assert len(np.unique(numbers)) > 0.99 * len(numbers)
    for rate in (0.25, 0.5):
        assert abs((numbers < rate).mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / len(numbers))


def test_the_arrays_of_a_layout_do_not_overlap_and_are_read_as_they_were_written():
    layout = Layout(Architecture((5, 7), 11, hidden=(40, 3), norm="batch", activation="prelu"), dropout=True)
    vectors = {True: zeros(2, layout.num_parameters), False: zeros(2, layout.num_statistics)}
    rng = np.random.default_rng(0)
    tensors = [*layout.parameters, *layout.statistics]
    written = {tensor.name: rng.standard_normal((2, *tensor.shape)).astype(np.float32) for tensor in tensors}
    for tensor in tensors:
        tensor.write(vectors[tensor.kind is not None], written[tensor.name])
    for tensor in tensors:
        read = tensor.read(vectors[tensor.kind is not None])
        assert np.array_equal(read, written[tensor.name])
        assert not np.shares_memory(read, vectors[tensor.kind is not None])
