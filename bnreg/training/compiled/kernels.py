"""The compiled programs: what is called from Python, once for many steps or for many examples."""

from typing import Any

import numba
import numpy as np

from bnreg.training.compiled.cache import program
from bnreg.training.compiled.images import gather
from bnreg.training.compiled.layers import place_of
from bnreg.training.compiled.network import backward, forward, loss_gradient
from bnreg.training.compiled.parts import compiled
from bnreg.training.compiled.products import PANEL, ROW_BYTES
from bnreg.training.compiled.sparsity import list_columns, list_rows
from bnreg.training.compiled.vectors import (
    BYTES,
    FLUSH_SUBNORMALS,
    control_word,
    cycles,
    exp,
    full,
    largest,
    load,
    load_number,
    maximum,
    set_control_word,
    total,
)

float32 = numba.float32


@program
def train(
    images: Any,
    labels: Any,
    order: Any,
    batch_size: int,
    first_step: int,
    rules: Any,
    operations: Any,
    arms: Any,
    networks: Any,
    panels: Any,
    scratch: Any,
    ahead: Any,
    spent: Any,
) -> None:
    """Train the networks of one seed on successive batches, all on each batch.

    Args:
        images: Structured as ``images.IMAGES``.
        labels: Labels of all images, int64.
        order: The indices of the examples, batch after batch.
        batch_size: Number of examples in a batch; the last may have fewer.
        first_step: Number of optimiser steps done before.
        rules: For each step, arm and kind of parameter, structured as ``updates.RULE``.
        operations: Those of all arms, structured as ``layout.OPERATION``.
        arms: For each arm: its first operation, and the one after its last.
        networks: For each arm the addresses of its vectors, structured as ``network.NETWORK``.
        panels: Memory for the batch and the outputs of all operations.
        scratch: Structured as ``network.SCRATCH``.
        ahead: Structured as ``network.AHEAD``.
        spent: Clock cycles that each arm took; they are added.
    """
    word = control_word(0)
    set_control_word(word | FLUSH_SUBNORMALS)
    batch = panels.ctypes.data
    ahead.images, ahead.num_pixels, ahead.order = images.pixels, images.num_pixels, order.ctypes.data
    for step in range(len(rules)):
        indices = order[step * batch_size : (step + 1) * batch_size]
        rows = len(indices)
        read_batch(images, indices, batch, scratch)
        if scratch.is_sparse:
            list_rows(scratch.masks, rows, images.num_pixels, scratch.halves, scratch.rows)
        ahead.next, ahead.end = (step + 1) * batch_size, min((step + 2) * batch_size, len(order))
        ahead.at_a_time = batch_size * PANEL // (images.num_pixels * len(arms)) + 1
        for arm in range(len(arms)):
            start = cycles(0)
            own, network = operations[arms[arm, 0] : arms[arm, 1]], networks[arm]
            forward(own, network, batch, rows, first_step + step, scratch)
            last = own[len(own) - 1]
            logits = batch + last.result * rows * ROW_BYTES
            loss_gradient(logits, rows, last.outputs, scratch.padding, labels, indices, scratch.gradient)
            backward(own, network, rules[step, arm], batch, rows, first_step + step, scratch, ahead)
            spent[arm] += cycles(0) - start
    set_control_word(word)


@program
def evaluate(
    images: Any,
    labels: Any,
    label_rows: Any,
    indices: Any,
    rows_at_a_time: int,
    operations: Any,
    parts: Any,
    networks: Any,
    panels: Any,
    scratch: Any,
    losses: Any,
    correct: Any,
) -> None:
    """Evaluate networks on examples that they share.

    Args:
        images: Structured as ``images.IMAGES``.
        labels: Labels of all images, int64 of shape (rows, N).
        label_rows: The row of labels that each of the R networks reads.
        indices: The examples, shape (n,).
        rows_at_a_time: Number of examples at a time.
        operations: Those of all networks.
        parts: For each network: its first operation, and the one after its last.
        networks: The addresses of their vectors, shape (R,).
        panels: As in ``train``.
        scratch: As in ``train``.
        losses: Sum of the losses of each network, to which these are added.
        correct: Becomes, for each network and example, whether it is classified correctly, shape (R, n).
    """
    word = control_word(0)
    set_control_word(word | FLUSH_SUBNORMALS)
    batch = panels.ctypes.data
    for first in range(0, len(indices), rows_at_a_time):
        chunk = indices[first : first + rows_at_a_time]
        read_batch(images, chunk, batch, scratch)
        for r in range(len(networks)):
            own = operations[parts[r, 0] : parts[r, 1]]
            forward(own, networks[r], batch, len(chunk), -1, scratch)
            last = own[len(own) - 1]
            logits = batch + last.result * len(chunk) * ROW_BYTES
            right = correct[r, first : first + rows_at_a_time]
            losses[r] += judge(logits, last.outputs, scratch.padding, labels[label_rows[r]], chunk, right)
    set_control_word(word)


@compiled
def read_batch(images: Any, indices: Any, panels: int, scratch: Any) -> None:
    """Write images into panels and, if they are sparse, the lists of columns that are not zero."""
    gather(images, indices, panels, scratch.masks)
    scratch.is_sparse = images.are_sparse
    if images.are_sparse:
        list_columns(scratch.masks, len(indices), images.num_pixels, scratch.columns)


@compiled
def judge(z: int, classes: int, padding: int, labels: Any, indices: Any, correct: Any) -> Any:
    """The sum of the cross-entropies log Σ eᶻ − z_y; ``correct`` becomes whether z_y is the first of the largest."""
    rows = len(indices)
    loss, product = 0.0, 1.0
    for row in range(rows):
        most = full(float32(-np.inf))
        for column in range(0, 4 * classes, BYTES):
            most = maximum(most, load(z + place_of(column, rows) + row * ROW_BYTES) + load(padding + column))
        peak = largest(most)
        sums = full(float32(0))
        for column in range(0, 4 * classes, BYTES):
            here = z + place_of(column, rows) + row * ROW_BYTES
            sums = sums + exp(load(here) + load(padding + column) - full(peak))
        label = labels[indices[row]]
        of_label = load_number(z + place_of(4 * label, rows) + row * ROW_BYTES)
        loss += np.float64(peak) - np.float64(of_label)
        product *= np.float64(total(sums))  # at most 2³² each, so thirty of them are far below the largest number
        if row % 30 == 29:
            loss += np.log(product)
            product = 1.0
        is_first = of_label == peak
        for earlier in range(label):
            is_first = is_first and load_number(z + place_of(4 * earlier, rows) + row * ROW_BYTES) != peak
        correct[row] = is_first
    loss += np.log(product)
    return loss


@program
def add_moments(
    images: Any,
    indices: Any,
    operations: Any,
    networks: Any,
    source: int,
    panels: Any,
    scratch: Any,
    count: int,
    means: Any,
    squares: Any,
) -> None:
    """Add a chunk of examples to the means and sums of squared deviations of what an operation reads.

    Args:
        images: Structured as ``images.IMAGES``.
        indices: The chunk's examples.
        operations: Those before it, of each network, shape (R, operations).
        networks: The addresses of the networks' vectors, shape (R,).
        source: The first panel that it reads.
        panels: As in ``train``.
        scratch: As in ``train``.
        count: Number of examples that were added before.
        means: Their means, float64 of shape (R, width).
        squares: Their sums of squared deviations, float64 of shape (R, width).

    References:
        Chan, Golub & LeVeque, Updating formulae and a pairwise algorithm for computing sample variances, 1979
    """
    word = control_word(0)
    set_control_word(word | FLUSH_SUBNORMALS)
    rows = len(indices)
    read_batch(images, indices, panels.ctypes.data, scratch)
    for r in range(len(networks)):
        forward(operations[r], networks[r], panels.ctypes.data, rows, -1, scratch)
        for column in range(means.shape[1]):
            first = (source * rows + column // PANEL * rows) * PANEL + column % PANEL
            values = panels[first : first + rows * PANEL : PANEL]
            mean = 0.0
            for row in range(rows):
                mean += np.float64(values[row])
            mean /= rows
            square = 0.0
            for row in range(rows):
                centred = np.float64(values[row]) - mean
                square += centred * centred
            shift = mean - means[r, column]
            means[r, column] += shift * (rows / (count + rows))
            squares[r, column] += square + shift * shift * (np.float64(count) * rows / (count + rows))
    set_control_word(word)
