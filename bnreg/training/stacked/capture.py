"""A step of a shard's stacks on CUDA: side by side, and as a graph.

A step of small networks is a hundred kernels, and each of them is done before Python has launched the next. A CUDA
graph holds all of them and is launched at once; the stacks are branches of it, which the device computes at the same
time.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from bnreg.training.stacked.stack import Stack

# Of each shape of batch: what libraries allocate at their first use must not become a part of the graph.
NUM_EAGER = 3


class Graph(NamedTuple):
    """A captured step.

    Attributes:
        x: The inputs that it reads.
        y: The labels that it reads.
        graph: Its kernels.
    """

    x: Tensor
    y: Tensor
    graph: torch.cuda.CUDAGraph


class SideBySide:
    """Trains stacks on the same batches; a step has the same results, to the bit, whether or not it was captured.

    Args:
        stacks: The stacks, all on one CUDA device.
    """

    def __init__(self, stacks: Sequence[Stack]) -> None:
        self._stacks = stacks
        self._device = stacks[0].device
        self._streams = [torch.cuda.Stream(self._device) for _ in stacks]  # type: ignore[no-untyped-call] # torch's own
        self._num_eager: Counter[torch.Size] = Counter()
        self._graphs: dict[torch.Size, Graph] = {}

    def step(self, x: Tensor, y: Tensor) -> None:
        """Train all stacks on one batch: x of shape (S, batch, pixels), y of shape (S, batch)."""
        for stack in self._stacks:
            stack.optimizer.prepare()
        if self._num_eager[x.shape] < NUM_EAGER:
            self._num_eager[x.shape] += 1
            self._descend(x, y)
            return
        if x.shape not in self._graphs:
            self._graphs[x.shape] = self._captured(x, y)
        captured = self._graphs[x.shape]
        captured.x.copy_(x)
        captured.y.copy_(y)
        captured.graph.replay()

    def _descend(self, x: Tensor, y: Tensor) -> None:
        before = torch.cuda.current_stream(self._device)
        for stack, stream in zip(self._stacks, self._streams, strict=True):
            stream.wait_stream(before)
            with torch.cuda.stream(stream):
                stack.descend(x, y)
        for stream in self._streams:
            before.wait_stream(stream)

    def _captured(self, x: Tensor, y: Tensor) -> Graph:
        """Capture the step for batches of this shape; nothing is computed yet."""
        found = Graph(x.clone(), y.clone(), torch.cuda.CUDAGraph())
        for stack in self._stacks:
            for generator in stack.generators:
                found.graph.register_generator_state(generator)
        with torch.cuda.device(self._device), torch.cuda.graph(found.graph):
            self._descend(found.x, found.y)
        return found
