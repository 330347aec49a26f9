"""Notes on how far a shard is, for those who watch its training from outside; no result depends on them."""

import time

from bnreg.training.messages import EvaluationDone, ShardNote, StepsDone, Store
from bnreg.training.shards import Shard, budget_of

NOTE_SECONDS = 1.0
PATIENCE = 100  # training goes on undisturbed for so many times as long as a note took: notes cost at most a hundredth


class Noting:
    """Leaves a note with the first message, and then about once per second.

    Args:
        store: Where to leave the notes.
        shard: The shard.
        num_examples: Number of examples of its data set's training set.
        num_steps: Number of steps that are done already.
    """

    def __init__(self, store: Store, shard: Shard, num_examples: int, num_steps: int) -> None:
        self._store = store
        self._budget = budget_of(shard.settings, num_examples, drop_single=shard.drop_single)
        self._since = self._steps = num_steps
        before = store.noted()
        self._rows = [row for row in before.rows if row["step"] <= num_steps] if before else []
        self._start = self._due = time.monotonic()

    def take(self, message: StepsDone | EvaluationDone) -> None:
        """Take a message of the shard's engine into account, and leave a note if it is time."""
        self._steps = message.steps
        if isinstance(message, EvaluationDone):
            self._rows += message.rows
        if time.monotonic() >= self._due:
            self.leave()

    def leave(self) -> None:
        """Leave a note now."""
        begun = time.monotonic()
        self._store.note(
            ShardNote(
                steps=self._steps,
                num_steps=self._budget.num_steps,
                steps_per_epoch=self._budget.steps_per_epoch,
                since=self._since,
                seconds=round(begun - self._start, 3),
                rows=self._rows,
            )
        )
        ended = time.monotonic()
        self._due = ended + max(NOTE_SECONDS, PATIENCE * (ended - begun))
