"""A stack with everything that its training needs: records, kept states and timing."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from bnreg.budget import Moment
from bnreg.names import ReplicaId
from bnreg.training.engines import Evaluated, TrainableStack
from bnreg.training.keeping import Keeper, Sets
from bnreg.training.messages import Proof, Row, ShardResult
from bnreg.training.record import ReplicaRecord
from bnreg.training.schedules import lr_at
from bnreg.training.shards import count_parameters

if TYPE_CHECKING:
    from bnreg.diagnostics.watch import Watch

WATCH = "watch/"  # before the names of what a watch remembers


class StackInTraining:
    """A stack and the records of its replicas so far.

    Attributes:
        stack: The stack.
        num_replicas: Number of networks.
        seconds: The time that its steps took.
        watch: What looks at its networks while they train, if anything does.

    Args:
        stack: The stack, freshly initialised.
        num_classes: Number of classes of the data set.
    """

    def __init__(self, stack: TrainableStack, num_classes: int) -> None:
        self.stack = stack
        self.num_replicas = len(stack.replicas)
        self.seconds = 0.0
        self.watch: Watch | None = None
        self._records = [ReplicaRecord(cell, seed, num_classes) for cell, seed in stack.replicas]
        self._keeper = Keeper(stack, self._records)
        self._weight_hashes = stack.weight_hashes()

    @property
    def has_stopped(self) -> bool:
        """Whether all replicas have stopped."""
        return all(record.stopped for record in self._records)

    def begin(self, sets: Sets) -> None:
        """Make the settings' changes to the network before the first step."""
        if self.stack.settings.model.norm_init == "identity":
            self.stack.correct_statistics(sets["train"], as_identity=True)

    def look(self, step: int, steps_per_epoch: int) -> list[Row]:
        """Look at all replicas; return a row for each that has not stopped and everything that was found."""
        assert self.watch is not None
        settings = (cell.settings for cell, _ in self.stack.replicas)
        rates = [lr_at(one.optimizer, step, one.training.budget(steps_per_epoch)) for one in settings]
        states = map(self.stack.state_of, range(self.num_replicas))
        found = self.watch.look(states, step, rates)
        return [
            {**record.replica._asdict(), "step": step, "layer": layer, "name": name, "value": values[replica]}
            for replica, record in enumerate(self._records)
            for layer, name, values in found
            if not record.stopped and math.isfinite(values[replica])
        ]

    def note(self, moment: Moment, evaluated: Evaluated) -> list[Row]:
        """Record an evaluation; return a row for each replica that has not stopped."""
        noted = (record.add(moment, one) for record, one in zip(self._records, evaluated.metrics, strict=True))
        rows = [row for row in noted if row]
        self._keeper.keep(evaluated.correct)
        return rows

    def add_to(self, result: ShardResult, sets: Sets, order_hashes: Sequence[Mapping[int, str]]) -> None:
        """Add the replicas' final results to the shard's; the stack itself does not change.

        Args:
            result: The shard's result, which is extended.
            sets: The examples of each split.
            order_hashes: For each evaluation, by seed: the hash of the order of examples in all epochs begun.
        """
        with self.stack.preserved():
            by_population = self._keeper.finish(sets)
            result.weights.extend(self._keeper.weights(sets))
        result.correct.update(self._keeper.correct())
        cost = {
            "seconds": self.seconds / self.num_replicas,
            "num_parameters": count_parameters(self.stack.architecture),
        }
        for record, weights, metrics in zip(self._records, self._weight_hashes, by_population, strict=True):
            result.tables["summary"].append(record.summary(metrics) | cost)
            order = order_hashes[record.num_evaluations - 1][record.replica.seed]
            result.pairing.append(Proof(record.replica, weights, order, record.num_epochs))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays of its state, by name."""
        seen = {} if self.watch is None else self.watch.state()
        watched = {f"{WATCH}{name}": values for name, values in seen.items()}
        return self.stack.state() | self._keeper.state() | watched

    def facts(self) -> dict[str, Any]:
        """The rest of its state, as JSON data; the records can be made again from the shard's rows."""
        return {"seconds": self.seconds, "initial_weights": self._weight_hashes}

    def restore(
        self,
        arrays: Mapping[str, NDArray[Any]],
        facts: Mapping[str, Any],
        rows: Mapping[ReplicaId, Sequence[Row]],
        sets: Sets,
        moments: Sequence[Moment],
        *,
        num_steps: int,
    ) -> None:
        """Continue from a state.

        Args:
            arrays: As ``arrays`` returned.
            facts: As ``facts`` returned.
            rows: The rows of each replica so far.
            sets: The examples of each split.
            moments: The moments of the evaluations so far.
            num_steps: Number of optimiser steps done.

        Raises:
            ValueError: If it is not a state of these replicas.
        """
        if facts["initial_weights"] != self._weight_hashes:
            raise ValueError("its networks began with other weights")
        names = self.stack.metric_names(sets) | {*ReplicaId._fields, *Moment._fields}
        for record in self._records:
            mine = rows.get(record.replica, ())
            if any(row.keys() != names for row in mine):
                raise ValueError("its rows have other metrics")
            record.add_again(moments, mine)
            if len(mine) > len(moments) or (len(mine) < len(moments) and not record.stopped):
                raise ValueError("it does not have the rows of its evaluations")
        self._keeper.restore(arrays, sets["test"].indices.shape[1])
        self.stack.restore(arrays, num_steps)
        if self.watch is not None:
            self.watch.restore({name.removeprefix(WATCH): arrays[name] for name in arrays if name.startswith(WATCH)})
        self.seconds = float(facts["seconds"])
