"""The columns of a table that hold the arms, the seeds, the data sets and the metric: as asked, or by usual names."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from shlex import quote

from bnreg.analysis.query import Condition, parse_filter, why_none
from bnreg.errors import UserError
from bnreg.foreign.table import Table, is_missing, number_of
from bnreg.foreign.usual import ARMS, CLOCKS, INDEXES, POINTS, SEEDS, last_part
from bnreg.wording import joined, listed, show, unknown

WIDE_METRIC = "value"


@dataclass(frozen=True)
class Columns:
    """What is where.

    Attributes:
        arm: Column of the arms' names; None in a wide table.
        arms: The columns of a wide table, one per arm; otherwise empty.
        seed: Column whose equal values make a pair; None if nothing pairs the rows.
        point: Column of the data sets; None if there is one.
        metric: Column of the values; in a wide table, only a name.
        guesses: What was taken because of its name.
    """

    arm: str | None
    arms: tuple[str, ...]
    seed: str | None
    point: str | None
    metric: str
    guesses: tuple[str, ...]


def filtered(table: Table, where: str | None) -> Table:
    """The rows that match all conditions of ``--where``.

    Raises:
        UserError: If a column is unknown, or no row matches.
    """
    if where is None:
        return table
    conditions = [replace(one, key=resolve(table, one.key, "--where")) for one in parse_filter(where)]
    places = {one.key: table.header.index(one.key) for one in conditions}
    settings = [{key: _meant(row[index]) for key, index in places.items()} for row in table.rows]
    chosen = [index for index, one in enumerate(settings) if all(condition.holds(one) for condition in conditions)]
    if not chosen:
        raise UserError(f"--where {where!r}: matches none of the {len(table.rows)} rows: {_why(conditions, settings)}")
    return replace(table, rows=[table.rows[i] for i in chosen], lines=[table.lines[i] for i in chosen])


def _why(conditions: Sequence[Condition], settings: Sequence[dict[str, float | str]]) -> str:
    return why_none(conditions, settings).replace("no replica matches", "no row matches")


def _meant(cell: str) -> float | str:
    number = number_of(cell)
    return cell if number is None else number


def resolve(table: Table, asked: str, option: str) -> str:
    """The column that is meant: by its name, whatever its capitals and marks, or by the last part of a dotted name.

    Raises:
        UserError: If there is none, or more than one.
    """
    if asked in table.header:
        return asked
    for name in (joined, lambda column: joined(last_part(column))):
        found = [column for column in table.header if column and name(column) == joined(asked)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UserError(f"{option} {asked}: several columns are meant ({listed(found)})")
    raise UserError(f"{option}: {table.mistake(unknown('column', asked, [name for name in table.header if name]))}")


def find_columns(
    table: Table,
    *,
    arm: str | None,
    seed: str | None,
    point: str | None,
    metric: str | None,
    wide: bool,
    where: str | None,
) -> Columns:
    """Find the columns that were not named.

    A column is guessed only if exactly one fits: by its name, or for the metric, as the only numbers that are left.

    Raises:
        UserError: If a column is unknown, or none or several fit.
    """
    guesses: list[str] = []
    asked = {"--arm": None if wide else arm, "--seed": seed, "--point": point, "--metric": None if wide else metric}
    known = {option: resolve(table, name, option) for option, name in asked.items() if name is not None}
    arms = tuple(resolve(table, name.strip(), "--arm") for name in arm.split(",")) if wide and arm else ()
    if len({*known.values(), *arms}) < len(known) + len(arms):
        roles = [*known.items(), *(("--arm", one) for one in arms)]
        raise UserError(f"a column can have one role only ({', '.join(f'{o} {c}' for o, c in roles)})")

    def guess(option: str, usual: frozenset[str], *, varies: bool) -> str | None:
        taken = {*known.values(), *arms}
        fits = [name for name in table.header if name not in taken and {joined(name), joined(last_part(name))} & usual]
        fits = [name for name in fits if not varies or len({*table.column(name)}) > 1]
        if len(fits) > 1:
            raise UserError(f"{option}: {table.mistake(f'several columns could be meant ({listed(fits)}); give one')}")
        if not fits:
            return None
        known[option] = fits[0]
        guesses.append(f"{option} {quote(fits[0])}")
        return fits[0]

    seed_column = known.get("--seed") or guess("--seed", SEEDS, varies=False)
    point_column = known.get("--point") or guess("--point", POINTS, varies=True)
    arm_column = None if wide else known.get("--arm") or guess("--arm", ARMS, varies=True)
    if not wide and arm_column is None:
        same = [name for name in table.header if {joined(name), joined(last_part(name))} & ARMS]
        if len(same) == 1 and same[0] not in known.values():
            value = show(table.column(same[0])[0])
            raise UserError(table.mistake(f"has only one arm, {value} in column {show(same[0])}: nothing to compare"))
        names = [name for name in table.header if name]
        raise _cannot_guess(table, "--arm", "names the arms, or is --wide missing", names)
    numeric = _numeric(table, {*known.values(), *arms}, where)
    if wide:
        if not arms:
            arms = tuple(numeric)
            guesses.append(f"--arm {quote(','.join(arms))}")
        if len(arms) < 2:
            raise UserError(table.mistake(f"--wide needs at least two columns of numbers, found {len(arms)}"))
        return Columns(None, arms, seed_column, point_column, metric or WIDE_METRIC, tuple(guesses))
    metric_column = known.get("--metric")
    if metric_column is None:
        varying = [name for name in numeric if len({*table.column(name)}) > 1]
        numeric = varying or numeric
        if len(numeric) != 1:
            raise _cannot_guess(table, "--metric", "has the values to compare", numeric)
        (metric_column,) = numeric
        guesses.append(f"--metric {quote(metric_column)}")
    return Columns(arm_column, (), seed_column, point_column, metric_column, tuple(guesses))


def _numeric(table: Table, taken: Collection[str], where: str | None) -> list[str]:
    """The columns, mostly of numbers, that can be metrics."""
    filters = {resolve(table, one.key, "--where") for one in parse_filter(where)} if where is not None else set()
    free = [
        name
        for name in table.header
        if name not in {*taken, *filters} and not INDEXES.fullmatch(name) and joined(name) not in CLOCKS
    ]
    found = []
    for name in free:
        cells = [cell for cell in table.column(name) if not is_missing(cell)]
        if cells and 2 * sum(number_of(cell) is not None for cell in cells) > len(cells):
            found.append(name)
    return found


def _cannot_guess(table: Table, option: str, what: str, columns: Sequence[str]) -> UserError:
    choices = listed(columns).replace("choices:", "columns:").replace("no choices", "no column does")
    return UserError(f"{option}: {table.mistake(f'which column {what}? ({choices})')}")


def clock_of(table: Table) -> str | None:
    """The column that counts epochs or steps, if this is a training log."""
    return next((name for name in table.header if joined(name) in CLOCKS), None)
