"""Does the arm's advantage depend on a swept setting? The difference of differences, seed by seed."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from bnreg.config.source.key_paths import Point
from bnreg.statistics.evidence import Evidence, judge
from bnreg.statistics.paired import compare_pairs
from bnreg.statistics.points import Correctness, Place, each_point, shared_example_error


class Interaction(NamedTuple):
    """The change of an arm's advantage over the baseline between two levels of a swept setting.

    Attributes:
        arm: The arm.
        factor: The swept setting, as its dotted key.
        level: Its value.
        reference: Its first value, which the level is compared with.
        others: The other swept settings, which stay the same.
        evidence: (arm − baseline) at the level, minus the same at the reference. *Helped* means that the advantage is
            greater at the level. Its divergence is that of the level and of the reference: the number of seeds in which
            either of the two arms diverged there.
    """

    arm: str
    factor: str
    level: Any
    reference: Any
    others: Point
    evidence: Evidence


def compare_interactions(
    summary: pd.DataFrame,
    point_keys: Sequence[str],
    arms: Sequence[str],
    baseline: str,
    metric: str,
    higher_is_better: bool | None,
    *,
    factors: Collection[str] | None = None,
    names_direction: bool = True,
    smallest_effect: float | None = None,
    correctness: Correctness | None = None,
    num_examples: int | None = None,
    split_ratio: float | None = None,
    diverged: Collection[Place] = (),
    anytime: bool = False,
) -> list[Interaction]:
    """Compare each arm's advantage at each level of each swept setting with that at the first level.

    Every level is compared with the first one at equal values of the other settings; all comparisons are judged as one
    family. A seed is used if both arms have it at both levels.

    Args:
        summary: One row per replica.
        point_keys: The columns that hold the point: the swept settings.
        arms: The arms, in the order in which to list them.
        baseline: The arm to compare with.
        metric: The column to compare.
        higher_is_better: Whether a higher value of the metric is better; None if neither direction is.
        factors: The swept settings that the advantage may depend on; None for all of them.
        names_direction: Whether a change may be said to help or hurt, not only to be higher or lower.
        smallest_effect: The smallest change of the advantage that is of interest, in the metric's unit.
        correctness: Which test examples each replica gets right.
        num_examples: Number of test examples, if the metric is a share of them.
        split_ratio: Test examples per training example, if each seed redraws both from one pool.
        diverged: The replicas that diverged; they have a row, too.
        anytime: Whether seeds were added after a first look.
    """
    fallen: dict[tuple[tuple[Any, ...], str], set[int]] = defaultdict(set)
    for at, of, seed in diverged:
        fallen[at, of].add(seed)

    def fell(point: Point, arm: str) -> set[int]:
        """Seeds in which one of the two arms diverged at a point."""
        place = tuple(point.values())
        return {*fallen.get((place, arm), ()), *fallen.get((place, baseline), ())}

    points = [*each_point(summary, point_keys)]
    interactions = []
    for arm in arms:
        if arm == baseline:
            continue
        advantages = {tuple(point.values()): _advantage(rows, arm, baseline, metric) for point, rows in points}
        for factor in point_keys if factors is None else factors:
            for point, _ in points:
                reference_point = {**point, factor: points[0][0][factor]}
                advantage = advantages[tuple(point.values())]
                reference = advantages.get(tuple(reference_point.values()))
                if point == reference_point or advantage is None or reference is None:
                    continue
                terms = [
                    (1, point, arm),
                    (-1, point, baseline),
                    (-1, reference_point, arm),
                    (1, reference_point, baseline),
                ]
                evidence = compare_pairs(
                    advantage,
                    reference,
                    higher_is_better=higher_is_better,
                    names_direction=names_direction,
                    smallest_effect=smallest_effect,
                    example_error=shared_example_error(correctness, terms),
                    num_examples=num_examples,
                    split_ratio=split_ratio,
                    diverged=fell(point, arm),
                    baseline_diverged=fell(reference_point, arm),
                    anytime=anytime,
                )
                others = {key: value for key, value in point.items() if key != factor}
                interactions.append(Interaction(arm, factor, point[factor], reference_point[factor], others, evidence))
    judged = judge([one.evidence for one in interactions])
    return [one._replace(evidence=evidence) for one, evidence in zip(interactions, judged, strict=True)]


def _advantage(rows: pd.DataFrame, arm: str, baseline: str, metric: str) -> Mapping[int, float] | None:
    """Arm minus baseline by seed, where both have a row; None if an arm has none."""
    sides = [rows[rows["arm"] == name] for name in (arm, baseline)]
    if any(side.empty for side in sides):
        return None
    values, baseline_values = (dict(zip(side["seed"].tolist(), side[metric].tolist(), strict=True)) for side in sides)
    return {seed: values[seed] - baseline_values[seed] for seed in values if seed in baseline_values}
