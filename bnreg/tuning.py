"""Fair tuning: before its fresh seeds are trained, each arm chooses among the same values on validation data."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

from bnreg.metrics import METRICS, metric_of
from bnreg.wording import show, unknown

OPTIONS = ("on", "seeds")  # the keys of ``tune`` that are no settings
DEFAULT_ON, DEFAULT_SEEDS, MAX_SEEDS = "validation_accuracy", 3, 1000
MAX_COUNT = 10**9
FIRST_SEED = 1_000_000  # above all seeds that are counted from 0, so that none is trained again afterwards


@dataclass(frozen=True)
class Tune:
    """How settings are chosen.

    Attributes:
        grid: Dotted key → the values to choose from.
        on: The metric that decides, of the validation split.
        num_seeds: Number of seeds that each combination of values is trained with.
    """

    grid: Mapping[str, Sequence[Any]]
    on: str = DEFAULT_ON
    num_seeds: int = DEFAULT_SEEDS

    @property
    def higher_is_better(self) -> bool:
        """Whether the highest value is chosen."""
        return bool(metric_of(self.on).higher_is_better)

    def seeds(self, others: Container[int]) -> tuple[int, ...]:
        """The seeds to choose by, none of which is among the others."""
        return tuple(islice(self._seeds(others), self.num_seeds))

    def _seeds(self, others: Container[int]) -> Iterator[int]:
        yield from (seed for seed in count(FIRST_SEED) if seed not in others)

    def to_config(self) -> dict[str, Any]:
        """The mapping that a config writes."""
        return {**self.grid, "on": self.on, "seeds": self.num_seeds}


@dataclass(frozen=True)
class Tuned:
    """How settings were chosen before a run, as its config records it; the choices themselves are settings there.

    Attributes:
        run: Name of the run that trained every combination of values.
        on: The metric that decided.
        seeds: Number of its seeds.
        networks: Number of its networks.
        seconds: How long it took.
        values: Dotted key → the values that each arm chose among.
    """

    run: str
    on: str
    seeds: int
    networks: int
    seconds: float
    values: Mapping[str, Sequence[Any]]

    def to_config(self) -> dict[str, Any]:
        """The mapping that a config has."""
        return dict(vars(self))


def tuned_of(content: Mapping[str, Any]) -> Tuned:
    """Read the mapping that a config has.

    Raises:
        ValueError: In words, if bnreg did not write it.
    """
    try:
        tuned = Tuned(**content)
        texts = (tuned.run, tuned.on, *tuned.values)
        is_like = (
            all(isinstance(text, str) and text.isprintable() for text in texts)
            and all(type(number) is int and 0 < number <= MAX_COUNT for number in (tuned.seeds, tuned.networks))
            and type(tuned.seconds) in (int, float)
            and 0 <= tuned.seconds <= MAX_COUNT
            and all(isinstance(values, list | tuple) and values for values in tuned.values.values())
        )
    except (TypeError, AttributeError):
        is_like = False
    if not is_like:
        raise ValueError("not what bnreg writes there; leave it out")
    return tuned


def metrics_to_tune_on() -> list[str]:
    """The metrics that can decide: those of which one direction is better."""
    return [f"validation_{name}" for name, metric in METRICS.items() if metric.higher_is_better is not None]


def tune_of(content: Mapping[str, Any]) -> Tune:
    """Read the mapping that a config writes; the settings in it are checked as those of a sweep.

    Raises:
        ValueError: In words, with the first mistake.
    """
    metrics = metrics_to_tune_on()
    on, num_seeds = content.get("on", DEFAULT_ON), content.get("seeds", DEFAULT_SEEDS)
    if on not in metrics:
        raise ValueError(f"on: {unknown('metric', on, metrics)}")
    if not isinstance(num_seeds, int) or isinstance(num_seeds, bool) or not 1 <= num_seeds <= MAX_SEEDS:
        raise ValueError(f"seeds: expected a whole number from 1 to {MAX_SEEDS}, got {show(num_seeds)}")
    grid = {key: values for key, values in content.items() if key not in OPTIONS}
    if not grid:
        raise ValueError("nothing to choose; list values, such as optimizer.lr: [0.01, 0.1]")
    return Tune(grid, on, num_seeds)
