"""A network's step, in the order of the equations: forward, the gradient of the loss, backward with the updates."""

from typing import Any

import numba
import numpy as np

from bnreg.training.compiled.layers import (
    activate,
    activate_backward,
    affine,
    are_finite,
    by_slope,
    copy,
    drop,
    normalise,
    normalise_backward,
    normalise_by_running,
    place_of,
    sum_rows,
)
from bnreg.training.compiled.layout import ACTIVATION, AFFINE, NORM
from bnreg.training.compiled.parts import compiled
from bnreg.training.compiled.products import (
    GROUP,
    PANEL,
    ROW_BYTES,
    list_bytes,
    multiply,
    multiply_sparse_transposed,
    multiply_transposed,
)
from bnreg.training.compiled.updates import update
from bnreg.training.compiled.vectors import (
    BYTES,
    CACHE_LINE,
    WIDTH,
    exp,
    full,
    largest,
    load,
    load_integer,
    load_number,
    maximum,
    prefetch,
    store,
    store_number,
    total,
    transpose,
)

float32 = numba.float32
# The addresses of a replica's vectors: parameters, their two moments, and running statistics.
NETWORK = np.dtype([(name, np.int64) for name in ("parameters", "first", "second", "statistics")])

# What a step writes and needs no longer: addresses, and whether the batch is sparse.
SCRATCH = np.dtype(
    [
        (name, np.int64)
        for name in (
            "zeros",  # a row of panels
            "padding",  # a row of the classes' panels: 0 for a class, −∞ for padding
            "statistics",  # of the batch, at the places of the running ones
            "gradient",  # of the widest output
            "other_gradient",
            "sums",  # a row of the widest output
            "more_sums",
            "strip",  # the gradient of 32 inputs' weights
            "narrow_strip",  # the same for up to 16 outputs; its right half stays zero
            "transposed",  # 32 inputs' weights, transposed
            "masks",  # a row of bits for each example of the batch: whether a number is not zero, see ``images.gather``
            "columns",  # of a sparse batch, a list of columns for each block of examples, see ``sparsity``
            "rows",  # and a list of examples for each group of columns
            "halves",  # the bits that these lists are made from
            "is_sparse",  # whether most numbers of the batch are zero
        )
    ]
)
# The images of the next batch, which are fetched into the cache while this one is led back.
AHEAD = np.dtype(
    [
        ("images", np.int64),  # address of all images
        ("num_pixels", np.int64),
        ("order", np.int64),  # address of the order of examples
        ("next", np.int64),  # place of the next example in it
        ("end", np.int64),  # and of the one after the last
        ("at_a_time", np.int64),
    ]
)
WEIGHTS, BIASES, NORMS, SLOPES = range(4)  # the places of a step's rules, in the order of ``layout.KINDS``


@compiled
def forward(ops: Any, network: Any, panels: int, rows: int, step: int, scratch: Any) -> None:
    """Compute the outputs of all operations on a batch, in evaluation if the step is −1.

    Args:
        ops: Structured as ``layout.OPERATION``.
        network: Addresses of a replica's vectors, structured as ``NETWORK``.
        panels: Address of the batch, which the operations' outputs follow.
        rows: Number of examples.
        step: Number of the step, for the dropout.
        scratch: Structured as ``SCRATCH``.
    """
    w, running = network.parameters, network.statistics
    for i in range(len(ops)):
        op = ops[i]
        x, y = panels + op.source * rows * ROW_BYTES, panels + op.result * rows * ROW_BYTES
        weight, shift = w + 4 * op.weight, w + 4 * op.shift
        if op.kind == AFFINE:
            lists = scratch.columns if scratch.is_sparse and op.source == 0 else 0
            if lists and step < 0 and not are_finite(weight, op.inputs, op.outputs):
                lists = 0  # 0 · ∞ is NaN, which tells that the network has diverged
            affine(x, rows, op.inputs, op.outputs, weight, shift if op.shift >= 0 else scratch.zeros, y, lists)
        elif op.kind == NORM and step < 0:
            normalise_by_running(x, rows, op.inputs, weight, shift, running + 4 * op.statistics, op, y)
        elif op.kind == NORM:
            of_batch = scratch.statistics + 4 * op.statistics
            normalise(x, rows, op.inputs, weight, shift, running + 4 * op.statistics, op, of_batch, y)
        elif op.kind == ACTIVATION:
            slope = load_number(weight) if op.has_slope else float32(0)
            activate(x, rows, op.inputs, op.activation, slope, y)
        elif step >= 0:
            drop(x, rows, op.inputs, op, step, y)
        else:
            copy(x, rows, op.inputs, y)


@compiled
def backward(ops: Any, network: Any, rules: Any, panels: int, rows: int, step: int, scratch: Any, ahead: Any) -> None:
    """Lead the gradient of the loss back through all operations, and update each parameter once it is used.

    Args:
        ops: As in ``forward``.
        network: As in ``forward``.
        rules: The optimiser's rule for each kind of parameter, structured as ``updates.RULE``.
        panels: As ``forward`` left them.
        rows: Number of examples.
        step: Number of the step.
        scratch: With the gradient of the loss by the last output at ``gradient``.
        ahead: The next batch, structured as ``AHEAD``.
    """
    g, other = scratch.gradient, scratch.other_gradient
    for i in range(len(ops) - 1, -1, -1):
        op = ops[i]
        x = panels + op.source * rows * ROW_BYTES
        if op.kind == AFFINE:
            affine_backward(op, network, rules, x, rows, g, other, scratch, ahead)
            g, other = other, g
        elif op.kind == NORM:
            normalise_backward(
                x,
                rows,
                op.inputs,
                network.parameters + 4 * op.weight,
                scratch.statistics + 4 * op.statistics,
                g,
                scratch.sums,
                scratch.more_sums,
            )
            update_row(rules[NORMS], network, op.weight, scratch.sums, op.inputs)
            update_row(rules[NORMS], network, op.shift, scratch.more_sums, op.inputs)
        elif op.kind == ACTIVATION:
            slope = load_number(network.parameters + 4 * op.weight) if op.has_slope else float32(0)
            if op.has_slope:
                store(scratch.sums, full(float32(0)))
                by_slope(x, rows, op.inputs, op.activation, slope, g, scratch.sums)
                update_row(rules[SLOPES], network, op.weight, scratch.sums, 1)
            activate_backward(x, rows, op.inputs, op.activation, slope, g)
        else:
            drop(g, rows, op.inputs, op, step, g)


@compiled
def affine_backward(
    op: Any, network: Any, rules: Any, x: int, rows: int, g: int, grad_x: int, scratch: Any, ahead: Any
) -> None:
    """∂L/∂b = Σ g, ∂L/∂x = g W and ∂L/∂W = gᵀ x, one panel of inputs after another.

    The update of a panel of W follows while its gradient is in the first-level cache; ∂L/∂x needs W as it was before.
    """
    if op.shift >= 0:
        sum_rows(g, rows, op.outputs, scratch.sums)
        update_row(rules[BIASES], network, op.shift, scratch.sums, op.outputs)
    reads_batch = op.source == 0
    for panel in range((op.inputs + PANEL - 1) // PANEL):
        if reads_batch:
            fetch(ahead)
        inputs = min(PANEL, op.inputs - PANEL * panel)
        of_panel = panel * rows * ROW_BYTES
        if not reads_batch:
            weight = network.parameters + 4 * op.weight + PANEL * panel * ROW_BYTES
            transpose_weight(weight, op.inputs, inputs, op.outputs, scratch.transposed)
            multiply(g, rows, scratch.transposed, op.outputs, inputs, scratch.zeros, grad_x + of_panel)
        for out in range((op.outputs + PANEL - 1) // PANEL):
            outputs = min(PANEL, op.outputs - PANEL * out)
            grad_weight = scratch.strip if outputs > WIDTH else scratch.narrow_strip
            of_out = g + out * rows * ROW_BYTES
            if reads_batch and scratch.is_sparse:
                lists = scratch.rows + panel * (PANEL // GROUP) * list_bytes(rows)
                multiply_sparse_transposed(
                    x + of_panel, inputs, rows, lists, of_out, outputs, scratch.zeros, grad_weight
                )
            else:
                multiply_transposed(x + of_panel, inputs, rows, of_out, outputs, scratch.zeros, grad_weight)
            place = 4 * op.weight + (out * op.inputs + PANEL * panel) * ROW_BYTES
            update(
                rules[WEIGHTS],
                network.parameters + place,
                network.first + place,
                network.second + place,
                grad_weight,
                inputs * PANEL,
            )


@compiled
def fetch(ahead: Any) -> None:
    """Fetch some more images of the next batch, without waiting for them."""
    for place in range(ahead.next, min(ahead.next + ahead.at_a_time, ahead.end)):
        image = ahead.images + load_integer(ahead.order + 8 * place) * ahead.num_pixels
        for pixel in range(0, ahead.num_pixels, CACHE_LINE):
            prefetch(image + pixel)
    ahead.next += ahead.at_a_time


@compiled
def update_row(rule: Any, network: Any, place: int, gradient: int, width: int) -> None:
    """Update a parameter of one row, such as a bias."""
    w, first, second = network.parameters + 4 * place, network.first + 4 * place, network.second + 4 * place
    update(rule, w, first, second, gradient, (width + WIDTH - 1) // WIDTH * WIDTH)


@compiled
def transpose_weight(weight: int, num_inputs: int, inputs: int, outputs: int, transposed: int) -> None:
    """One panel of Wᵀ: for each output, its weights from up to 32 inputs.

    Args:
        weight: Address of the first of these inputs in the first panel of outputs.
        num_inputs: Number of all inputs: the rows of a panel of W.
        inputs: Number of these inputs.
        outputs: Number of outputs.
        transposed: Address of a panel of ``outputs`` rows.
    """
    for first_output in range(0, outputs, WIDTH):
        block = weight + first_output // PANEL * num_inputs * ROW_BYTES + first_output % PANEL * 4
        for first_input in range(0, inputs, WIDTH):
            to = transposed + first_output * ROW_BYTES + 4 * first_input
            if inputs - first_input >= WIDTH:
                transpose(block + first_input * ROW_BYTES, ROW_BYTES, to)
                continue
            for output in range(WIDTH):
                store(to + output * ROW_BYTES, full(float32(0)))
                for i in range(inputs - first_input):
                    number = load_number(block + (first_input + i) * ROW_BYTES + 4 * output)
                    store_number(to + output * ROW_BYTES + 4 * i, number)


@compiled
def loss_gradient(z: int, rows: int, classes: int, padding: int, labels: Any, order: Any, g: int) -> None:
    """∂L/∂z = (softmax z − y) / m for the mean cross-entropy of m examples, where y is the label's one-hot row.

    Args:
        z: The logits.
        rows: m.
        classes: Number of classes.
        padding: Address of one number per column: 0 for a class, −∞ for padding.
        labels: The labels of all examples.
        order: The indices of the batch.
        g: The resulting gradient.
    """
    share = float32(1) / float32(rows)
    for row in range(rows):
        most = full(float32(-np.inf))
        for column in range(0, 4 * classes, BYTES):
            here = place_of(column, rows) + row * ROW_BYTES
            most = maximum(most, load(z + here) + load(padding + column))
        peak = full(largest(most))
        sums = full(float32(0))
        for column in range(0, 4 * classes, BYTES):
            here = place_of(column, rows) + row * ROW_BYTES
            e = exp(load(z + here) + load(padding + column) - peak)
            store(g + here, e)
            sums = sums + e
        scale = full(share / total(sums))
        for column in range(0, 4 * classes, BYTES):
            here = g + place_of(column, rows) + row * ROW_BYTES
            store(here, load(here) * scale)
        right = g + place_of(4 * labels[order[row]], rows) + row * ROW_BYTES
        store_number(right, load_number(right) - share)
