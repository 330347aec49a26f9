"""Tables of what was measured: their figures with their bands, on the console, in ``results.json`` and in Markdown."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

RESULTS = Path(__file__).parent / "results.json"
FULL = 2000  # experiments a cell
MISS = " !"
KNOWN = " (known)"


@dataclass(frozen=True)
class Table:
    """What was measured of one promise.

    Attributes:
        title: What was asked, and what is promised.
        columns: Their headings.
        rows: Their texts; a figure outside its band is marked.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def num_misses(self) -> int:
        """Number of figures outside their bands that are not known to be."""
        return sum(text.endswith(MISS) for row in self.rows for text in row)


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def aside(share: float) -> str:
    """A figure of what the verdict does not use."""
    return f"({percent(share)})"


def at_most(share: float, limit: float, num_experiments: int, *, known: float | None = None) -> str:
    """A share that must not be greater than the limit, except by chance; if it is known to be, than that limit."""
    limits = limit, limit if known is None else known
    return _marked(share, *(share <= upper_band(one, num_experiments) for one in limits))


def coverage(share: float, num_experiments: int, *, known: float | None = None) -> str:
    """The share of 95 % intervals that contain the truth: at least 93 %, except by chance in few experiments.

    If it is known to be less, it must not be less than that.
    """
    is_right = share >= min(0.93, 1 - upper_band(0.05, num_experiments))
    return _marked(share, is_right, known is not None and share >= 1 - upper_band(1 - known, num_experiments))


def between(share: float, low: float, high: float, num_experiments: int) -> str:
    """A share that must be between two limits, except by chance."""
    is_right = 1 - upper_band(1 - low, num_experiments) <= share <= upper_band(high, num_experiments)
    return _marked(share, is_right, is_known=False)


def upper_band(share: float, num_experiments: int) -> float:
    """What a true share is measured as at most, but for one case in a thousand: there are a hundred figures."""
    from scipy import stats

    return float(stats.binom.ppf(0.999, num_experiments, share)) / num_experiments


def _marked(share: float, is_right: bool, is_known: bool) -> str:
    mark = "" if is_right else KNOWN if is_known else MISS
    return percent(share) + mark


def show(table: Table, console: Console) -> None:
    """Print a table, with the figures outside their bands in red."""
    shown = RichTable(*table.columns, title=table.title, title_justify="left")
    for row in table.rows:
        shown.add_row(*(f"[red]{text}[/]" if text.endswith(MISS) else text for text in row))
    console.print(shown)


def write_results(name: str, tables: Sequence[Table]) -> None:
    """Write tables that were measured in full to the file that the README is generated from."""
    result = {"date": datetime.now(UTC).date().isoformat(), "tables": [asdict(table) for table in tables]}
    results = {**_read_results(), name: result}
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _read_results() -> Mapping[str, Any]:
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}


def results_markdown() -> str:
    """The tables of each part when it was last measured in full."""
    blocks = []
    for result in _read_results().values():
        for table in result["tables"]:
            blocks.append(f"**{table['title']}** ({result['date']})\n\n{markdown_of(Table(**table))}")
    return "\n".join(blocks) or "Not measured in full yet.\n"


def markdown_of(table: Table) -> str:
    """A table in Markdown, without its title."""
    lines = [_line(table.columns), "|---|" + "--:|" * (len(table.columns) - 1), *map(_line, table.rows)]
    return "\n".join(lines) + "\n"


def _line(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"
