"""How the evidence grew with the seeds, in a run whose seeds were not all planned."""

from collections.abc import Sequence
from dataclasses import replace

from bnreg.analysis.comparison import Block, smallest_effect
from bnreg.analysis.groups import ReplicaGroup
from bnreg.analysis.judged import Judged, judge_groups
from bnreg.statistics.anytime import smallest_anytime_p_value

MAX_TIMES = 30  # at which everything is judged again
LEVEL = 0.05


def evidence_by_seeds(block: Block) -> list[tuple[int, list[Judged]]]:
    """The comparisons on the declared metric as they stood after some numbers of seeds.

    Args:
        block: The comparison of one run.

    Returns:
        Numbers of seeds, ascending, each with the comparisons, in the block's order: the numbers at which the run was
        looked at, and others between them, from the first at which an interval has an end.
    """
    (view,) = block.views
    metric = block.compared[0]
    effects = {metric: smallest_effect(block, metric)}
    pairs = [(one.arm, one.baseline) for one in block.judged if one.metric == metric]
    return [
        (number, judge_groups([_both(pair, view.seeds[:number]) for pair in pairs], [metric], effects))
        for number in _numbers(view.num_seeds, view.info.looks)
    ]


def fewest_seeds() -> int:
    """The smallest number of seeds at which a confidence sequence has an end."""
    return next(number for number in range(1, 100) if smallest_anytime_p_value(number) <= LEVEL)


def _numbers(num_seeds: int, looks: Sequence[int]) -> list[int]:
    first = fewest_seeds()
    step = -(-(num_seeds - first + 1) // MAX_TIMES) or 1
    return sorted({*range(first, num_seeds + 1, step), num_seeds, *(look for look in looks if look >= first)})


def _both(pair: tuple[ReplicaGroup, ReplicaGroup], seeds: Sequence[int]) -> tuple[ReplicaGroup, ReplicaGroup]:
    """Both sides with these seeds alone."""
    arm, baseline = (replace(one, replicas=[own for own in one.replicas if own.seed in {*seeds}]) for one in pair)
    return arm, baseline
