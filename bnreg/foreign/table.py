"""A table of text as another tool wrote it: a CSV file in any of the usual dialects, or columns in memory."""

import codecs
import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnreg.errors import UserError
from bnreg.foreign.usual import ARMS, POINTS, SEEDS
from bnreg.wording import as_written, counted, joined, printable, show

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
MAX_MISTAKES = 8
_PROBE = 20  # rows that show which separator it is
_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_FILE_TYPES = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "compressed",
}
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_WITH_COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?")
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")
_EXCEL = re.compile(r"sep=([,;\t|])\r?\n", re.IGNORECASE)  # its line for itself above the header
_MISSING = {"", "na", "n/a", "null", "none", "-", "–"}
_NOT_FINITE = {"nan", "inf", "-inf", "+inf", "infinity", "-infinity"}


@dataclass(frozen=True)
class Table:
    """Rows of cells under a header.

    Attributes:
        name: The file's name in messages; empty for a table in memory.
        header: Names of the columns; a column may have none.
        rows: One cell per column, without blanks around it.
        lines: The place of each row: its first line in the file, or its number from 0 in memory.
        remarks: What had to be found out to read it.
        has_free_comma: Whether no comma separates its cells because commas are decimal, as semicolons tell.
    """

    name: str
    header: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    lines: Sequence[int]
    remarks: tuple[str, ...] = ()
    has_free_comma: bool = False

    def place(self, row: int) -> str:
        """``results.csv:7`` or ``row 5``."""
        return f"{self.name}:{self.lines[row]}" if self.name else f"row {self.lines[row]}"

    def mistake(self, what: str) -> str:
        """A mistake in the table as a whole."""
        return f"{self.name}: {what}" if self.name else what

    def column(self, name: str) -> list[str]:
        """All cells of a column."""
        index = self.header.index(name)
        return [row[index] for row in self.rows]


def read_table(path: Path) -> Table:
    """Read a CSV file; its encoding and separator are recognised.

    Raises:
        UserError: If it cannot be read as a table with a header.
    """
    name = printable(str(path))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{name}: {error.strerror or error}") from error
    text, remarks = _decoded(name, content)
    if not text.strip():
        raise UserError(f"{name}: is empty; expected a header and a row for each result")
    try:
        separator = told[1] if (told := _EXCEL.match(text)) else _separator(text)
    except csv.Error as error:
        raise UserError(f"{name}: is not CSV: {error}") from error
    if separator != ",":
        remarks.append(f"cells are separated by {SEPARATORS[separator]}")
    records = list(_records(name, text, separator))[1 if told else 0 :]
    if len(records) < 2:
        raise UserError(f"{name}: has a header and no rows")
    line, header = records[0]
    _check_header(name, line, header, records[1][1])
    ragged = [(line, len(cells)) for line, cells in records[1:] if len(cells) != len(header)]
    if len(ragged) == len(records) - 1 and len({width for _, width in ragged}) == 1:
        raise UserError(
            f"{name}:{line}: has {counted(len(header), 'cell')}, but every row below has {ragged[0][1]}: "
            "expected a header of the columns' names, and no decimal comma where commas separate the cells"
        )
    if ragged:
        lines = [f"{name}:{line}: {counted(width, 'cell')}, but the header has {len(header)}" for line, width in ragged]
        raise UserError(*at_most(lines))
    if len(header) == 1:
        *most, last = SEPARATORS.values()
        raise UserError(f"{name}:{line}: has only one column, {show(header[0])}; expected {', '.join(most)} or {last}")
    numbers, rows = zip(*records[1:], strict=True)
    return Table(name, tuple(header), rows, numbers, tuple(remarks), has_free_comma=separator == ";")


def table_of(frame: Any) -> Table:
    """A data frame, or any mapping of columns, as a table.

    Raises:
        UserError: If it is none of these, has no rows, or its columns differ in length.
    """
    if not hasattr(frame, "columns") and not isinstance(frame, Mapping):
        what = f"{type(frame).__module__}.{type(frame).__name__}".removeprefix("builtins.")
        raise UserError(f"expected a data frame, a mapping of columns or the path of a CSV file, got a {what}")
    levels = getattr(getattr(frame, "index", None), "names", ())  # of pandas: where groupby and pivot put the seeds
    if named := [at for at, name in enumerate(levels) if name is not None and name not in frame.columns]:
        frame = frame.reset_index(level=named)
    names = list(getattr(frame, "columns", frame))
    header = tuple(
        ".".join(filter(None, map(text_of, one))) if isinstance(one, tuple) else text_of(one) for one in names
    )
    _check_names("", header)
    columns = [_cells_of(name, frame[key]) for name, key in zip(header, names, strict=True)]
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        raise UserError(f"the columns differ in length: {', '.join(map(str, sorted(lengths)))}")
    rows = list(zip(*columns, strict=True))
    if not rows:
        raise UserError("the table has no rows")
    return Table("", header, rows, range(len(rows)))


def _cells_of(name: str, column: Any) -> list[str]:
    if isinstance(column, str) or not isinstance(column, Iterable):
        raise UserError(f"column {show(name)}: expected a list of values, got {show(column)}")
    return [text_of(cell) for cell in column]


def number_of(cell: str) -> float | None:
    """The number in a cell, with a point or a comma, or in percent; NaN if it is infinite; None if it is no number."""
    text = cell.removesuffix("%").rstrip()
    if _NUMBER.fullmatch(text):
        number = float(text)
    elif _WITH_COMMA.fullmatch(text):
        number = float(text.replace(",", "."))
    else:
        return math.nan if text.lower() in _NOT_FINITE else None
    return number / 100 if text != cell else number


def has_decimal_comma(cell: str) -> bool:
    """Whether a cell is a number with a comma."""
    return "," in cell and _WITH_COMMA.fullmatch(cell.removesuffix("%").rstrip()) is not None


def may_be_thousands(cell: str) -> bool:
    """Whether the comma of a number may separate thousands: 1,500 but not 0,961."""
    return _THOUSANDS.fullmatch(cell.removesuffix("%").rstrip()) is not None


def is_missing(cell: str) -> bool:
    """Whether a cell stands for no value."""
    return cell.lower() in _MISSING


def at_most(mistakes: Sequence[str]) -> list[str]:
    """The first mistakes, and how many more there are."""
    more = len(mistakes) - MAX_MISTAKES
    return [*mistakes[:MAX_MISTAKES], *([f"and {more:,} more"] if more > 0 else [])]


def text_of(cell: object) -> str:
    """The text that a file would have for a value of a frame."""
    item = getattr(cell, "item", None)  # of numpy's numbers
    value = item() if callable(item) else cell
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    return _inert((as_written(value) if isinstance(value, float) else str(value)).strip())


def _decoded(name: str, content: bytes) -> tuple[str, list[str]]:
    """The text of a file, and a remark if its encoding had to be guessed."""
    for start, what in _FILE_TYPES.items():
        if content.startswith(start):
            raise UserError(f"{name}: is {what}, not text; export it as CSV")
    encoding = next((one for mark, one in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
        remarks = ["the encoding is UTF-16"] if encoding == "utf-16" else []
    except UnicodeDecodeError:
        text, remarks = content.decode("latin-1"), ["not UTF-8, so it is read as Latin-1"]
    if "\0" in text:
        raise UserError(f"{name}: is not a text file; export it as CSV")
    return text, remarks


def _separator(text: str) -> str:
    """The separator that cuts the first rows into most cells, all rows into equally many."""

    def score(separator: str) -> tuple[bool, int]:
        rows = [row for _, row in zip(range(_PROBE), _cut(text, separator), strict=False)]
        widths = {len(row) for _, row in rows}
        return len(widths) == 1 and max(widths) > 1, len(rows[0][1])

    return max(SEPARATORS, key=score)


def _records(name: str, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    try:
        yield from _cut(text, separator)
    except csv.Error as error:
        raise UserError(f"{name}: is not CSV: {error}") from error


def _cut(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with its first line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    line = 1
    for cells in reader:
        stripped = [_inert(cell.strip()) for cell in cells]
        if any(stripped):
            yield line, stripped
        line = reader.line_num + 1


def _inert(cell: str) -> str:
    """The cell without characters that could move the cursor when it is shown."""
    return cell if cell.isprintable() else printable(cell)


def _check_header(name: str, line: int, header: Sequence[str], first: Sequence[str]) -> None:
    """Refuse data where names of columns are expected; the arms of a wide table may be numbers, such as rates."""
    numbers = [index for index, cell in enumerate(header) if number_of(cell) is not None]
    alike = all(index < len(first) and number_of(first[index]) is not None for index in numbers)
    if numbers and alike and not any(joined(cell) in ARMS | SEEDS | POINTS for cell in header):
        shown = ", ".join(show(cell) for cell in header[:5])
        raise UserError(f"{name}:{line}: expected names of columns, such as arm, seed, accuracy, but found {shown}")
    _check_names(f"{name}:{line}: ", header)


def _check_names(place: str, header: Iterable[str]) -> None:
    seen: dict[str, int] = {}
    mistakes = []
    for number, cell in enumerate(header, 1):
        if cell and cell in seen:
            mistakes.append(f"{place}columns {seen[cell]} and {number} are both called {show(cell)}")
        seen.setdefault(cell, number)
    if mistakes:
        raise UserError(*at_most(mistakes))
