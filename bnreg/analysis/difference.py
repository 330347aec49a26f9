"""Two runs compared: the differences between their configs, and the effect on each arm that both have."""

from dataclasses import replace
from typing import Any

from bnreg.analysis.comparison import Block, compare_views
from bnreg.analysis.question import Question
from bnreg.analysis.run_view import RunView
from bnreg.config.cell_settings import flat_config
from bnreg.wording import as_written

# Keys that describe how a run was executed, not what was trained.
_UNIMPORTANT = ("name", "device", "executor", "address", "jobs", "data.root")
FIRST, SECOND = "first", "second"


class Absent:
    """The value of a key that a config does not have."""


ABSENT = Absent()


def config_differences(first: RunView, second: RunView) -> list[tuple[str, Any, Any]]:
    """Each key whose values differ between the configs, with both values; ``ABSENT`` where a config lacks the key."""
    configs = flat_config(first.config), flat_config(second.config)
    keys = [key for key in dict.fromkeys([*configs[0], *configs[1]]) if key not in _UNIMPORTANT]
    values = [(key, *(config.get(key, ABSENT) for config in configs)) for key in keys]
    return [(key, one, other) for key, one, other in values if _differ(one, other)]


def compare_two(first: RunView, second: RunView, question: Question | None = None) -> list[Block]:
    """Compare the second run with the first, for each arm and point that both have; empty if they share none."""
    keys = [key for key in first.point_keys if key in second.point_keys and not key.startswith("arms.")]
    if not {*first.arms} & {*second.arms}:
        return []
    question = replace(question or Question(), baseline=f"run={FIRST}", group_by=("arm", *keys), only_common=True)
    return compare_views([_renamed(first, FIRST), _renamed(second, SECOND)], question)


def _differ(one: Any, other: Any) -> bool:
    if ABSENT in (one, other):
        return one is not other
    return as_written(one) != as_written(other)


def _renamed(view: RunView, name: str) -> RunView:
    return replace(view, info=replace(view.info, id=name))
