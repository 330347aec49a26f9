"""The frame of every engine: steps, evaluations, records, what is kept, and the state to continue from."""

import math
import time
from collections import defaultdict
from collections.abc import Iterator

from bnreg.budget import Moment
from bnreg.data import Dataset
from bnreg.names import ReplicaId
from bnreg.training.engines import Program
from bnreg.training.in_training import StackInTraining
from bnreg.training.messages import EngineState, EvaluationDone, Row, ShardResult, StepsDone
from bnreg.training.shards import Shard

REPORT_SECONDS = 0.2


class FramedEngine:
    """Trains all replicas of a shard with a program; see ``engines.Engine``.

    Args:
        shard: The shard to train.
        dataset: The data.
        program: The networks, untrained.
        state: Where to continue; None starts from the beginning.
        device: Where to look at networks that are watched.
    """

    def __init__(
        self,
        shard: Shard,
        dataset: Dataset,
        program: Program,
        state: EngineState | None = None,
        *,
        device: str = "cpu",
    ) -> None:
        self._shard = shard
        self._program = program
        self._stacks = [StackInTraining(stack, dataset.num_classes) for stack in program.stacks]
        self._steps_per_epoch = program.order.num_steps
        self._moments = (*shard.settings.training.budget(self._steps_per_epoch).moments(),)
        self._looks = shard.settings.look_steps(self._steps_per_epoch)
        if self._looks:
            from bnreg.training.watching import watch_over

            for one, watch in zip(
                self._stacks, watch_over(program.stacks, dataset, program.order, device), strict=True
            ):
                one.watch = watch
        self._num_looks = 0
        self._seen: list[Row] = []
        self._order_hashes: list[dict[int, str]] = []  # at each evaluation, by seed
        self._steps = 0
        self._rows: list[Row] = []
        if state is not None:
            self._restore(state)
            return
        for one in self._stacks:
            one.begin(program.sets)

    @property
    def num_steps(self) -> int:
        """Number of optimiser steps done."""
        return self._steps

    @property
    def _num_evaluated(self) -> int:
        """Number of evaluations done."""
        return len(self._order_hashes)

    def train(self) -> Iterator[StepsDone | EvaluationDone]:
        """Train to the end and report progress.

        Nothing between two evaluations waits for the device.
        """
        yield StepsDone(self._shard.index, self._steps)
        for moment in self._moments[self._num_evaluated :]:
            if all(one.has_stopped for one in self._stacks):
                return
            yield from self._train_and_look_until(moment.step)
            rows = self._evaluate(moment)
            yield EvaluationDone(self._shard.index, moment.epoch, self._steps, rows)

    def _train_and_look_until(self, end: int) -> Iterator[StepsDone]:
        """The steps up to this one, and the looks at their steps."""
        while True:
            look = next(iter(self._looks[self._num_looks :]), None)
            if look == self._steps:
                self._seen += [row for one in self._stacks for row in one.look(look, self._steps_per_epoch)]
                self._num_looks += 1
            elif self._steps == end:
                return
            else:
                yield from self._train_until(end if look is None else min(end, look))

    def _train_until(self, end: int) -> Iterator[StepsDone]:
        """The steps up to this one, as far as they are in the same epoch."""
        last_report = time.monotonic()
        epoch, first = divmod(self._steps, self._steps_per_epoch)
        end_in_epoch = min(self._steps_per_epoch, first + end - self._steps)
        for trained in self._program.train(epoch + 1, first, end_in_epoch):
            for one, seconds in zip(self._stacks, trained.seconds, strict=True):
                one.seconds += seconds
            self._steps += trained.num_steps
            if time.monotonic() - last_report > REPORT_SECONDS:
                last_report = time.monotonic()
                yield StepsDone(self._shard.index, self._steps)

    def _evaluate(self, moment: Moment) -> list[Row]:
        """Evaluate all replicas, and record the results only when all are done."""
        evaluated = self._program.evaluate()
        self._order_hashes.append(self._program.order.hashes())
        noted = [one.note(moment, found) for one, found in zip(self._stacks, evaluated, strict=True)]
        rows = [row for of_stack in noted for row in of_stack]
        self._rows += rows
        return rows

    def result(self) -> ShardResult:
        """The results of the trained shard; the state does not change."""
        seen = {"diagnostics": self._seen} if self._looks else {}
        result = ShardResult(tables={"metrics": self._rows, "summary": [], **seen})
        for one in self._stacks:
            one.add_to(result, self._program.sets, self._order_hashes)
        return result

    def state(self) -> EngineState:
        """A copy of everything that is needed to continue."""
        arrays = {
            f"stack{i}/{name}": values for i, one in enumerate(self._stacks) for name, values in one.arrays().items()
        }
        facts = {
            "evaluated": self._num_evaluated,
            "steps": self._steps,
            "rows": [*self._rows],
            "looks": self._num_looks,
            "seen": [*self._seen],
            "batch_order": self._batch_order(),
            "stacks": [one.facts() for one in self._stacks],
        }
        return EngineState(arrays, facts)

    def _batch_order(self) -> list[str]:
        """For each seed, the hash of the order of examples at the last evaluation."""
        return [*self._order_hashes[-1].values()] if self._order_hashes else []

    def _restore(self, state: EngineState) -> None:
        """Continue from a state that may come from anywhere; what does not fit raises one kind of error."""
        try:
            self._continue_from(state)
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError) as error:
            raise ValueError("it is not what bnreg writes") from error

    def _continue_from(self, state: EngineState) -> None:
        num_evaluated, steps, rows = (state.facts[name] for name in ("evaluated", "steps", "rows"))
        moments = self._moments[:num_evaluated]
        following = self._moments[num_evaluated:][:1]
        if not (
            num_evaluated == len(moments)
            and steps in range(max((one.step for one in moments), default=0), (moments + following)[-1].step + 1)
        ):
            raise ValueError("its steps are not between two evaluations")
        if len(state.facts["stacks"]) != len(self._stacks):
            raise ValueError("it has another number of stacks")
        self._steps, self._rows = steps, [*rows]
        self._num_looks, self._seen = state.facts["looks"], [*state.facts["seen"]]
        if self._num_looks not in (
            sum(look < steps for look in self._looks),
            sum(look <= steps for look in self._looks),
        ):
            raise ValueError("it does not have the looks of its steps")
        for moment in moments:
            self._program.order.begin(moment.epoch)
            self._order_hashes.append(self._program.order.hashes())
        if state.facts["batch_order"] != self._batch_order():
            raise ValueError("its examples came in another order")
        self._program.order.begin(math.ceil(steps / self._steps_per_epoch))
        by_replica: dict[ReplicaId, list[Row]] = defaultdict(list)
        for row in rows:
            by_replica[ReplicaId(*map(row.get, ReplicaId._fields))].append(row)
        for i, (one, facts) in enumerate(zip(self._stacks, state.facts["stacks"], strict=True)):
            prefix = f"stack{i}/"
            arrays = {
                name.removeprefix(prefix): values for name, values in state.arrays.items() if name.startswith(prefix)
            }
            one.restore(arrays, facts, by_replica, self._program.sets, moments, num_steps=steps)
        if sum(one.num_replicas for one in self._stacks) < len(by_replica):
            raise ValueError("it has rows of other networks")
