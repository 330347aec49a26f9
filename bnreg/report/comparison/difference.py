"""Two runs side by side: their settings, and the comparison."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bnreg.analysis.comparison import Block
from bnreg.analysis.difference import ABSENT, FIRST, SECOND, config_differences
from bnreg.analysis.run_view import RunView
from bnreg.report.comparison.records import block_record
from bnreg.report.comparison.tables import block_tables
from bnreg.report.grid import Grid
from bnreg.wording import MISSING, as_written


def difference_tables(first: RunView, second: RunView, blocks: Sequence[Block]) -> Group:
    """The differing settings in two columns, and the comparison."""
    parts: list[RenderableType] = [Text(f"{FIRST}:  {first.id}"), Text(f"{SECOND}: {second.id}"), ""]
    rows = [[key, _value(one), _value(other)] for key, one, other in config_differences(first, second)]
    parts += [Grid(["key", FIRST, SECOND], rows, num_names=3)] if rows else [Text("the configs are equal")]
    parts.append("")
    return Group(*parts, block_tables(blocks) if blocks else Text("the runs have no arm in common: nothing to compare"))


def difference_record(first: RunView, second: RunView, blocks: Sequence[Block]) -> dict[str, Any]:
    """The same as plain data."""
    changes = {key: [_value(one), _value(other)] for key, one, other in config_differences(first, second)}
    return {
        FIRST: first.id,
        SECOND: second.id,
        "config": changes,
        "comparison": [block_record(block) for block in blocks],
    }


def _value(value: Any) -> str:
    return MISSING if value is ABSENT else as_written(value)
