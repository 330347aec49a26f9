"""A claim: a statement, and the tests on an experiment that must all agree with it."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from bnreg.analysis.replicas import check_at
from bnreg.claims.measures import MEASURES, Measure
from bnreg.config.cell_settings import plain
from bnreg.config.experiment import Experiment
from bnreg.config.experiment_file import ClaimTest
from bnreg.config.faults import faults
from bnreg.config.source.key_paths import KeyPath
from bnreg.config.source.mistakes import Mistake, user_error
from bnreg.errors import UserError
from bnreg.metrics import METRICS, metric_of
from bnreg.names import CLAIM
from bnreg.wording import show, unknown

Expected = Literal["more", "equal"]
_EFFECT = re.compile(r"(?P<number>[0-9]+([.][0-9]*)?) ?(?P<unit>pp|x)")
_SCALES = {"pp": lambda number: number / 100, "x": math.log2}


@dataclass(frozen=True)
class Test:
    """One test of a claim: a measure of one arm is larger than, or equals, that of another, or zero.

    Attributes:
        name: Name of the measure.
        measure: The measure.
        unit: The unit of its differences: ``pp``, ``x`` for log₂ that is read as a factor, or empty.
        options: Its options.
        arms: The arm, or several of which the best counts.
        against: The other arm or arms; empty for zero.
        expected: Whether the measure is predicted to be larger, or equal.
        smallest_effect: The smallest difference that matters, in the measure's own numbers.
    """

    name: str
    measure: Measure
    unit: str
    options: Mapping[str, Any]
    arms: tuple[str, ...]
    against: tuple[str, ...]
    expected: Expected
    smallest_effect: float


@dataclass(frozen=True)
class Claim:
    """A claim.

    Attributes:
        id: Its name.
        statement: What it says, in a sentence.
        lecture: Where the lecture says it.
        literature: What others found.
        tests: All must hold.
        quick: Dotted key → setting of a quick, provisional run.
    """

    id: str
    statement: str
    lecture: str
    literature: str
    tests: tuple[Test, ...]
    quick: Mapping[str, Any] = field(default_factory=dict)


def claim_of(experiment: Experiment) -> Claim:
    """The claim that an experiment was made for.

    Raises:
        UserError: If it has none, or with a line for each mistake in it.
    """
    written = experiment.claim
    if written is None:
        raise UserError(f"{experiment.document.file}: no claim; add `claim:` with its id, statement and tests")
    mistakes: list[Mistake] = []
    for number, test in enumerate(written.tests):
        path: KeyPath = (CLAIM, "tests", number)
        for key, sentence in _mistakes(test, experiment):
            mistakes.append(experiment.document.mistake((*path, *key), sentence))
    if mistakes:
        raise user_error(mistakes)
    tests = tuple(map(_read, written.tests))
    return Claim(written.id, written.statement, written.lecture, written.literature, tests, written.quick)


def _read(test: ClaimTest) -> Test:
    measure = MEASURES[test.measure]
    unit = _unit(measure, test.of)
    return Test(
        test.measure,
        measure,
        unit,
        test.of,
        _names(test.more or test.equal),
        _names(test.against),
        "more" if test.more else "equal",
        _effect(test.smallest_effect, unit),
    )


def _names(arms: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (arms,) if isinstance(arms, str) else arms or ()


def _mistakes(test: ClaimTest, experiment: Experiment) -> Iterator[tuple[KeyPath, str]]:
    """Each mistake in a test: its key, and a sentence."""
    arms = experiment.arms
    for key in ("more", "equal", "against"):
        for arm in _names(getattr(test, key)):
            if arm not in arms:
                yield (key,), unknown("arm", arm, arms)
    if test.measure not in MEASURES:
        yield ("measure",), unknown("measure", test.measure, [*MEASURES])
        return
    measure = MEASURES[test.measure]
    for key in ("more", "equal", "against"):
        if measure.unit != "pp" and len(_names(getattr(test, key))) > 1:
            yield (key,), f"several arms, of which the best counts, cannot be compared by {test.measure}"
    try:
        measure.options.model_validate(test.of)
    except ValidationError as error:
        for fault in faults(error, measure.options):
            key = str(fault.location[-1])
            yield (
                ("of", *fault.location),
                unknown("option", key, fault.choices) if fault.unknown_key else fault.sentence,
            )
        return
    impossible = [*_impossible(test, measure, experiment)]
    yield from ((("of", name), sentence) for name, sentence in impossible)
    if impossible:
        return
    try:
        _effect(test.smallest_effect, _unit(measure, test.of))
    except ValueError as wrong:
        yield ("smallest_effect",), str(wrong)


def _impossible(test: ClaimTest, measure: Measure, experiment: Experiment) -> Iterator[tuple[str, str]]:
    """Each option of a test that nothing in the experiment answers to, and a sentence."""
    of, points = test.of, experiment.points
    values = {key: [plain(point[key]) for point in points] for key in experiment.point_keys}
    metrics = [f"{split}_{name}" for split in ("train", "validation", "test") for name in METRICS]
    metric = of.get("metric")
    if metric is not None and metric not in metrics:
        yield "metric", unknown("metric", metric, metrics)
    elif metric is not None and measure.best_is_highest and not metric_of(metric).higher_is_better:
        yield "metric", f"expected a metric of which more is better, got {metric}"
    if "at" in of:
        try:
            check_at(of["at"])
        except UserError as error:
            yield "at", error.lines[0].removeprefix("--at: ")
    for name in ("where", "start", "end"):
        for key, value in of.get(name, {}).items():
            if key not in values:
                yield name, unknown("swept key", key, [*values])
            elif plain(value) not in values[key]:
                yield name, f"{key} is never {show(value)}"
    for name in ("key", "best_over"):
        key = of.get(name)
        if key is not None and key not in values:
            yield name, unknown("swept key", key, [*values])
        elif key is not None and len({repr(value) for value in values[key]}) < measure.least_values:
            yield name, f"{test.measure} needs at least {measure.least_values} values of {key}"
        elif name == "key" and measure.unit == "x" and not all(map(_is_positive, values.get(key or "", []))):
            yield name, f"{test.measure} needs positive numbers, but {key} has others"
    if "instead_of" in of and of.get("key") in values and plain(of["instead_of"]) not in values[of["key"]]:
        yield "instead_of", f"{of['key']} is never {show(of['instead_of'])}"
    if "name" in of and not all(cell.settings.diagnostics.names for cell in experiment.cells):
        yield "name", "nothing is watched; list diagnostics.names"


def _is_positive(value: Any) -> bool:
    return type(value) in (int, float) and value > 0


def _unit(measure: Measure, options: Mapping[str, Any]) -> str:
    """The unit of a measure's differences: a metric has percentage points only if it is a share of examples."""
    metric = options.get("metric")
    return "" if measure.unit == "pp" and metric and not metric_of(metric).is_share else measure.unit


def _effect(written: float | str, unit: str) -> float:
    """A smallest effect in a measure's own numbers.

    Raises:
        ValueError: In words.
    """
    example = {"pp": "0.3pp", "x": "1.25x"}.get(unit, "0.1")
    match = _EFFECT.fullmatch(written) if isinstance(written, str) else None
    value = float(written) if isinstance(written, int | float) and not unit else math.nan
    if match and match["unit"] == unit:
        value = _SCALES[unit](float(match["number"]))
    if not value > 0 or not math.isfinite(value):
        raise ValueError(f"expected a positive number, such as {example}, got {show(written)}")
    return value
