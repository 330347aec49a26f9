"""The torch engine's program: a shard's replicas as stacks with a leading replica axis, on CPU and CUDA."""

import time
from collections.abc import Iterator

import torch
from torch import Tensor

from bnreg.data import Dataset, standardisation_of
from bnreg.training.engines import Evaluated, StepsTrained
from bnreg.training.shards import Shard, architecture
from bnreg.training.stacked.capture import SideBySide
from bnreg.training.stacked.feed import Feed
from bnreg.training.stacked.stack import Stack


class StackedProgram:
    """The stacks of a shard, and the batches that they read; see ``engines.Program``.

    Args:
        shard: The shard to train.
        dataset: The data.
        device: The device to train on.
    """

    def __init__(self, shard: Shard, dataset: Dataset, device: str) -> None:
        self._device = torch.device(device)
        self._feed = Feed(dataset, shard.settings.data, shard.seeds, self._device, drop_single=shard.drop_single)
        self.order = self._feed.order
        self.sets = self._feed.evaluation_sets()
        standardisation = standardisation_of(dataset, shard.settings.data.standardise)
        self.stacks = [
            Stack(
                cells,
                shard.seeds,
                architecture=architecture(cells[0].settings, dataset.train_images.shape[1:], dataset.num_classes),
                steps_per_epoch=self.order.num_steps,
                standardisation=standardisation,
                device=self._device,
            )
            for cells in shard.stacks
        ]
        self._side_by_side = SideBySide(self.stacks, self._feed) if self._device.type == "cuda" else None

    def evaluate(self) -> list[Evaluated]:
        """Evaluate each stack on all splits."""
        return [stack.evaluate(self.sets) for stack in self.stacks]

    def train(self, epoch: int, first: int, end: int) -> Iterator[StepsTrained]:
        """Train on some of an epoch's batches, and stop for a moment after each; see ``engines.Program``."""
        if self._side_by_side is not None:
            yield from self._train_side_by_side(self._side_by_side, self._feed.draws(epoch, first, end))
            return
        for x, y in self._feed.batches(epoch, first, end):
            seconds = []
            for stack in self.stacks:
                before = time.perf_counter()
                stack.step(x, y)
                seconds.append(time.perf_counter() - before)
            yield StepsTrained(1, seconds)

    def _train_side_by_side(self, stacks: SideBySide, draws: Iterator[tuple[Tensor, ...]]) -> Iterator[StepsTrained]:
        start = time.perf_counter()
        for drawn in draws:
            stacks.step(drawn)
            yield StepsTrained(1, [0.0] * len(self.stacks))
        torch.cuda.synchronize(self._device)  # a step returns before it is done: all are timed, and then divided
        numbers = [len(stack.replicas) for stack in self.stacks]
        each = (time.perf_counter() - start) / sum(numbers)
        yield StepsTrained(0, [each * number for number in numbers])
