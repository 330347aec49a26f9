"""What diagnostics see of a stack at one step: what it computes from some training images, each quantity once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bnreg.metrics import cross_entropy
from bnreg.nn.dropout import StackedDropout
from bnreg.nn.examples import Examples, for_replicas
from bnreg.nn.network import Affine, StackedActivation, StackedNetwork
from bnreg.nn.noisy_batch_norm import StackedNoisyBatchNorm


class Found(NamedTuple):
    """One number of each network.

    Attributes:
        layer: The layer that it belongs to, counted from 1; 0 for the whole network.
        name: What it is.
        values: Shape (R,).
    """

    layer: int
    name: str
    values: Tensor


@dataclass(frozen=True)
class Before:
    """What is remembered of the look before.

    Attributes:
        step: The step of the look.
        sorted: For each hidden layer, the values of each unit on the probe in ascending order, shape (R, n, units).
        weights: The weights of each layer, shape (R, outputs, …).
    """

    step: int
    sorted: Sequence[Tensor]
    weights: Sequence[Tensor]


@dataclass(frozen=True)
class Sight:
    """A stack at one step.

    The probe passes through it as one batch: norms use the statistics of the probe, as they use those of a batch in
    training, and nothing is dropped.

    Attributes:
        network: The stack.
        probe: Training images of which all numbers are, unless they say otherwise.
        test: The test set.
        step: Number of optimiser steps done.
        lr: The learning rate of each replica, shape (R,).
        before: What is remembered of the look before, if there was one.
    """

    network: StackedNetwork
    probe: Examples
    test: Examples
    step: int
    lr: Tensor
    before: Before | None = field(repr=False)

    @property
    def num_replicas(self) -> int:
        """R."""
        return self.network.num_replicas

    @property
    def affine_layers(self) -> Sequence[Affine]:
        """The layers with weights, from input to output."""
        return self.network.affine_layers

    @cached_property
    def activations(self) -> Sequence[StackedActivation]:
        """The activations, from input to output."""
        return [layer for layer in self.network.layers if isinstance(layer, StackedActivation)]

    @property
    def pre_activations(self) -> Sequence[Tensor]:
        """For each hidden layer, what its activation reads, shape (R, n, units), with n values of each unit or map."""
        return self._passed[0]

    @property
    def normed(self) -> Sequence[tuple[nn.Module, Tensor]]:
        """Each norm, from input to output, with what it reads, shape (R, n, nodes or maps)."""
        return self._passed[2]

    @property
    def gradients(self) -> Sequence[Tensor]:
        """For each layer with weights, the gradient of the probe's mean loss by its weights."""
        return self._passed[1]

    @cached_property
    def _passed(self) -> tuple[list[Tensor], Sequence[Tensor], list[tuple[nn.Module, Tensor]]]:
        """All three from one pass forward and backward."""
        kept: list[tuple[nn.Module, Tensor]] = []
        watched = [one for one in self.network.layers if isinstance(one, StackedActivation) or hasattr(one, "gamma")]
        hooks = [
            one.register_forward_pre_hook(lambda one, read: kept.append((one, read[0].detach()))) for one in watched
        ]
        try:
            with as_a_batch(self.network), torch.enable_grad():
                x, y = self.probe.batch(self.probe.indices)
                loss = cross_entropy(self.network(x), for_replicas(y, self.num_replicas)).mean(1).sum()
                gradients = torch.autograd.grad(loss, [layer.weight for layer in self.affine_layers])
        finally:
            for hook in hooks:
                hook.remove()
        pre_activations = [read for layer, read in kept if isinstance(layer, StackedActivation)]
        normed = [(layer, read) for layer, read in kept if not isinstance(layer, StackedActivation)]
        return pre_activations, gradients, normed

    def remembered(self) -> Before:
        """What the next look may need."""
        return Before(
            self.step,
            [z.sort(dim=1).values for z in self.pre_activations],
            [layer.weight.detach().clone() for layer in self.affine_layers],
        )


@contextmanager
def as_a_batch(network: StackedNetwork) -> Iterator[None]:
    """Within this block a batch passes as in training, without dropout; statistics, random streams and modes stay."""
    modes = {layer: layer.training for layer in network.modules()}
    buffers = {name: values.clone() for name, values in network.named_buffers()}
    noisy = [layer for layer in network.layers if isinstance(layer, StackedNoisyBatchNorm)]
    generators = {one: one.get_state() for layer in noisy for one in layer.generators}
    network.train()
    for layer in network.layers:
        if isinstance(layer, StackedDropout):
            layer.eval()
    try:
        yield
    finally:
        with torch.no_grad():
            for name, values in network.named_buffers():
                values.copy_(buffers[name])
        for one, state in generators.items():
            one.set_state(state)
        for layer, mode in modes.items():
            layer.training = mode
