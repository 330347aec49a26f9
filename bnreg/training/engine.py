"""The first engine: torch with stacked parameters, on CPU and CUDA."""

import time
from collections.abc import Iterator

import torch

from bnreg.data import Dataset
from bnreg.training.feed import Feed
from bnreg.training.keeping import Keeper
from bnreg.training.messages import EpochDone, Row, ShardResult, State, StepsDone, Weights
from bnreg.training.population import correct_statistics
from bnreg.training.record import ReplicaRecord
from bnreg.training.shards import Shard, architecture, count_parameters
from bnreg.training.stack import Stack

REPORT_SECONDS = 0.2


class Engine:
    """Trains all replicas of a shard.

    Between two steps, that is whenever ``train`` has yielded something, its state can be taken; an engine that is given
    the state goes on as this one would, to the bit. Evaluation and final statistics change nothing in it: it can be
    taken after they were stopped, too.

    Args:
        shard: What to train.
        dataset: The data.
        device: Where to train.
        state: Where to go on; None: at the beginning.
    """

    def __init__(self, shard: Shard, dataset: Dataset, device: torch.device, state: State | None = None) -> None:
        self._shard = shard
        self._device = device
        self._num_epochs = shard.settings.training.epochs
        height, width = dataset.train_images.shape[1:]
        self._feed = Feed(dataset, shard.settings.data, shard.seeds, device, drop_single=shard.drop_single)
        self._evaluation_sets = self._feed.evaluation_sets()
        self._stacks = [
            Stack(
                cells,
                shard.seeds,
                architecture=architecture(cells[0].settings, (height, width), dataset.num_classes),
                steps_per_epoch=self._feed.num_steps,
                device=device,
            )
            for cells in shard.stacks
        ]
        self._weight_hashes = [stack.weight_hashes() for stack in self._stacks]
        self._records = [
            [ReplicaRecord(cell, seed, dataset.num_classes) for cell, seed in stack.replicas] for stack in self._stacks
        ]
        self._keepers = [Keeper(stack, some) for stack, some in zip(self._stacks, self._records, strict=True)]
        self._order_hashes: list[list[str]] = []  # of each epoch that was begun
        self._epochs = 0  # those that were evaluated
        self._steps_in_epoch = 0
        self._seconds = [0.0] * len(self._stacks)
        self._rows: list[Row] = []
        if state is not None:
            self._restore(state)
            return
        for stack in self._stacks:
            if stack.settings.model.norm_init == "identity":
                correct_statistics(stack.network, *self._evaluation_sets["train"], as_identity=True)

    @property
    def num_steps(self) -> int:
        """Optimiser steps done."""
        return self._epochs * self._feed.num_steps + self._steps_in_epoch

    def train(self) -> Iterator[StepsDone | EpochDone]:
        """Train to the end and say how it goes.

        Nothing inside an epoch waits for the device; the metrics are read after its last step.
        """
        yield StepsDone(self._shard.index, self.num_steps)
        while self._epochs < self._num_epochs and not self._all_stopped():
            yield from self._train_epoch()
            rows = self._evaluate()
            yield EpochDone(self._shard.index, self._epochs, self.num_steps, rows)

    def _all_stopped(self) -> bool:
        return all(record.stopped for records in self._records for record in records)

    def _train_epoch(self) -> Iterator[StepsDone]:
        """The steps that are left of the epoch."""
        last_report = time.monotonic()
        epoch_start = time.perf_counter()
        is_cpu = self._device.type == "cpu"
        batches = self._feed.batches(self._epochs + 1, skip=self._steps_in_epoch)
        for x, y in batches:
            for i, stack in enumerate(self._stacks):
                start = time.perf_counter()
                stack.step(x, y)
                self._seconds[i] += (time.perf_counter() - start) * is_cpu
            self._steps_in_epoch += 1
            if time.monotonic() - last_report > REPORT_SECONDS:
                last_report = time.monotonic()
                yield StepsDone(self._shard.index, self.num_steps)
        if not is_cpu:  # a step returns before it is done: only the whole epoch can be timed, and shared out
            torch.cuda.synchronize(self._device)
            each = (time.perf_counter() - epoch_start) / self._shard.num_replicas
            self._seconds = [s + each * len(t.replicas) for s, t in zip(self._seconds, self._stacks, strict=True)]

    def _evaluate(self) -> list[Row]:
        """Evaluate all replicas, and only once that is done take note of it: the epoch is then over."""
        evaluated = [stack.evaluate(self._evaluation_sets) for stack in self._stacks]
        self._epochs, self._steps_in_epoch = self._epochs + 1, 0
        self._order_hashes.append(self._feed.order_hashes())
        rows: list[Row] = []
        for (metrics, test_correct), records, keeper in zip(evaluated, self._records, self._keepers, strict=True):
            added = [record.add(self._epochs, one) for record, one in zip(records, metrics, strict=True)]
            rows += [row for row in added if row]
            keeper.keep(test_correct)
        self._rows += rows
        return rows

    def result(self) -> ShardResult:
        """What the trained shard has come to; the state stays what it is."""
        result = ShardResult(metrics=self._rows)
        places = {seed: place for place, seed in enumerate(self._shard.seeds)}
        for stack, records, hashes, seconds, keeper in zip(
            self._stacks, self._records, self._weight_hashes, self._seconds, self._keepers, strict=True
        ):
            with stack.preserved():
                by_population = keeper.finish(self._evaluation_sets)
                result.weights.extend(Weights(*one) for one in keeper.weights(self._evaluation_sets))
            result.test_correct.extend(keeper.test_correct())
            cost = {
                "seconds": seconds / len(stack.replicas),
                "num_parameters": count_parameters(stack.network.architecture),
            }
            for (_, seed), record, weights, metrics in zip(stack.replicas, records, hashes, by_population, strict=True):
                result.summary.append(record.summary(metrics) | cost)
                order = self._order_hashes[record.num_epochs - 1][places[seed]]
                proof = {"initial_weights": weights, "batch_order": order, "epochs": record.num_epochs}
                result.pairing.append(record.identity | proof)
        return result

    def state(self) -> State:
        """Everything that is needed to go on: a copy."""
        arrays = {
            f"stack{i}/{name}": values.detach().cpu().numpy().copy()
            for i, (stack, keeper) in enumerate(zip(self._stacks, self._keepers, strict=True))
            for name, values in (stack.state() | keeper.state()).items()
        }
        facts = {
            "epochs": self._epochs,
            "steps_in_epoch": self._steps_in_epoch,
            "seconds": self._seconds,
            "rows": self._rows,
            "records": [[record.state() for record in records] for records in self._records],
        }
        return State(arrays, facts)

    def _restore(self, state: State) -> None:
        for i, (stack, keeper) in enumerate(zip(self._stacks, self._keepers, strict=True)):
            prefix = f"stack{i}/"
            mine = {
                n.removeprefix(prefix): torch.from_numpy(v) for n, v in state.arrays.items() if n.startswith(prefix)
            }
            keeper.restore(mine)
            stack.restore(mine)
        self._epochs, self._steps_in_epoch = state.facts["epochs"], state.facts["steps_in_epoch"]
        self._seconds, self._rows = state.facts["seconds"], state.facts["rows"]
        for records, states in zip(self._records, state.facts["records"], strict=True):
            for record, one in zip(records, states, strict=True):
                record.restore(one)
        for stack in self._stacks:
            stack.optimizer.num_steps = self.num_steps
        for epoch in range(1, self._epochs + 1):  # the hash of an order goes on, and cannot be kept
            self._feed.order(epoch)
            self._order_hashes.append(self._feed.order_hashes())
