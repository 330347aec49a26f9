"""The parts of trained networks that are kept: the best epoch's state, population statistics, the weights to save."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnreg.names import ReplicaId
from bnreg.training.engines import TrainableStack
from bnreg.training.messages import Weights
from bnreg.training.record import ReplicaRecord

Sets = Mapping[str, Any]


class Keeper:
    """Watches a stack while it trains and gives its final networks at the end.

    A replica's final network is that of its last epoch or, with early stopping, of its best epoch; the final metrics
    belong to this network.

    Args:
        stack: The stack.
        records: Its replicas' records, which know the best epochs.
    """

    def __init__(self, stack: TrainableStack, records: Sequence[ReplicaRecord]) -> None:
        self._stack = stack
        self._records = records
        self._training = [cell.settings.training for cell, _ in stack.replicas]
        self._by_population = stack.settings.model.inference_statistics == "population"
        self._best: dict[int, dict[str, NDArray[Any]]] = {}
        self._correct: dict[int, NDArray[np.bool_]] = {}

    def keep(self, test_correct: NDArray[np.bool_]) -> None:
        """Keep, after an evaluation, what each replica's final network may need.

        Args:
            test_correct: Whether each test example is classified correctly, shape (R, n).
        """
        has_norms = self._stack.has_norms
        for replica, (record, training) in enumerate(zip(self._records, self._training, strict=True)):
            if training.early_stopping is None or record.is_best or replica not in self._correct:
                self._correct[replica] = test_correct[replica]
            wanted = training.weights == "best" or (training.early_stopping is not None and has_norms)
            if wanted and record.is_best:
                self._best[replica] = self._stack.state_of(replica)

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything kept so far, by name."""
        best = {f"best/{r}/{name}": values for r, state in self._best.items() for name, values in state.items()}
        return best | {f"correct/{replica}": flags for replica, flags in self._correct.items()}

    def restore(self, state: Mapping[str, NDArray[Any]], num_test: int) -> None:
        """Restore the ``state`` of another keeper; other names are ignored.

        Args:
            state: By name.
            num_test: Number of test examples.

        Raises:
            ValueError: If it is not the state of a keeper of such a stack after an epoch.
        """
        for name, values in state.items():
            kind, _, rest = name.partition("/")
            replica, _, parameter = rest.partition("/")
            if kind == "best":
                self._best.setdefault(int(replica), {})[parameter] = values
            elif kind == "correct":
                self._correct[int(replica)] = values
        kinds = {name: (values.shape, values.dtype) for name, values in self._stack.state_of(0).items()}
        replicas = range(len(self._records))
        if not (
            {*self._best}.issubset(replicas)
            and {*self._correct} in (set(), {*replicas})
            and all({name: (v.shape, v.dtype) for name, v in kept.items()} == kinds for kept in self._best.values())
            and all(flags.dtype == np.bool_ and flags.shape == (num_test,) for flags in self._correct.values())
        ):
            raise ValueError("what it kept does not fit the networks")

    def finish(self, sets: Sets) -> list[dict[str, float]]:
        """Metrics of the final networks with population statistics: one dictionary per replica, empty without a norm.

        Networks that predict with population statistics keep them. For networks that predict with running statistics,
        only the test set is evaluated, and the running statistics are restored.
        """
        if not self._stack.has_norms:
            return [{} for _ in self._records]
        self._restore(replica for replica, training in enumerate(self._training) if training.early_stopping is not None)
        if self._by_population:
            self._stack.correct_statistics(sets["train"])
            metrics, test_correct = self._stack.evaluate(sets)
            self._correct = dict(enumerate(test_correct))
            return metrics
        with self._stack.preserved():
            self._stack.correct_statistics(sets["train"])
            return self._stack.evaluate({"test": sets["test"]}).metrics

    def correct(self) -> dict[ReplicaId, NDArray[np.uint8]]:
        """Flags for the test examples that each final network gets right, eight to a byte; after ``finish``."""
        return {record.replica: np.packbits(self._correct[index]) for index, record in enumerate(self._records)}

    def weights(self, sets: Sets) -> Iterator[Weights]:
        """The weights to save; after ``finish``.

        The weights of a diverged replica are not saved.
        """
        wanted = [replica for replica, training in enumerate(self._training) if training.weights != "none"]
        best = [replica for replica in wanted if self._training[replica].weights == "best"]
        self._restore(best)
        if best and self._by_population:
            self._stack.correct_statistics(sets["train"])
        for replica in wanted:
            record = self._records[replica]
            if not record.has_diverged:
                epoch = record.best_epoch if replica in best else record.num_epochs
                yield Weights(record.replica, epoch, self._stack.state_of(replica))

    def _restore(self, replicas: Iterator[int] | Sequence[int]) -> None:
        for replica in replicas:
            if replica in self._best:
                self._stack.restore_replica(replica, self._best[replica])
