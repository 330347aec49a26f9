"""The metrics that are measured for every network on every split, and the meaning of each number.

A column name such as ``test_accuracy`` or ``validation_loss`` is a split and a metric. The metrics only call methods of
tensors, so that the table can be read without importing torch.
"""

from __future__ import annotations

import math
import re
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
            shape (R, batch); the metric is their mean. None if it is measured differently, such as a diagnostic.
        higher_is_better: Whether a higher value is better; None if neither direction is.
        is_share: Whether it is a share of examples, shown in percent.
        chance: Number of classes → its value for a network that guesses; None if guessing does not determine it.
        smallest_effect: The smallest difference that matters unless a config sets another, in the metric's own unit;
            None without a natural choice. Without one a difference is called higher or lower, not better or worse.
        decimals: Decimals of the displayed number, unless it is a share.
    """

    per_example: Callable[[Tensor, Tensor], Tensor] | None = None
    higher_is_better: bool | None = None
    is_share: bool = False
    chance: Callable[[int], float] | None = None
    smallest_effect: float | None = None
    decimals: int = 4

    @property
    def scale(self) -> float:
        """Factor from its value to the displayed number."""
        return 100.0 if self.is_share else 1.0

    @property
    def digits(self) -> int:
        """Decimals of the displayed number."""
        return 2 if self.is_share else self.decimals

    @property
    def unit(self) -> str:
        """Unit of the displayed number; empty for a dimensionless number."""
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

    # With the classes in the middle, torch computes the softmax of many examples in one instruction.
    return cross_entropy(logits.mT, labels, reduction="none")


def _is_right(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.argmax(2) == labels


ACCURACY = "accuracy"
TEST_ACCURACY = f"test_{ACCURACY}"
ACCURACY_SMALLEST_EFFECT = 0.002  # 0.2 percentage points
METRICS: dict[str, Metric] = {
    "loss": Metric(cross_entropy, higher_is_better=False, chance=math.log),
    ACCURACY: Metric(
        _is_right,
        higher_is_better=True,
        is_share=True,
        chance=lambda num_classes: 1 / num_classes,
        smallest_effect=ACCURACY_SMALLEST_EFFECT,
    ),
}
# The largest size of a value, and the inverse of the smallest: products of any four of them are still numbers.
LARGEST = 1e50
# Nobody means a difference of more than 10 percentage points: 0.3 was written for 0.3 of one.
MAX_BARE_EFFECT = 0.1
NUMBER_OF_EFFECT = "[0-9]+([.][0-9]*)?([eE][-+]?[0-9]+)?"
_EFFECT = re.compile(f"(?P<number>{NUMBER_OF_EFFECT}) ?(?P<unit>pp)?")
SPLITS = ("train", "validation", "test")
# All other measurements: a plain number, of which neither direction is better.
DIAGNOSTIC = Metric()
# The batch norm statistics that a network was tested with, if a column names them: ``test_accuracy_population``.
STATISTICS = ("running", "population")


def per_example_measures() -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """The metrics that an evaluation measures, each with its values per example."""
    return {name: metric.per_example for name, metric in METRICS.items() if metric.per_example is not None}


def columns_of(*splits: str) -> list[str]:
    """Each metric on each of the splits: ``train_loss``."""
    return [f"{split}_{name}" for split in splits for name in METRICS]


def metric_of(column: str) -> Metric:
    """The meaning of a column such as ``test_accuracy`` or ``test_accuracy_population``."""
    return METRICS.get(measure_of(column), DIAGNOSTIC)


def measure_of(column: str) -> str:
    """``accuracy`` for ``test_accuracy`` and ``test_accuracy_population``."""
    measure = column.partition("_")[2]
    for statistics in STATISTICS:
        measure = measure.removesuffix(f"_{statistics}")
    return measure


def effect_of(value: object, column: str) -> float:
    """A smallest effect in a metric's own unit: ``0.002``, or for a share of examples also ``"0.2pp"``.

    Args:
        value: As written in a config or on the command line.
        column: The metric.

    Raises:
        ValueError: In words, if it is no such effect, or a share so large that its unit must be meant otherwise.
    """
    return effect_in(value, metric_of(column))


def effect_in(value: object, metric: Metric) -> float:
    """The same for a metric that has no column in a run."""
    is_share = metric.is_share
    match = _EFFECT.fullmatch(value) if isinstance(value, str) else None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if (not is_number and match is None) or (match and match["unit"] and not is_share):
        raise ValueError(f"expected a number{', such as 0.002 or 0.2pp' if is_share else ''}")
    given: float = float(match["number"]) if match else value  # type: ignore[assignment]
    number = float(given) if given <= LARGEST else math.inf
    if match and match["unit"]:
        number /= 100
    elif is_share and MAX_BARE_EFFECT < number <= 100:
        or_else = f" or {100 * number:g}pp" if number <= 1 else ""
        raise ValueError(f"as a share that is {100 * number:g} percentage points; write {number:g}pp{or_else}")
    most = 1 if is_share else LARGEST
    if not 0 <= number <= most:
        raise ValueError(f"expected a number from 0 to {most:g}")
    return number


def label_of(column: str) -> str:
    """``test_accuracy`` → ``test accuracy``."""
    return column.replace("_", " ")
