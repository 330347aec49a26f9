"""The compiled engine's program: the networks of a shard on one CPU core, seed by seed."""

import time
from collections.abc import Iterator

import numpy as np

from bnreg.data import Dataset, standardisation_of
from bnreg.training.compiled import kernels
from bnreg.training.compiled.images import Images
from bnreg.training.compiled.stack import CompiledStack, Examples, Networks, evaluate_together
from bnreg.training.compiled.workspace import Workspace
from bnreg.training.engines import Evaluated, StepsTrained
from bnreg.training.order import Order
from bnreg.training.shards import Shard, architecture

PRODUCTS_BETWEEN_REPORTS = 2e10  # multiplications of all networks: less than half a second
PRODUCTS_PER_UPDATE = 20  # what the update of a parameter takes, in multiplications


class CompiledProgram:
    """The stacks of a shard, and the batches that they read; see ``engines.Program``.

    The arms of a seed train on each batch one after another, while it is in the cache. Networks share nothing but the
    batch, so no network's bits depend on what trains beside it.

    Args:
        shard: The shard to train.
        dataset: The data.
    """

    def __init__(self, shard: Shard, dataset: Dataset) -> None:
        self.order = Order(dataset, shard.settings.data, shard.seeds, drop_single=shard.drop_single)
        standardisation = standardisation_of(dataset, shard.settings.data.standardise)
        train, test = (Images(images, standardisation) for images in (dataset.train_images, dataset.test_images))
        self.sets = {
            split: Examples(test if split == "test" else train, self.order.labels(split), indices)
            for split, indices in self.order.indices().items()
        }
        shape, num_classes = dataset.train_images.shape[1:], dataset.num_classes
        self.stacks = [
            CompiledStack(cells, shard.seeds, architecture(cells[0].settings, shape, num_classes), standardisation)
            for cells in shard.stacks
        ]
        rows = min(self.order.batch_size, self.sets["train"].indices.shape[1])
        self._workspace = Workspace([stack.layout for stack in self.stacks], num_classes, rows)
        num_seeds = len(shard.seeds)
        self._seeds = [Networks.of(self.stacks, slice(seed, None, num_seeds)) for seed in range(num_seeds)]
        parameters = sum(stack.layout.num_parameters * len(stack.replicas) for stack in self.stacks)
        self._steps_per_report = max(1, int(PRODUCTS_BETWEEN_REPORTS / parameters / (3 * rows + PRODUCTS_PER_UPDATE)))

    def train(self, epoch: int, first: int, end: int) -> Iterator[StepsTrained]:
        """Train on some of an epoch's batches, and stop for a moment after some steps; see ``engines.Program``."""
        order = self.order.of_epoch(epoch)
        for begin in range(first, end, self._steps_per_report):
            num_steps = min(self._steps_per_report, end - begin)
            yield StepsTrained(num_steps, self._train(order, epoch, begin, num_steps))

    def _train(self, order: np.ndarray, epoch: int, first: int, num_steps: int) -> list[float]:
        """Train all seeds on some batches of an epoch; return the seconds that each stack took."""
        batch_size, before = self.order.batch_size, (epoch - 1) * self.order.num_steps + first
        rules = np.concatenate([stack.rules(before, num_steps, self.order.num_steps) for stack in self.stacks], axis=1)
        examples = self.sets["train"]
        cycles = np.zeros(rules.shape[1], np.int64)
        start = time.perf_counter()
        for seed, networks in enumerate(self._seeds):
            kernels.train(
                examples.images.addresses,
                examples.labels[seed % len(examples.labels)],
                order[seed, first * batch_size : (first + num_steps) * batch_size],
                batch_size,
                before,
                rules,
                *networks,
                self._workspace.panels,
                self._workspace.scratch,
                self._workspace.ahead,
                cycles,
            )
        seconds = (time.perf_counter() - start) * cycles / cycles.sum()
        ends = np.cumsum([len(stack.cells) for stack in self.stacks])
        return [float(part.sum()) for part in np.split(seconds, ends[:-1])]

    def evaluate(self) -> list[Evaluated]:
        """Evaluate each stack on all splits."""
        return evaluate_together(self.stacks, self.sets)
