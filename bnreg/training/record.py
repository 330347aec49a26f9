"""The record of a replica while it trains: its metrics, whether it diverged, and when it stopped."""

import math
from collections.abc import Mapping, Sequence

from bnreg.budget import Moment
from bnreg.config.experiment import Cell
from bnreg.metrics import METRICS, STATISTICS, metric_of
from bnreg.names import ReplicaId
from bnreg.training.messages import Row

# A network whose training loss exceeds this many nats has diverged, even if the loss is still finite: with a learning
# rate of 1e30 the loss ends at a finite 1e30.
DIVERGED_LOSS = 1e6


class ReplicaRecord:
    """The metrics of one replica, evaluation by evaluation.

    With early stopping, a replica is no longer recorded once its validation metric has not improved for ``patience``
    evaluations; its stack may keep training for the other replicas. Its final metrics are then those of its best
    evaluation, whose weights one would keep. A replica that diverges is recorded as diverged and gets the metrics of a
    random guess.

    Attributes:
        replica: The replica.
        stopped: Whether it is no longer recorded.
        num_evaluations: Number of recorded evaluations.

    Args:
        cell: Its point, arm and settings.
        seed: Its seed.
        num_classes: Number of classes of the data set, for the metrics of a guess.
    """

    def __init__(self, cell: Cell, seed: int, num_classes: int) -> None:
        self.replica = ReplicaId(cell.point_index, cell.arm, seed)
        self.stopped = False
        self._early_stopping = cell.settings.training.early_stopping
        self._by_population = cell.settings.model.inference_statistics == "population"
        self._num_classes = num_classes
        self._diverged = False
        self._last: Row = {}
        self._best: Row = {}
        self._num_since_best = 0
        self.num_evaluations = 0

    def add(self, moment: Moment, metrics: Mapping[str, float | None]) -> Row | None:
        """Add an evaluation's metrics; return the row to keep, or None if the replica has stopped.

        Args:
            moment: The moment of the evaluation.
            metrics: ``train_loss``, ``test_accuracy`` and the like; stored as None once training has diverged.
        """
        if self.stopped:
            return None
        if not self._diverged:
            loss = metrics["train_loss"]
            finite = all(value is not None and math.isfinite(value) for value in metrics.values())
            self._diverged = not finite or loss is None or loss > DIVERGED_LOSS
        self._last = {**moment._asdict(), **(dict.fromkeys(metrics) if self._diverged else metrics)}
        self.num_evaluations += 1
        self._num_since_best += 1
        self._watch_validation()
        return self.replica._asdict() | self._last

    def _watch_validation(self) -> None:
        if self._early_stopping and self._diverged:
            self.stopped = True
        metric = self._early_stopping.metric if self._early_stopping else "validation_loss"
        value = self._last.get(metric)
        margin = self._early_stopping.min_delta if self._early_stopping else 0.0
        sign = 1 if metric_of(metric).higher_is_better else -1
        if value is not None and (not self._best or sign * (value - self._best[metric]) > margin):
            self._best, self._num_since_best = self._last, 0
        elif self._early_stopping and self._best and not self.stopped:
            self.stopped = self._num_since_best >= self._early_stopping.patience

    def add_again(self, moments: Sequence[Moment], rows: Sequence[Row]) -> None:
        """Continue after these rows, which ``add`` of another record of the same replica returned at these moments.

        Raises:
            ValueError: If it would not have returned them.
        """
        for moment, row in zip(moments, rows, strict=False):
            metrics = {name: row[name] for name in row if name not in ReplicaId._fields + Moment._fields}
            if self.add(moment, metrics) != row:
                raise ValueError(
                    f"its rows of {self.replica.arm} with seed {self.replica.seed} are not what was measured"
                )

    @property
    def is_best(self) -> bool:
        """Whether the last evaluation is the best so far on the validation split."""
        return bool(self._best) and self._num_since_best == 0

    @property
    def best_epoch(self) -> int:
        """The epoch of the best evaluation on the validation split."""
        return int(self._best["epoch"])

    @property
    def has_diverged(self) -> bool:
        """Whether its training has diverged."""
        return self._diverged

    @property
    def num_epochs(self) -> int:
        """The epoch of the last evaluation."""
        return int(self._last["epoch"])

    def summary(self, by_population: dict[str, float]) -> Row:
        """Status, final metrics and, if a validation split chooses the best evaluation, best metrics.

        Args:
            by_population: The final network's metrics with population statistics, empty if it has no batch norm. Those
                of the test set are reported beside those with running statistics; the config decides which are final.
        """
        final = self._best if self._early_stopping and self._best else self._last
        row: Row = {"status": "diverged" if self._diverged else "ok"}
        row |= {f"final_{name}": final[name] for name in Moment._fields}
        metrics = {name: value for name, value in final.items() if name not in Moment._fields}
        if by_population:
            for statistics, measured in zip(STATISTICS, (metrics, by_population), strict=True):
                metrics |= {f"test_{name}_{statistics}": measured[f"test_{name}"] for name in METRICS}
        if self._by_population:
            metrics |= by_population
        for name, value in metrics.items():
            chance = metric_of(name).chance
            guess = chance(self._num_classes) if chance else None
            row[f"final_{name}"] = guess if self._diverged else value
        if "validation_loss" in self._last:
            best = dict.fromkeys(self._last) if self._diverged else self._best
            row |= {f"best_{name}": value for name, value in best.items()}
        return self.replica._asdict() | row
