"""``bnreg diff``: what differs between two runs' configs, and what it did to each arm that both have."""

from collections.abc import Sequence
from dataclasses import replace

from rich.console import Group, RenderableType
from rich.text import Text

from bnreg.report.comparison import Block, compare_views
from bnreg.report.figures import MISSING
from bnreg.report.grid import Grid
from bnreg.report.question import Question
from bnreg.report.run_view import RunView, point_value
from bnreg.report.settings import flat_config
from bnreg.report.tables import block_tables

# What says how a run was carried out, rather than what was trained.
_UNIMPORTANT = ("name", "device", "jobs", "data.root")
FIRST, SECOND = "first", "second"


def config_differences(first: RunView, second: RunView) -> list[tuple[str, str, str]]:
    """Key and both values for each key of the configs whose values differ; a dash for a key that one lacks."""
    configs = flat_config(first.config), flat_config(second.config)
    keys = [key for key in dict.fromkeys([*configs[0], *configs[1]]) if key not in _UNIMPORTANT]
    told = [(key, *(point_value(one[key]) if key in one else MISSING for one in configs)) for key in keys]
    return [(key, one, other) for key, one, other in told if one != other]


def compare_two(first: RunView, second: RunView, question: Question | None = None) -> list[Block]:
    """The second run against the first, for each arm and point that both have; nothing if there is none."""
    keys = [key for key in first.point_keys if key in second.point_keys and not key.startswith("arms.")]
    if not {*first.arms} & {*second.arms}:
        return []
    question = replace(question or Question(), baseline=f"run={FIRST}", group_by=("arm", *keys), only_common=True)
    return compare_views([replace(first, id=FIRST), replace(second, id=SECOND)], question)


def difference_tables(first: RunView, second: RunView, blocks: Sequence[Block]) -> Group:
    """Two columns of settings, and the comparison."""
    parts: list[RenderableType] = [Text(f"{FIRST}:  {first.id}"), Text(f"{SECOND}: {second.id}"), ""]
    rows = [[*row] for row in config_differences(first, second)]
    parts += [Grid(["key", FIRST, SECOND], rows, num_names=3)] if rows else [Text("the configs are equal")]
    parts.append("")
    return Group(*parts, block_tables(blocks) if blocks else Text("no arm is in both runs: nothing to compare"))
