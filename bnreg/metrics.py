"""The metrics: what is measured of every network on every split, and what each number means.

A column such as ``test_accuracy`` or ``validation_loss`` is a split and one of these. They are written with the methods
of tensors, so that the table can be read without importing torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@dataclass(frozen=True)
class Metric:
    """One metric: how it is measured, and how to read it.

    Attributes:
        per_example: (logits of shape (R, batch, classes), labels of shape (R, batch)) → one value for each example, of
            shape (R, batch); the metric is their mean. None for what is measured otherwise, such as a diagnostic.
        higher_is_better: Which direction is better.
        is_share: Whether it is a share of examples, shown in percent.
        chance: Number of classes → its value where a network guesses; None where a guess says nothing about it.
        smallest_effect: The smallest difference that matters unless a config declares another, in its own unit; None
            where there is no natural one.
    """

    per_example: Callable[[Tensor, Tensor], Tensor] | None = None
    higher_is_better: bool = False
    is_share: bool = False
    chance: Callable[[int], float] | None = None
    smallest_effect: float | None = None

    @property
    def scale(self) -> float:
        """Factor from its value to what is shown."""
        return 100.0 if self.is_share else 1.0

    @property
    def digits(self) -> int:
        """Decimals of what is shown."""
        return 2 if self.is_share else 4

    @property
    def unit(self) -> str:
        """Unit of what is shown; empty for a pure number."""
        return "%" if self.is_share else ""

    @property
    def difference_unit(self) -> str:
        """Unit of a difference between two such values."""
        return "pp" if self.is_share else ""


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of every example for every replica, in nats.

    Args:
        logits: Shape (R, batch, classes).
        labels: Shape (R, batch).

    Returns:
        Shape (R, batch).
    """
    from torch.nn.functional import cross_entropy

    # With the classes in the middle, torch takes the softmax of many examples in one instruction.
    return cross_entropy(logits.mT, labels, reduction="none")


def _is_right(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.argmax(2) == labels


ACCURACY = "accuracy"
ACCURACY_SMALLEST_EFFECT = 0.002  # 0.2 percentage points
METRICS: dict[str, Metric] = {
    "loss": Metric(cross_entropy, chance=math.log),
    ACCURACY: Metric(
        _is_right,
        higher_is_better=True,
        is_share=True,
        chance=lambda num_classes: 1 / num_classes,
        smallest_effect=ACCURACY_SMALLEST_EFFECT,
    ),
}
# What is measured beside them: a plain number, of which less is better.
DIAGNOSTIC = Metric()
# By which statistics of batch norm a network was tested, where a column says so: ``test_accuracy_population``.
STATISTICS = ("running", "population")


def metric_of(column: str) -> Metric:
    """The meaning of a column such as ``test_accuracy`` or ``test_accuracy_population``."""
    return METRICS.get(measure_of(column), DIAGNOSTIC)


def measure_of(column: str) -> str:
    """``accuracy`` for ``test_accuracy`` and ``test_accuracy_population``."""
    measure = column.partition("_")[2]
    for statistics in STATISTICS:
        measure = measure.removesuffix(f"_{statistics}")
    return measure


def label_of(column: str) -> str:
    """``test_accuracy`` → ``test accuracy``."""
    return column.replace("_", " ")
