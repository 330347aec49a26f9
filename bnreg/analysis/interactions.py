"""Does an arm's advantage depend on the swept settings? The difference of differences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bnreg.analysis.groups import distinct
from bnreg.analysis.judged import num_examples, split_ratio
from bnreg.analysis.replicas import DATASET_KEY
from bnreg.wording import as_written

if TYPE_CHECKING:
    from bnreg.analysis.comparison import Block
    from bnreg.analysis.groups import ReplicaGroup
    from bnreg.statistics.interaction import Interaction
    from bnreg.statistics.points import Correctness


def interactions_of(block: Block, metric: str) -> list[Interaction]:
    """Each arm's advantage at every level of a swept setting, compared with that at the first level.

    The comparisons are a family of their own. The list is empty without such a setting (runs and data sets do not
    count), or if arms must not be paired.
    """
    settings = [key for key in block.point_keys if key not in ("run", "name", DATASET_KEY)]
    if not settings or block.along != "arm" or block.baseline is None:
        return []
    if any(one.unpaired for one in block.judged):
        return []
    import pandas as pd

    from bnreg.statistics.interaction import compare_interactions

    rows = [
        {key: as_written(value) for key, value in group.point.items()}
        | {"arm": group.side, "seed": seed, metric: values.get(seed, math.nan)}
        for group in block.groups
        for values in [group.values(metric)]
        for seed in group.by_seed
    ]
    arms = distinct(group.side for group in block.groups if group.side != block.baseline)
    judged = next(one for one in block.judged if one.metric == metric)
    evidence = judged.evidence
    return compare_interactions(
        pd.DataFrame(rows),
        block.point_keys,
        arms,
        block.baseline,
        metric,
        evidence.higher_is_better,
        factors=settings,
        names_direction=evidence.names_direction,
        smallest_effect=evidence.smallest_effect,
        correctness=_correctness(block) if judged.is_answered else None,
        num_examples=num_examples(judged.arm, metric),
        split_ratio=split_ratio(judged.arm) if metric.startswith("validation_") else None,
        diverged={(_place(group), group.side, seed) for group in block.groups for seed in group.diverged_seeds},
        anytime=evidence.is_anytime,
    )


def _correctness(block: Block) -> Correctness | None:
    """The examples that each network gets right (see ``ReplicaGroup.answers``); None unless all share one test set."""
    if len({one.fingerprint for group in block.groups for one in group.replicas}) > 1:
        return None
    return {
        (_place(group), group.side): {
            seed: flags for seed in group.by_seed if (flags := group.answers(seed)) is not None
        }
        for group in block.groups
    }


def _place(group: ReplicaGroup) -> tuple[str, ...]:
    return tuple(map(as_written, group.point.values()))
