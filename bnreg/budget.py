"""The length of training, and the moments at which networks are evaluated, in optimiser steps."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from math import ceil
from typing import Any, NamedTuple

NUM_LOG_MOMENTS = 40


class Moment(NamedTuple):
    """A moment of training.

    Attributes:
        epoch: The epoch that the last step belongs to, counted from 1.
        step: Number of optimiser steps done.
    """

    epoch: int
    step: int


def examples_of(settings: Mapping[str, Any], num_examples: int) -> tuple[int, int]:
    """The numbers of examples to train on and in a batch, from a cell's settings by dotted key.

    Args:
        settings: The settings.
        num_examples: Number of examples of the data set's training set.
    """
    num_train = settings["data.train_size"] or num_examples - settings["data.validation_size"]
    return num_train, num_train if settings["data.batch_size"] == "all" else settings["data.batch_size"]


@dataclass(frozen=True)
class Budget:
    """How long networks train, unless they stop early, and when they are evaluated.

    Attributes:
        epochs: Number of passes over the training set, unless there is a number of steps.
        steps: Number of optimiser steps, or None.
        every_steps: Steps between two evaluations; None: evaluate after each epoch.
        is_log: Whether evaluations are at steps that grow by equal factors instead.
        steps_per_epoch: Batches in an epoch.
    """

    epochs: int
    steps: int | None
    every_steps: int | None
    is_log: bool
    steps_per_epoch: int

    @classmethod
    def of(cls, settings: Mapping[str, Any], steps_per_epoch: int) -> "Budget":
        """From a cell's settings by dotted key; those that an old config lacks have their defaults."""
        return cls(
            settings["training.epochs"],
            settings.get("training.steps"),
            settings.get("training.evaluate.every_steps"),
            settings.get("training.evaluate.at") == "log",
            steps_per_epoch,
        )

    @property
    def is_by_epochs(self) -> bool:
        """Whether networks are evaluated at the ends of whole epochs, and at no other time."""
        return self.steps is None and self.every_steps is None and not self.is_log

    @property
    def num_steps(self) -> int:
        """Number of optimiser steps."""
        return self.epochs * self.steps_per_epoch if self.steps is None else self.steps

    @property
    def num_epochs(self) -> int:
        """Number of epochs; the last one may be incomplete."""
        return self._epoch_of(self.num_steps)

    def moments(self) -> Iterator[Moment]:
        """The moments of evaluation; the last one is the end."""
        last = self.num_steps
        if self.is_log:
            exponents = (i / (NUM_LOG_MOMENTS - 1) for i in range(NUM_LOG_MOMENTS))
            steps: Iterable[int] = sorted({round(last**exponent) for exponent in exponents})
        else:
            every = self.every_steps or self.steps_per_epoch
            steps = chain(range(every, last, every), [last])
        return (Moment(self._epoch_of(step), step) for step in steps)

    def _epoch_of(self, step: int) -> int:
        return ceil(step / self.steps_per_epoch)
