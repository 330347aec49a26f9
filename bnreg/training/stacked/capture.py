"""A step of a shard's stacks on CUDA: side by side, and as a graph.

A step of small networks is some hundred kernels, and each of them is done before Python has launched the next. A CUDA
graph holds all of them and is launched at once::

    indices ─ images, scaled ─┬─ stack 0: forward, backward, update ─┬─
              labels          └─ stack 1: forward, backward, update ─┘

The stacks are branches, which the device computes at the same time.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from bnreg.training.stacked.feed import Feed
from bnreg.training.stacked.stack import Stack

# Of each size of batch: what libraries allocate at their first use must not become a part of the graph.
NUM_EAGER = 3


class Graph(NamedTuple):
    """A captured step.

    Attributes:
        drawn: What it reads, at its place.
        graph: Its kernels.
    """

    drawn: tuple[Tensor, ...]
    graph: torch.cuda.CUDAGraph


class SideBySide:
    """Trains stacks on the same batches; a step has the same results, to the bit, whether or not it was captured.

    Args:
        stacks: The stacks, all on one CUDA device.
        feed: The batches.
    """

    def __init__(self, stacks: Sequence[Stack], feed: Feed) -> None:
        self._stacks = stacks
        self._feed = feed
        self._device = stacks[0].device
        self._streams = [torch.cuda.Stream(self._device) for _ in stacks]  # type: ignore[no-untyped-call] # torch's own
        self._num_eager: Counter[torch.Size] = Counter()
        self._graphs: dict[torch.Size, Graph] = {}

    def step(self, drawn: tuple[Tensor, ...]) -> None:
        """Train all stacks on a batch that the feed has drawn."""
        for stack in self._stacks:
            stack.optimizer.prepare()
        size = drawn[0].shape
        if self._num_eager[size] < NUM_EAGER:
            self._num_eager[size] += 1
            self._descend(drawn)
            return
        if size not in self._graphs:
            self._graphs[size] = self._captured(drawn)
        captured = self._graphs[size]
        for place, values in zip(captured.drawn, drawn, strict=True):
            place.copy_(values)
        captured.graph.replay()

    def _descend(self, drawn: tuple[Tensor, ...]) -> None:
        x, y = self._feed.batch(*drawn)
        before = torch.cuda.current_stream(self._device)
        for stack, stream in zip(self._stacks, self._streams, strict=True):
            stream.wait_stream(before)
            with torch.cuda.stream(stream):
                stack.descend(x, y)
        for stream in self._streams:
            before.wait_stream(stream)

    def _captured(self, drawn: tuple[Tensor, ...]) -> Graph:
        """Capture the step for batches of this size; nothing is computed yet."""
        found = Graph(tuple(values.clone() for values in drawn), torch.cuda.CUDAGraph())
        for stack in self._stacks:
            for generator in stack.generators:
                found.graph.register_generator_state(generator)
        with torch.cuda.device(self._device), torch.cuda.graph(found.graph):
            self._descend(found.drawn)
        return found
