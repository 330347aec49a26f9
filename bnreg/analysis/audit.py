"""The fairness audit: properties of a run that could make a difference between its arms misleading."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Any, Literal

from bnreg.analysis.run_view import RunView
from bnreg.budget import Budget, examples_of
from bnreg.config.cell_settings import cell_settings
from bnreg.config.own_data import data_name
from bnreg.config.source.key_paths import Point
from bnreg.data import num_batches
from bnreg.names import split_arm
from bnreg.nn.architecture import Architecture
from bnreg.nn.norms import NORMS
from bnreg.statistics.power import MIN_SEEDS
from bnreg.statistics.sign_flip import smallest_p_value

# Batch norm's γ and β add less than this share to a network's parameters.
SLIGHT = 0.05
LEARNING_RATE = "optimizer.lr"
# At a skewness of 2, sign flips call equal arms different in 7 to 9 % of experiments (see the calibration).
SKEWED = 1.2
MIN_SKEWED = 8  # of fewer differences, the skewness says too little
ROUNDING = 1e-9
FEW_ERRORS = 30

Cells = Mapping[tuple[int, str], Mapping[str, Any]]
ByCell = Mapping[tuple[int, str], float]


@dataclass(frozen=True)
class UnequalArms:
    """The arms differ in the amount of training or in size.

    Attributes:
        what: The quantity that differs.
        by_arm: Its value for each arm, at the first point where they differ.
        point: That point.
        num_other_points: Number of further points where they differ.
    """

    what: Literal["epochs", "stopped epochs", "steps", "parameters"]
    by_arm: Mapping[str, float]
    point: Point
    num_other_points: int


@dataclass(frozen=True)
class UnequalTuning:
    """One arm was tuned more than another: more combinations of its own settings were tried.

    Attributes:
        tries: Arm → number of combinations of its own settings that were tried.
        keys: The swept keys that belong to one arm.
    """

    tries: Mapping[str, int]
    keys: Sequence[str]


@dataclass(frozen=True)
class RateAtEdge:
    """An arm's best learning rate is the lowest or highest of those tried, so a better one may be outside that range.

    Attributes:
        arm: The arm.
        split: The split whose accuracy decides which rate is best.
        rates: All rates that were tried, ascending.
        best: The best of them.
    """

    arm: str
    split: str
    rates: Sequence[float]
    best: float


@dataclass(frozen=True)
class ChosenAtEdge:
    """An arm chose the lowest or highest of the values among which it was tuned.

    Attributes:
        arm: The arm.
        key: The setting.
        values: All values that were tried, ascending.
        chosen: The one that it chose.
        point: The first point where it did.
        num_other_points: Number of further points where it chose an outermost value.
    """

    arm: str
    key: str
    values: Sequence[float]
    chosen: float
    point: Point
    num_other_points: int


@dataclass(frozen=True)
class ChoiceByTest:
    """Settings were swept, but there is no validation split to choose a point by.

    Attributes:
        num_points: Number of points.
        keys: Those settings.
    """

    num_points: int
    keys: Sequence[str]


@dataclass(frozen=True)
class DropoutBeforeNorm:
    """An arm applies dropout before a batch norm; ``rate`` is the highest of its dropout rates."""

    arm: str
    rate: float


@dataclass(frozen=True)
class TooFewSeeds:
    """No exact test with this number of seeds can reach p < 0.05.

    Attributes:
        num_seeds: Number of seeds.
        smallest_p: The smallest p that they can reach.
        enough: The smallest number of seeds that can reach p < 0.05.
    """

    num_seeds: int
    smallest_p: float
    enough: int


@dataclass(frozen=True)
class SkewedDifferences:
    """The differences of an arm from the baseline are so skewed that flipping their signs is a doubtful test.

    Attributes:
        arm: The most skewed arm.
        point: Its point.
        skewness: The skewness of its differences in test accuracy.
        num_others: Number of further comparisons that are skewed.
    """

    arm: str
    point: Point
    skewness: float
    num_others: int


@dataclass(frozen=True)
class FewErrors:
    """An arm makes so few errors on the test set that a handful of examples decides.

    Attributes:
        arm: The arm with the fewest errors.
        num_errors: Their number in the mean over its seeds.
        num_examples: Number of test examples.
    """

    arm: str
    num_errors: float
    num_examples: int


Finding = (
    UnequalArms
    | UnequalTuning
    | RateAtEdge
    | ChosenAtEdge
    | ChoiceByTest
    | DropoutBeforeNorm
    | TooFewSeeds
    | SkewedDifferences
    | FewErrors
)


def audit(view: RunView) -> list[Finding]:
    """Find what is unfair, or seems unfair, in one run.

    It looks for: unequal epochs, steps and parameters between the arms; one arm tuned more than another; a best
    learning rate, or a value that an arm chose, at the edge of its grid; a sweep of settings where only the test split
    could choose a point; dropout before a batch norm; too few seeds; skewed differences; a test set with few errors.

    It does not check for what cannot happen: a network evaluated in train mode (every evaluation puts the whole stack
    into eval mode), or a test split that stops training or chooses an epoch or weights (a config that asks for either
    without a validation split is refused, and so is a comparison of best epochs).

    Args:
        view: The run. If it recorded no config or no pairing, less can be found.
    """
    cells = {
        (index, arm): cell_settings(view.config, arm, point)
        for index, point in enumerate(view.points if view.config else ())
        for arm in view.arms
    }
    return [
        *_unequal_training(view, cells),
        *_unequal_parameters(view),
        *_unequal_tuning(view),
        *_rates_at_edges(view, cells),
        *_chosen_at_edges(view, cells),
        *_choice_by_test(view),
        *_dropout_before_norm(cells),
        *_few_seeds(view),
        *_skewed_differences(view),
        *_few_errors(view, cells),
    ]


def _unequal_training(view: RunView, cells: Cells) -> Iterator[Finding]:
    by_epochs = {cell: s["training.epochs"] for cell, s in cells.items() if s.get("training.steps") is None}
    findings = _unequal(view, "epochs", by_epochs) if len(by_epochs) == len(cells) else []
    yield from findings
    if not findings:
        done = _means(view, [proof.epochs for proof in view.pairing])
        yield from _unequal(view, "stopped epochs", done, slight=SLIGHT)
    yield from _unequal(view, "steps", _num_steps(view, cells))


def _num_steps(view: RunView, cells: Cells) -> dict[tuple[int, str], int]:
    """Number of optimiser steps over all epochs, if nothing stops early."""
    num_steps = {}
    for cell, settings in cells.items():
        used = view.info.data.get(data_name(settings["data.dataset"]))
        if used is None:
            return {}
        num_train, batch_size = examples_of(settings, used.num_train)
        # As in training: batch norm in one arm shortens the epochs of all arms that read the same batches.
        data = _section(settings, "data.")
        drop_single = any(_needs_batch(s) for s in cells.values() if _section(s, "data.") == data)
        steps_per_epoch = num_batches(num_train, batch_size, drop_single=drop_single)
        num_steps[cell] = Budget.of(settings, steps_per_epoch).num_steps
    return num_steps


def _needs_batch(settings: Mapping[str, Any]) -> bool:
    norm = NORMS.get(settings["model.norm"])
    return norm is not None and norm.needs_batch


def _section(settings: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key.startswith(prefix)}


def _unequal_parameters(view: RunView) -> list[Finding]:
    return _unequal(view, "parameters", _means(view, view.summary["num_parameters"]), slight=SLIGHT)


def _unequal_tuning(view: RunView) -> Iterator[Finding]:
    swept = _swept(view)
    own = {arm: [key for key in swept if split_arm(key)[0] == arm] for arm in view.arms}
    tries = {arm: len({tuple(repr(point[key]) for key in keys) for point in view.points}) for arm, keys in own.items()}
    if len(set(tries.values())) > 1:
        yield UnequalTuning(tries, [key for keys in own.values() for key in keys])


def _rates_at_edges(view: RunView, cells: Cells) -> Iterator[Finding]:
    split = "validation" if _has_validation(view) else "test"
    accuracy = _means(view, view.summary[f"final_{split}_accuracy"])
    for arm in view.arms:
        by_rate: dict[float, float] = {}
        for index in range(len(view.points)):
            if (index, arm) in cells and (index, arm) in accuracy:
                rate = cells[index, arm][LEARNING_RATE]
                by_rate[rate] = max(accuracy[index, arm], by_rate.get(rate, 0.0))
        rates = sorted(by_rate)
        if len(rates) < 2:
            continue
        best = max(by_rate, key=by_rate.__getitem__)
        if best in (rates[0], rates[-1]):
            yield RateAtEdge(arm, split, rates, best)


def _chosen_at_edges(view: RunView, cells: Cells) -> Iterator[Finding]:
    tuned = view.tuned
    for key, values in tuned.values.items() if tuned else ():
        if len(values) < 2 or not all(type(value) in (int, float) for value in values):
            continue
        numbers = sorted(values)
        for arm in view.arms:
            chosen: list[tuple[Point, Any]] = [
                (point, cells[index, arm].get(key)) for index, point in enumerate(view.points)
            ]
            if outermost := [one for one in chosen if one[1] in (numbers[0], numbers[-1])]:
                (point, value), *others = outermost
                swept = {key: point[key] for key in _swept(view)}
                yield ChosenAtEdge(arm, key, numbers, value, swept, len(others))


def _swept(view: RunView) -> list[str]:
    """The swept keys, without those whose values the arms chose, all among the same."""
    chosen = view.tuned.values if view.tuned else ()
    return [key for key in view.point_keys if split_arm(key)[1] not in chosen]


def _choice_by_test(view: RunView) -> Iterator[Finding]:
    if len(view.points) > 1 and not _has_validation(view):
        yield ChoiceByTest(len(view.points), view.point_keys)


def _dropout_before_norm(cells: Cells) -> Iterator[Finding]:
    rates: dict[str, float] = {}
    for (_, arm), settings in cells.items():
        rate = settings.get("model.dropout", 0.0)
        if rate > 0 and _architecture(settings).has_dropout_before_norm:
            rates[arm] = max(rate, rates.get(arm, 0.0))
    for arm, rate in rates.items():
        yield DropoutBeforeNorm(arm, rate)


def _architecture(settings: Mapping[str, Any]) -> Architecture:
    """The network, with the order of its layers; settings that an old config lacks get their defaults."""
    optional = {key: settings.get(f"model.{key}") for key in ("norm_placement", "dropout_placement")}
    channels = settings.get("model.channels", (8, 16)) if settings.get("model.kind") == "cnn" else ()
    return Architecture(
        image_shape=(1, 1),
        num_classes=2,
        hidden=tuple(settings["model.hidden"]),
        channels=tuple(channels),
        norm=settings["model.norm"],
        **{key: value for key, value in optional.items() if value is not None},
    )


def _few_seeds(view: RunView) -> Iterator[Finding]:
    if len(view.arms) > 1 and view.num_seeds < MIN_SEEDS:
        yield TooFewSeeds(view.num_seeds, smallest_p_value(view.num_seeds), MIN_SEEDS)


def _skewed_differences(view: RunView) -> Iterator[Finding]:
    values: dict[tuple[int, str], dict[int, float]] = {}
    rows = zip(view.pairing, view.summary["status"], view.summary["final_test_accuracy"], strict=False)
    for proof, status, accuracy in rows:
        if status != "diverged":
            values.setdefault((proof.replica.point_index, proof.replica.arm), {})[proof.replica.seed] = accuracy
    skewed: list[tuple[float, int, str]] = []
    for (index, arm), by_seed in values.items():
        baseline = values.get((index, view.baseline or ""), {})
        differences = [value - baseline[seed] for seed, value in by_seed.items() if seed in baseline]
        if arm != view.baseline and len(differences) >= MIN_SKEWED and abs(found := _skewness(differences)) > SKEWED:
            skewed.append((found, index, arm))
    if skewed:
        skewness, index, arm = max(skewed, key=lambda one: abs(one[0]))
        yield SkewedDifferences(arm, view.points[index], skewness, len(skewed) - 1)


def _skewness(values: Sequence[float]) -> float:
    """The third standardised moment; 0 if all values are equal up to rounding."""
    mean, spread = fmean(values), pstdev(values)
    return fmean(((value - mean) / spread) ** 3 for value in values) if spread > ROUNDING else 0.0


def _few_errors(view: RunView, cells: Cells) -> Iterator[Finding]:
    accuracy = _means(view, view.summary["final_test_accuracy"])
    errors = {}
    for cell, settings in cells.items():
        used = view.used_data(settings)
        if cell in accuracy and (number := used.num_test * (1 - accuracy[cell])) < FEW_ERRORS:
            errors[cell] = number, used.num_test
    if errors:
        (_, arm), (number, num_examples) = min(errors.items(), key=lambda one: one[1])
        yield FewErrors(arm, number, num_examples)


def _unequal(
    view: RunView,
    what: Literal["epochs", "stopped epochs", "steps", "parameters"],
    amounts: ByCell,
    slight: float = 0.0,
) -> list[Finding]:
    """The arms' amounts at the first point of the sweep where they differ by more than a slight share, if any."""
    unequal = []
    for index, point in enumerate(view.points):
        by_arm = {arm: amounts[index, arm] for arm in view.arms if (index, arm) in amounts}
        if by_arm and max(by_arm.values()) > (1 + slight) * min(by_arm.values()):
            unequal.append((point, by_arm))
    if not unequal:
        return []
    point, by_arm = unequal[0]
    return [UnequalArms(what, by_arm, point, len(unequal) - 1)]


def _means(view: RunView, values: Sequence[float]) -> dict[tuple[int, str], float]:
    """The mean over the seeds, by point and arm, of a value that each replica has."""
    groups: dict[tuple[int, str], list[float]] = {}
    for proof, value in zip(view.pairing, values, strict=False):
        groups.setdefault((proof.replica.point_index, proof.replica.arm), []).append(value)
    return {cell: fmean(group) for cell, group in groups.items()}


def _has_validation(view: RunView) -> bool:
    return "final_validation_accuracy" in view.summary
