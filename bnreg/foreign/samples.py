"""The cells of a table as values by arm, data set and seed; whatever is wrong with them is named by its line."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from bnreg.analysis.groups import Moments, moments_of
from bnreg.config.source.key_paths import Point
from bnreg.errors import UserError
from bnreg.foreign.columns import Columns, clock_of
from bnreg.foreign.table import Table, at_most, has_decimal_comma, is_missing, may_be_thousands, number_of
from bnreg.metrics import LARGEST
from bnreg.wording import as_written, point_label, show


@dataclass(frozen=True, eq=False)
class Sample:
    """The values of one arm on one data set.

    Attributes:
        point: The data set, if there are several.
        side: The arm's name.
        by_seed: Number of the seed → value; NaN if the run diverged.
    """

    point: Point
    side: str
    by_seed: dict[int, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The arm and the data set in one line."""
        return f"{self.side} at {point_label(self.point)}" if self.point else self.side

    @property
    def diverged_seeds(self) -> list[int]:
        """Seeds without a value."""
        return [seed for seed, value in self.by_seed.items() if math.isnan(value)]

    def values(self, metric: str) -> dict[int, float]:  # noqa: ARG002 # a sample is of one metric only
        """The value by seed, without seeds that diverged."""
        return {seed: value for seed, value in self.by_seed.items() if not math.isnan(value)}

    def moments(self, metric: str) -> Moments:
        """Mean and standard deviation over the seeds."""
        return moments_of([*self.values(metric).values()])


@dataclass(frozen=True)
class Samples:
    """All values of a table.

    Attributes:
        samples: By data set and arm, in the order of the table.
        seeds: The seeds' names, in the order of the table.
        remarks: How numbers were read.
    """

    samples: list[Sample]
    seeds: list[str]
    remarks: tuple[str, ...]

    @property
    def finite(self) -> list[float]:
        """All values."""
        return [value for one in self.samples for value in one.values("").values()]

    def scaled(self, factor: float) -> "Samples":
        """The same values times a factor."""
        scaled = [replace(one, by_seed={seed: factor * v for seed, v in one.by_seed.items()}) for one in self.samples]
        return replace(self, samples=scaled)


@dataclass(frozen=True)
class _Value:
    """One value, where it is, and what it is of."""

    row: int
    point: str
    arm: str
    seed: str
    column: str
    cell: str


def read_samples(table: Table, columns: Columns, *, last: bool, nan_is_diverged: bool) -> Samples:
    """Read the values of a table.

    Args:
        table: The table.
        columns: What is where.
        last: Whether the last value of each arm and seed is meant, because the table is a log.
        nan_is_diverged: Whether a run without a finite value diverged.

    Raises:
        UserError: One line for each row that has no number, no name, or is there twice.
    """
    values = [*_values(table, columns)]
    mistakes = [*_nameless(table, columns), *_ambiguous(table, values)]
    if columns.seed is None and not columns.arms:
        values = _unnumbered(values)
    if columns.seed is not None or last:
        values, repeated = _one_each(table, columns, values, last=last)
        mistakes += repeated
    samples: dict[tuple[str, str], Sample] = {}
    seeds: dict[str, int] = {}
    missing = False
    for one in values:
        number = math.nan if is_missing(one.cell) else number_of(one.cell)
        if number is None:
            mistakes.append((one.row, f"{one.column}: expected a number, got {show(one.cell)}"))
        elif is_missing(one.cell) and columns.arms:
            continue  # the only way in which a wide table can say that an arm lacks a seed
        elif math.isnan(number) and not nan_is_diverged:
            missing = True
            mistakes.append((one.row, f"{one.column}: {'is empty' if is_missing(one.cell) else f'is {one.cell}'}"))
        elif why := _out_of_range(number):
            mistakes.append((one.row, f"{one.column}: {show(one.cell)} {why}"))
        else:
            point: Point = {columns.point: one.point} if columns.point is not None else {}
            sample = samples.setdefault((one.point, one.arm), Sample(point, one.arm))
            sample.by_seed[seeds.setdefault(one.seed, len(seeds))] = number
    if mistakes:
        lines = [f"{table.place(row)}: {what}" for row, what in sorted(mistakes)]
        remedy = "a run without a value: --nan-is-diverged counts it as diverged, --where leaves it out"
        raise UserError(*at_most(lines), *([remedy] if missing else []))
    points = list(dict.fromkeys(point for point, _ in samples))
    ordered = [one for point in points for (at, _), one in samples.items() if at == point]
    return Samples(ordered, [*seeds], tuple(_remarks(values)))


def _out_of_range(number: float) -> str:
    """Why a number cannot be computed with; empty for one that can, and for NaN."""
    if abs(number) > LARGEST:
        return f"is too large: at most {LARGEST:g}; write it in another unit, or as nan if the run diverged"
    if 0 < abs(number) < 1 / LARGEST:
        return f"is too close to 0: at least {1 / LARGEST:g}; write it in another unit, or as 0"
    return ""


def _values(table: Table, columns: Columns) -> Iterator[_Value]:
    arm, seed, point = (
        None if name is None else table.header.index(name) for name in (columns.arm, columns.seed, columns.point)
    )
    metrics = columns.arms or (columns.metric,)
    places = [(table.header.index(name), name) for name in metrics]
    for index, row in enumerate(table.rows):
        for place, name in places:
            yield _Value(
                row=index,
                point="" if point is None else row[point],
                arm=name if arm is None else row[arm],
                seed=str(index) if seed is None else _seed_name(row[seed]),
                column=name,
                cell=row[place],
            )


def _seed_name(cell: str) -> str:
    """3 and 3.0 are one seed: a spreadsheet may write either."""
    return cell.removesuffix(".0") if cell.endswith(".0") and number_of(cell) is not None else cell


def _unnumbered(values: Sequence[_Value]) -> list[_Value]:
    """Values that no seed pairs: one for each arm belong together, several do not."""
    counts = Counter((one.point, one.arm) for one in values)
    return [replace(one, seed="") if counts[one.point, one.arm] == 1 else one for one in values]


def _nameless(table: Table, columns: Columns) -> list[tuple[int, str]]:
    """The rows that do not say what they are of."""
    found: list[tuple[int, str]] = []
    empty = {""} if table.name else {"", "nan"}  # a frame's missing names, too, are NaN
    for name in (columns.arm, columns.seed, columns.point):
        if name is not None:
            found += [(row, f"{name}: is empty") for row, cell in enumerate(table.column(name)) if cell in empty]
    return found


def _ambiguous(table: Table, values: Sequence[_Value]) -> list[tuple[int, str]]:
    """The first number whose comma may be decimal or separate thousands, unless another one's can only be decimal."""
    with_comma = [one for one in values if has_decimal_comma(one.cell)]
    if table.has_free_comma or not with_comma or not all(may_be_thousands(one.cell) for one in with_comma):
        return []
    first = with_comma[0]
    without, point = first.cell.replace(",", ""), first.cell.replace(",", ".")
    return [(first.row, f"{first.column}: {show(first.cell)} may be {without} or {point}; write it without a comma")]


def _one_each(
    table: Table, columns: Columns, values: Sequence[_Value], *, last: bool
) -> tuple[list[_Value], list[tuple[int, str]]]:
    """One value for each arm, data set and seed: the last of a log that is not empty.

    Raises:
        UserError: If it is a log, and the last value is not what was asked for.
    """
    known: dict[tuple[str, str, str], _Value] = {}
    repeated = []
    clock = clock_of(table)
    if last and clock is not None:  # a log need not be in order
        cells = table.column(clock)
        times = [-math.inf if is_missing(cell) else _or_nan(number_of(cell)) for cell in cells]
        if unclear := [row for row, time in enumerate(times) if math.isnan(time)]:
            return [], [(row, f"{clock}: expected a number, got {show(cells[row])}") for row in unclear]
        values = sorted(values, key=lambda one: times[one.row])
    for one in values:
        seed = one.seed if columns.seed is not None else ""
        key = one.point, one.arm, seed
        earlier = known.get(key)
        if last:
            if earlier is None or is_missing(earlier.cell) or not is_missing(one.cell):
                known[key] = replace(one, seed=seed)
            continue
        if earlier is not None:
            which = ", ".join(part for part in (one.arm, f"{columns.seed} {seed}", one.point) if part)
            repeated.append((one.row, f"{which}: has a value already, in {table.place(earlier.row)}"))
        known.setdefault(key, one)
    if repeated and clock is not None:
        what = f"has several rows for each arm and seed, by {show(clock)}, as a training log has"
        raise UserError(table.mistake(f"{what}; --last takes the last value of each, or aggregate it first"))
    return [*known.values()], repeated


def _or_nan(number: float | None) -> float:
    return math.nan if number is None else number


def _remarks(values: Sequence[_Value]) -> list[str]:
    """How numbers were read that could be read in another way."""
    remarks = []
    for what, test in (("with a decimal comma", has_decimal_comma), ("in percent", lambda cell: cell.endswith("%"))):
        example = next((one.cell for one in values if test(one.cell)), None)
        if example is not None:
            remarks.append(f"numbers are {what}: {example} is {as_written(number_of(example))}")
    return remarks
