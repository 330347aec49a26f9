"""The frame of every engine: epochs, records, what is kept, and the state to continue from."""

import time
from collections import defaultdict
from collections.abc import Iterator

from bnreg.names import ReplicaId
from bnreg.training.engines import Program
from bnreg.training.in_training import StackInTraining
from bnreg.training.messages import EngineState, EpochDone, Row, ShardResult, StepsDone
from bnreg.training.shards import Shard

REPORT_SECONDS = 0.2


class FramedEngine:
    """Trains all replicas of a shard with a program; see ``engines.Engine``.

    Args:
        shard: The shard to train.
        num_classes: Number of classes of the data set.
        program: The networks, untrained.
        state: Where to continue; None starts from the beginning.
    """

    def __init__(self, shard: Shard, num_classes: int, program: Program, state: EngineState | None = None) -> None:
        self._shard = shard
        self._program = program
        self._stacks = [StackInTraining(stack, num_classes) for stack in program.stacks]
        self._order_hashes: list[dict[int, str]] = []  # of each finished epoch, by seed
        self._epochs = 0  # evaluated epochs
        self._steps_in_epoch = 0
        self._rows: list[Row] = []
        if state is not None:
            self._restore(state)
            return
        for one in self._stacks:
            one.begin(program.sets)

    @property
    def num_steps(self) -> int:
        """Number of optimiser steps done."""
        return self._epochs * self._program.order.num_steps + self._steps_in_epoch

    def train(self) -> Iterator[StepsDone | EpochDone]:
        """Train to the end and report progress.

        Nothing inside an epoch waits for the device; the metrics are read after its last step.
        """
        yield StepsDone(self._shard.index, self.num_steps)
        while self._epochs < self._shard.settings.training.epochs and not all(one.has_stopped for one in self._stacks):
            yield from self._train_epoch()
            rows = self._evaluate()
            yield EpochDone(self._shard.index, self._epochs, self.num_steps, rows)

    def _train_epoch(self) -> Iterator[StepsDone]:
        """The remaining steps of the epoch."""
        last_report = time.monotonic()
        for trained in self._program.train(self._epochs + 1, skip=self._steps_in_epoch):
            for one, seconds in zip(self._stacks, trained.seconds, strict=True):
                one.seconds += seconds
            self._steps_in_epoch += trained.num_steps
            if time.monotonic() - last_report > REPORT_SECONDS:
                last_report = time.monotonic()
                yield StepsDone(self._shard.index, self.num_steps)

    def _evaluate(self) -> list[Row]:
        """Evaluate all replicas, and record the results only when all are done; the epoch is then finished."""
        evaluated = [one.evaluate(self._program.sets) for one in self._stacks]
        self._epochs, self._steps_in_epoch = self._epochs + 1, 0
        self._order_hashes.append(self._program.order.hashes())
        noted = [one.note(self._epochs, found) for one, found in zip(self._stacks, evaluated, strict=True)]
        rows = [row for of_stack in noted for row in of_stack]
        self._rows += rows
        return rows

    def result(self) -> ShardResult:
        """The results of the trained shard; the state does not change."""
        result = ShardResult(tables={"metrics": self._rows, "summary": []})
        for one in self._stacks:
            one.add_to(result, self._program.sets, self._order_hashes)
        return result

    def state(self) -> EngineState:
        """A copy of everything that is needed to continue."""
        arrays = {
            f"stack{i}/{name}": values for i, one in enumerate(self._stacks) for name, values in one.arrays().items()
        }
        facts = {
            "epochs": self._epochs,
            "steps_in_epoch": self._steps_in_epoch,
            "rows": [*self._rows],
            "batch_order": self._batch_order(),
            "stacks": [one.facts() for one in self._stacks],
        }
        return EngineState(arrays, facts)

    def _batch_order(self) -> list[str]:
        """For each seed, the hash of the order of examples in the evaluated epochs."""
        return [*self._order_hashes[-1].values()] if self._order_hashes else []

    def _restore(self, state: EngineState) -> None:
        """Continue from a state that may come from anywhere; what does not fit raises one kind of error."""
        try:
            self._continue_from(state)
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError) as error:
            raise ValueError("it is not what bnreg writes") from error

    def _continue_from(self, state: EngineState) -> None:
        epochs, steps, rows = (state.facts[name] for name in ("epochs", "steps_in_epoch", "rows"))
        if not (
            epochs in range(self._shard.settings.training.epochs + 1)
            and steps in range(self._program.order.num_steps + 1)
        ):
            raise ValueError("its steps are beyond the last epoch")
        if len(state.facts["stacks"]) != len(self._stacks):
            raise ValueError("it has another number of stacks")
        self._epochs, self._steps_in_epoch, self._rows = epochs, steps, [*rows]
        for epoch in range(1, self._epochs + 1):  # a partial hash cannot be saved, so the orders are hashed again
            self._program.order.of_epoch(epoch)
            self._order_hashes.append(self._program.order.hashes())
        if state.facts["batch_order"] != self._batch_order():
            raise ValueError("its examples came in another order")
        by_replica: dict[ReplicaId, list[Row]] = defaultdict(list)
        for row in rows:
            by_replica[ReplicaId(*map(row.get, ReplicaId._fields))].append(row)
        for i, (one, facts) in enumerate(zip(self._stacks, state.facts["stacks"], strict=True)):
            prefix = f"stack{i}/"
            arrays = {
                name.removeprefix(prefix): values for name, values in state.arrays.items() if name.startswith(prefix)
            }
            one.restore(arrays, facts, by_replica, self._program.sets, num_epochs=epochs, num_steps=self.num_steps)
        if sum(one.num_replicas for one in self._stacks) < len(by_replica):
            raise ValueError("it has rows of other networks")
