"""The progress of an experiment's training, from the messages of its workers."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bnreg.budget import Budget
from bnreg.training.messages import EvaluationDone, Progressed, ShardDone


@dataclass(frozen=True)
class Track:
    """The work of one shard.

    Attributes:
        num_replicas: Number of networks that it trains.
        budget: The length of training, if nothing stops early.
    """

    num_replicas: int
    budget: Budget


class Standing:
    """The progress of an experiment: epochs, current accuracies, throughput and the time left.

    Args:
        arms: Arms in the config's order.
        tracks: One per shard, by the shard's index.
    """

    def __init__(self, arms: Sequence[str], tracks: Sequence[Track]) -> None:
        self.tracks = tracks
        self._steps = [0] * len(tracks)
        self._steps_before: dict[int, int] = {}  # steps that were done before a shard was resumed
        self._epochs = [0] * len(tracks)
        self._unfinished = set(range(len(tracks)))
        self._accuracies: dict[str, dict[tuple[int, int], float]] = {arm: {} for arm in arms}
        self._first_message: float | None = None

    def take(self, message: Progressed) -> None:
        """Take a message of a worker into account."""
        if isinstance(message, ShardDone):
            self._steps[message.shard] = self.tracks[message.shard].budget.num_steps
            self._unfinished.discard(message.shard)
        else:
            self._steps[message.shard] = message.steps
            if self._first_message is None:
                self._first_message = time.monotonic()
        done_before = 0 if isinstance(message, EvaluationDone) else self._steps[message.shard]
        self._steps_before.setdefault(message.shard, done_before)
        if isinstance(message, EvaluationDone):
            self._epochs[message.shard] = message.epoch
            for row in message.rows:
                if row["test_accuracy"] is not None:
                    self._accuracies[row["arm"]][row["point_index"], row["seed"]] = row["test_accuracy"]

    @property
    def is_training(self) -> bool:
        """Whether any shard is unfinished."""
        return bool(self._unfinished)

    @property
    def is_starting(self) -> bool:
        """Whether no worker has sent a message yet."""
        return self._first_message is None

    @property
    def epochs_done(self) -> int:
        """Epochs of the slowest unfinished shard at its last evaluation; at the end, of the longest shard."""
        return min((self._epochs[shard] for shard in self._unfinished), default=max(self._epochs))

    @property
    def num_epochs(self) -> int:
        """Epochs of the longest shard, if nothing stops early."""
        return max(track.budget.num_epochs for track in self.tracks)

    @property
    def accuracies(self) -> Mapping[str, float]:
        """Arm → mean test accuracy of its replicas at their last evaluations, where anything was measured."""
        return {arm: sum(values.values()) / len(values) for arm, values in self._accuracies.items() if values}

    @property
    def replica_epochs_done(self) -> float:
        """Networks times epochs that were trained, including those before the run was resumed."""
        return self._replica_epochs(self._steps)

    @property
    def replica_epochs(self) -> float:
        """Networks times epochs in all, if nothing stops early."""
        return self._replica_epochs([track.budget.num_steps for track in self.tracks])

    def rate(self) -> float | None:
        """Replica epochs per second since the first message; None until it is known."""
        before = self._replica_epochs([self._steps_before.get(shard, 0) for shard in range(len(self.tracks))])
        done = self.replica_epochs_done - before
        elapsed = time.monotonic() - (self._first_message or time.monotonic())
        return done / elapsed if done and elapsed else None

    def _replica_epochs(self, num_steps: Sequence[int]) -> float:
        return sum(
            track.num_replicas * steps / track.budget.steps_per_epoch
            for track, steps in zip(self.tracks, num_steps, strict=True)
        )
