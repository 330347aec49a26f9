"""Whether an arm's advantage depends on what is swept: the difference of differences, between two settings or more."""

from typing import TYPE_CHECKING

from bnreg.report.comparison import Block
from bnreg.report.figures import MISSING, differences, p_text, unit
from bnreg.report.grid import Grid
from bnreg.report.groups import distinct
from bnreg.report.judged import is_share
from bnreg.report.run_view import point_label, point_value, short_names

if TYPE_CHECKING:
    from bnreg.statistics.interaction import Interaction
    from bnreg.statistics.points import Correctness

MIN_FACTORS = 2


def interactions_of(block: Block, metric: str) -> list["Interaction"]:
    """Each arm's advantage at every level of a swept setting, against that at its first; a family of their own.

    Nothing for fewer than two settings (which run it is, is none), or where arms must not be paired.
    """
    settings = [key for key in block.point_keys if key not in ("run", "name")]
    if len(settings) < MIN_FACTORS or block.along != "arm" or block.baseline is None:
        return []
    if any(one.unpaired for one in block.judged):
        return []
    import pandas as pd

    from bnreg.statistics.interaction import compare_interactions

    rows = [
        {key: point_value(value) for key, value in group.point.items()}
        | {"arm": group.side, "seed": seed, metric: value}
        for group in block.groups
        for seed, value in group.values(metric).items()
    ]
    arms = distinct(group.side for group in block.groups if group.side != block.baseline)
    judged = next(one for one in block.judged if one.metric == metric)
    return compare_interactions(
        pd.DataFrame(rows),
        block.point_keys,
        arms,
        block.baseline,
        metric,
        is_share(metric),
        smallest_effect=judged.comparison.verdict.smallest_effect,
        correctness=_correctness(block) if judged.is_answered else None,
    )


def _correctness(block: Block) -> "Correctness | None":
    """Which examples each network gets right, see ``Group.answers``, where all have one test set."""
    if len({one.fingerprint for group in block.groups for one in group.replicas}) > 1:
        return None
    correctness = {}
    for group in block.groups:
        point = tuple(map(point_value, group.point.values()))
        for seed in group.by_seed:
            if (flags := group.answers(seed)) is not None:
                correctness[point, group.side, seed] = flags
    return correctness


def interactions_grid(interactions: list["Interaction"], metric: str, styles: dict[str, str]) -> Grid:
    """A row for each: by how much the advantage is greater at the level than at the reference."""
    evidence = [one.comparison for one in interactions]
    names = [
        [one.arm, f"{short_names([one.factor])[0]} {one.level} vs {one.reference}", point_label(one.others)]
        for one in interactions
    ]
    shift = differences(metric, [one.difference for one in evidence], [one.interval for one in evidence])
    words = ["~" if one.verdict.word == "inconclusive" else one.verdict.word for one in evidence]
    p_values = [p_text(one.verdict.corrected_p) if one.num_pairs else MISSING for one in evidence]
    rows = [[*name, *cells] for name, cells in zip(names, zip(words, shift, p_values, strict=True), strict=True)]
    headers = ["advantage of", "between", "at", "verdict", f"change [95 %]{unit(metric, of_difference=True)}", "p"]
    return Grid(headers, rows, num_names=4, styles=styles)
