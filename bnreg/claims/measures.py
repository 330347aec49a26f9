"""Measures: each turns the tables of a run into one number per arm and seed, on which a claim is decided."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from statistics import fmean
from typing import Any, Literal, get_type_hints

import numpy as np
from pydantic import create_model

from bnreg.analysis.replicas import LAST, Replica, replicas_of
from bnreg.analysis.run_view import RunView
from bnreg.config.schema import Section
from bnreg.errors import UserError
from bnreg.metrics import TEST_ACCURACY
from bnreg.names import ReplicaId
from bnreg.runs import point_cell
from bnreg.wording import as_written

Values = dict[int, float]  # seed → number


@dataclass(frozen=True)
class Measure:
    """One kind of measure.

    Attributes:
        function: (run, arm, its options by name) → each seed's number.
        help: What it measures, in a line.
        unit: ``pp`` for a metric, if it is a share of examples; ``x`` for log₂ of a quantity, so that differences are
            factors; or empty.
        best_is_highest: Whether it looks for the best value of a metric, which then must be the highest.
        least_values: The fewest values that its ``key`` must have.
    """

    function: Callable[..., Values]
    help: str
    unit: str = ""
    best_is_highest: bool = False
    least_values: int = 1

    @cached_property
    def options(self) -> type[Section]:
        """A model of its options."""
        types = get_type_hints(self.function)
        fields: dict[str, Any] = {
            name: (types[name], ... if one.default is one.empty else one.default)
            for name, one in signature(self.function).parameters.items()
            if one.kind is one.KEYWORD_ONLY
        }
        return create_model(self.function.__name__, __base__=Section, **fields)


def final(view: RunView, arm: str, *, metric: str, at: str = LAST, where: Mapping[str, Any] = {}) -> Values:
    """The metric at a moment as ``--at`` names it, in the mean over the points."""
    return _means(_replicas(view, arm, where, metric, at), metric)


def change(
    view: RunView, arm: str, *, metric: str, start: Mapping[str, Any], end: Mapping[str, Any], at: str = LAST
) -> Values:
    """The metric at the end minus that at the start, two selections of points."""
    first, second = (_means(_replicas(view, arm, where, metric, at), metric) for where in (start, end))
    return {seed: second[seed] - first[seed] for seed in first}


def spread(view: RunView, arm: str, *, metric: str, key: str, at: str = LAST, where: Mapping[str, Any] = {}) -> Values:
    """The largest minus the smallest value of the metric over all values of a key."""
    rows = _by_key(_replicas(view, arm, where, metric, at), key, metric)
    return {seed: max(row.values()) - min(row.values()) for seed, row in rows.items()}


def largest(
    view: RunView, arm: str, *, metric: str, key: str, within: float, at: str = LAST, where: Mapping[str, Any] = {}
) -> Values:
    """log₂ of the largest value of a key at which the metric is within a distance of its best over all values."""
    rows = _by_key(_replicas(view, arm, where, metric, at), key, metric)
    return {
        seed: math.log2(max(value for value, found in row.items() if found >= max(row.values()) - within))
        for seed, row in rows.items()
    }


def gain(
    view: RunView, arm: str, *, metric: str, key: str, instead_of: Any, at: str = LAST, where: Mapping[str, Any] = {}
) -> Values:
    """The metric at the arm's best value of a key minus that at another value.

    The best value of each seed is chosen by the mean over the other seeds, because the best of several noisy values is
    better than any of them deserves.
    """
    rows = _by_key(_replicas(view, arm, where, metric, at), key, metric)
    others = {seed: {value: row[value] for value in row if value != instead_of} for seed, row in rows.items()}
    return {seed: row[best_of(others, seed)] - row[instead_of] for seed, row in rows.items()}


def peak(view: RunView, arm: str, *, metric: str, key: str, at: str = LAST, where: Mapping[str, Any] = {}) -> Values:
    """How far the metric falls from its best value, inside the range of a key, to both ends: the smaller fall.

    The best value inside is chosen for each seed by the mean over the other seeds.
    """
    rows = _by_key(_replicas(view, arm, where, metric, at), key, metric)
    low, *inner, high = sorted(next(iter(rows.values())))
    inside = {seed: {value: row[value] for value in inner} for seed, row in rows.items()}
    return {seed: row[best_of(inside, seed)] - max(row[low], row[high]) for seed, row in rows.items()}


def time_to(
    view: RunView,
    arm: str,
    *,
    metric: str,
    target: float,
    clock: Literal["step", "seconds"] = "step",
    best_over: str | None = None,
    where: Mapping[str, Any] = {},
) -> Values:
    """log₂ of the steps, or with ``clock: seconds`` of the seconds, until the metric first reaches a target.

    A network that never does counts with the steps of the longest training. The mean is taken over the points; with
    ``best_over``, only over those with the value of this key that is fastest in the mean over the other seeds.
    """
    replicas = _replicas(view, arm, where, metric, LAST)
    times = _times(view, replicas, metric, target, clock)
    if best_over is None:
        return _means_by_seed((one.seed, time) for one, time in zip(replicas, times, strict=True))
    rows = _rows((one.seed, one.settings[best_over], -time) for one, time in zip(replicas, times, strict=True))
    return {seed: -row[best_of(rows, seed)] for seed, row in rows.items()}


def reached(
    view: RunView, arm: str, *, metric: str, target: float, at: str = LAST, where: Mapping[str, Any] = {}
) -> Values:
    """The share of networks whose metric reaches a target: 1 or 0 where a seed has one network."""
    replicas = _replicas(view, arm, where, metric, at)
    return _means_by_seed((one.seed, float(one.values[metric] >= target)) for one in replicas)


def gap(view: RunView, arm: str, *, train: float, where: Mapping[str, Any] = {}) -> Values:
    """Test loss minus training loss where the training loss first falls to ``train``, between two evaluations.

    NaN for a seed with a network that never gets there.
    """
    place = _places(view)
    columns = [view.histories(name) for name in ("train_loss", "test_loss")]
    values = []
    for one in _replicas(view, arm, where, TEST_ACCURACY, LAST):
        train_losses, test_losses = (column[place[one.id]] for column in columns)
        values.append((one.seed, _when_at(train, train_losses, test_losses) - train))
    return _means_by_seed(values)


def _when_at(level: float, falling: Sequence[float], other: Sequence[float]) -> float:
    """The other series where the first one reaches a level, interpolated linearly; NaN if it never does."""
    end = next((number for number, value in enumerate(falling) if value <= level), None)
    if not end:
        return math.nan if end is None else other[0]
    share = (falling[end - 1] - level) / (falling[end - 1] - falling[end])
    return other[end - 1] + share * (other[end] - other[end - 1])


def watched(
    view: RunView,
    arm: str,
    *,
    name: str,
    layers: tuple[int, ...] = (),
    since: int = 0,
    above: float = 0.0,
    where: Mapping[str, Any] = {},
) -> Values:
    """What a diagnostic found minus a number, in the mean over layers, looks since a step, and points."""
    found = _means_by_seed((seed, value) for seed, _, value in _watched(view, arm, name, layers, since, where))
    return {seed: value - above for seed, value in found.items()}


def slope(
    view: RunView,
    arm: str,
    *,
    name: str,
    layers: tuple[int, ...] = (),
    since: int = 0,
    where: Mapping[str, Any] = {},
) -> Values:
    """By how much what a diagnostic found grows from layer to layer: the slope of a line through the layers' means."""
    rows = _rows(_watched(view, arm, name, layers, since, where))
    return {seed: _slope([*row], [*row.values()]) for seed, row in rows.items()}


def fall_of_bias(view: RunView, arm: str, *, key: str, group: int, where: Mapping[str, Any] = {}) -> Values:
    """How much the squared bias of the answers falls when a width doubles; see ``variance``."""
    return {
        number: -_slope([*row], [squared for squared, _ in row.values()])
        for number, row in _parts(view, arm, key, group, where).items()
    }


def variance(view: RunView, arm: str, *, key: str, group: int, where: Mapping[str, Any] = {}) -> Values:
    """How much the variance of the answers rises when a width doubles: the slope of a line over log₂ of the width.

    For a test example, let c be 1 if a network is right, and p the mean of c over training sets and initial weights.
    The mean squared error E(1 − c)² is the squared bias (1 − p)² plus the variance p (1 − p). Both are estimated
    without bias from a group of seeds, each with its own training set; there is a number for each group of seeds.

    References:
        Geman, Bienenstock & Doursat, Neural Networks and the Bias/Variance Dilemma, Neural Computation 4 (1992)
    """
    return {
        number: _slope([*row], [spread for _, spread in row.values()])
        for number, row in _parts(view, arm, key, group, where).items()
    }


MEASURES: dict[str, Measure] = {
    "final": Measure(final, "a metric at a moment", "pp"),
    "change": Measure(change, "the change of a metric between two values of the sweep", "pp"),
    "spread": Measure(spread, "the range of a metric over the values of a key", "pp", least_values=2),
    "largest": Measure(
        largest, "the largest value of a key with nearly the best metric", "x", best_is_highest=True, least_values=2
    ),
    "gain": Measure(
        gain,
        "the metric at the best value of a key instead of another value",
        "pp",
        best_is_highest=True,
        least_values=2,
    ),
    "peak": Measure(
        peak,
        "the fall of a metric from its best inside a range to the range's ends",
        "pp",
        best_is_highest=True,
        least_values=3,
    ),
    "time_to": Measure(time_to, "steps or seconds until a metric reaches a target", "x", best_is_highest=True),
    "reached": Measure(reached, "the share of networks that reach a target", "pp", best_is_highest=True),
    "gap": Measure(gap, "test loss minus training loss, at a training loss"),
    "watched": Measure(watched, "the mean of what a diagnostic found"),
    "slope": Measure(slope, "how what a diagnostic found grows over the layers"),
    "fall_of_bias": Measure(fall_of_bias, "how much the answers' squared bias falls when a width doubles"),
    "variance": Measure(variance, "how much the answers' variance rises when a width doubles"),
}


def best_of(rows: Mapping[int, Mapping[Any, float]], seed: int) -> Any:
    """The key with the highest mean over all seeds but this one; the first of equal ones."""
    others = [row for other, row in rows.items() if other != seed] or [rows[seed]]
    return max(rows[seed], key=lambda key: fmean(row[key] for row in others))


def _replicas(view: RunView, arm: str, where: Mapping[str, Any], metric: str, at: str) -> list[Replica]:
    """The networks of an arm with these settings."""
    wanted = {key: _hashable(value) for key, value in where.items()}
    found = [
        one
        for one in replicas_of(view, [metric], at)
        if one.id.arm == arm and all(_hashable(one.settings[key]) == value for key, value in wanted.items())
    ]
    if not found:
        raise UserError(f"{view.id}: no network of {arm} with {as_written(dict(where))}")
    return found


def _means(replicas: Iterable[Replica], metric: str) -> Values:
    return _means_by_seed((one.seed, one.values[metric]) for one in replicas)


def _means_by_seed(values: Iterable[tuple[int, float]]) -> Values:
    grouped: dict[int, list[float]] = {}
    for seed, value in values:
        grouped.setdefault(seed, []).append(value)
    return {seed: fmean(of_seed) for seed, of_seed in grouped.items()}


def _by_key(replicas: Iterable[Replica], key: str, metric: str) -> dict[int, dict[Any, float]]:
    """For each seed, the metric at each value of a key, in the mean over all other keys."""
    return _rows((one.seed, one.settings[key], one.values[metric]) for one in replicas)


def _rows(values: Iterable[tuple[int, Any, float]]) -> dict[int, dict[Any, float]]:
    """Seed → column → mean, from seed, column and value."""
    rows: dict[int, dict[Any, list[float]]] = {}
    for seed, column, value in values:
        rows.setdefault(seed, {}).setdefault(_hashable(column), []).append(value)
    return {seed: {column: fmean(found) for column, found in row.items()} for seed, row in rows.items()}


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list | tuple) else value


def _slope(x: Sequence[float], y: Sequence[float]) -> float:
    return float(np.polyfit(x, y, 1)[0])


def _places(view: RunView) -> dict[ReplicaId, int]:
    """The place of each network in the histories of a run."""
    return {proof.replica: place for place, proof in enumerate(view.pairing)}


def _times(view: RunView, replicas: Iterable[Replica], metric: str, target: float, clock: str) -> Iterator[float]:
    place, steps, values = _places(view), view.histories("step"), view.histories(metric)
    longest = max(own[-1] for own in steps)
    for one in replicas:
        own, found = steps[place[one.id]], values[place[one.id]]
        reached_at = next((step for step, value in zip(own, found, strict=True) if value >= target), longest)
        yield math.log2(reached_at * (one.seconds / own[-1] if clock == "seconds" else 1))


def _watched(
    view: RunView, arm: str, name: str, layers: Sequence[int], since: int, where: Mapping[str, Any]
) -> Iterator[tuple[int, int, float]]:
    """Seed, layer and value of each finding of an arm."""
    indices = {one.id.point_index for one in _replicas(view, arm, where, TEST_ACCURACY, LAST)}
    there = {tuple(_cell(point_cell(value)) for value in view.points[index].values()) for index in indices}
    table = view.table("diagnostics")
    table = table[(table["arm"] == arm) & (table["name"] == name) & (table["step"] >= since)]
    found = 0
    for row in table[[*view.point_keys, "seed", "layer", "value"]].itertuples(index=False, name=None):
        *point, seed, layer, value = row
        if tuple(map(_cell, point)) in there and (not layers or layer in layers):
            found += 1
            yield seed, layer, value
    if not found:
        of_layers = f" in layers {as_written(layers)}" if layers else ""
        raise UserError(f"{view.id}: nothing called {name} was watched in {arm}{of_layers}")


def _cell(value: Any) -> Any:
    """A value of a point, in a table's cell: a number however it is written, or a text; the same if there is none."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).casefold()
    try:
        return float(value)
    except ValueError:
        return str(value).casefold()


def _parts(
    view: RunView, arm: str, key: str, size: int, where: Mapping[str, Any]
) -> dict[int, dict[float, tuple[float, float]]]:
    """For each group of so many seeds, log₂ of the width → squared bias and variance of the answers."""
    answers: dict[float, dict[int, Any]] = {}
    for one in _replicas(view, arm, where, TEST_ACCURACY, LAST):
        width = one.settings[key]
        of_width = answers.setdefault(math.log2(sum(width) if isinstance(width, list | tuple) else width), {})
        if one.seed in of_width:
            raise UserError(f"{view.id}: several networks of {arm} in seed {one.seed} have one {key}; choose by where")
        of_width[one.seed] = one.correct()
    parts: dict[int, dict[float, tuple[float, float]]] = {}
    for number in range(len(view.seeds) // size):
        seeds = view.seeds[number * size : (number + 1) * size]
        if any(flags.get(seed) is None for flags in answers.values() for seed in seeds):
            continue  # a network diverged
        for width, flags in answers.items():
            of_group = np.stack([flags[seed] for seed in seeds]).astype(float)
            spread = float(of_group.var(0, ddof=1).mean())
            parts.setdefault(number, {})[width] = 1 - float(of_group.mean()) - spread, spread
    return parts
