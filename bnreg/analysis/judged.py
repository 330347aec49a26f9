"""Groups of replicas compared with a baseline: paired by seed if both saw the same batches, and judged together."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from bnreg.analysis.groups import ReplicaGroup
from bnreg.analysis.replicas import Replica
from bnreg.config.source.key_paths import Point
from bnreg.metrics import TEST_ACCURACY, Metric, metric_of
from bnreg.statistics.evidence import Evidence, judge
from bnreg.statistics.forecast import Forecast, seeds_to_decide
from bnreg.statistics.intervals import example_error, unpaired_example_error
from bnreg.statistics.paired import compare_pairs
from bnreg.statistics.power import fewest_pairs
from bnreg.statistics.unpaired import MIN_UNPAIRED, compare_unpaired

Answers = npt.NDArray[np.number[Any]]
# What decides which examples are in which batch: networks of one seed that differ in it did not see the same batches.
_BATCH_KEYS = ("data.batch_size", "data.train_size", "data.validation_size")


class Side(Protocol):
    """One side of a comparison, whoever trained it."""

    @property
    def point(self) -> Point:
        """Key → value, for all keys except the one along which sides are compared."""

    @property
    def side(self) -> str:
        """Its value of that key: usually the arm's name."""

    @property
    def label(self) -> str:
        """The side and the point in one line."""

    def values(self, metric: str) -> Mapping[int, float]:
        """The metric by seed."""


AnySide = TypeVar("AnySide", bound=Side)


@dataclass(frozen=True, eq=False)
class Comparison(Generic[AnySide]):
    """One side compared with the baseline on one metric.

    Attributes:
        metric: Name of the metric.
        shown: How to read it.
        is_of_test_set: Whether it was measured on one test set, which the seeds share.
        arm: The side.
        baseline: The side that it is compared with.
        evidence: The evidence and the verdict.
        unpaired: Why the two must not be paired; None if they may be.
    """

    metric: str
    shown: Metric
    is_of_test_set: bool
    arm: AnySide
    baseline: AnySide
    evidence: Evidence
    unpaired: str | None

    @cached_property
    def forecast(self) -> Forecast | None:
        """The range of the number of seeds that would decide it; None if it is decided, or nothing can be foreseen."""
        verdict = self.evidence.verdict
        if verdict.word != "inconclusive" or self.evidence.interval is None or self.evidence.noun != "seed":
            return None
        return seeds_to_decide(self.evidence, verdict.family_size)

    @property
    def by_seed(self) -> dict[int, float]:
        """Arm minus baseline for each pair of seeds; empty if they are unpaired."""
        values, baseline_values = self.arm.values(self.metric), self.baseline.values(self.metric)
        seeds = self.evidence.pairs.seeds if self.evidence.pairs else ()
        return {seed: values[seed] - baseline_values[seed] for seed in seeds}


@dataclass(frozen=True, eq=False)
class Judged(Comparison[ReplicaGroup]):
    """One group of replicas compared with the baseline's group.

    Attributes:
        is_answered: Whether the metric is the test accuracy, of which a run stores each network's answers.
    """

    is_answered: bool


def judge_groups(
    pairs: Sequence[tuple[ReplicaGroup, ReplicaGroup]],
    metrics: Sequence[str],
    smallest_effects: Mapping[str, float | None],
) -> list[Judged]:
    """Compare each arm's group with its baseline's on each metric; the comparisons on one metric are one family.

    Args:
        pairs: The arm's group and the baseline's.
        metrics: The metrics to compare.
        smallest_effects: Metric → smallest effect of interest; 0 if every difference matters, None if none is known.
    """
    judged: list[Judged] = []
    for metric in metrics:
        of_metric = [_compare(arm, baseline, metric, smallest_effects[metric], len(pairs)) for arm, baseline in pairs]
        verdicts = judge([one.evidence for one in of_metric])
        judged += [replace(one, evidence=evidence) for one, evidence in zip(of_metric, verdicts, strict=True)]
    return judged


def _compare(
    arm: ReplicaGroup, baseline: ReplicaGroup, metric: str, smallest_effect: float | None, family_size: int
) -> Judged:
    values, baseline_values = (side.values(metric) for side in (arm, baseline))
    anytime = arm.seeds_may_be_added or baseline.seeds_may_be_added
    unpaired = streams_differ(arm, baseline) or too_few_shared(arm.by_seed, baseline.by_seed, family_size, anytime)
    is_answered = metric == TEST_ACCURACY
    example_error = _unpaired_example_error if unpaired else _example_error
    evidence = compare_seeds(
        {seed: values.get(seed, math.nan) for seed in arm.by_seed},
        {seed: baseline_values.get(seed, math.nan) for seed in baseline.by_seed},
        unpaired=unpaired is not None,
        higher_is_better=metric_of(metric).higher_is_better,
        effect=smallest_effect,
        example_error=example_error(arm, baseline) if is_answered else None,
        num_examples=num_examples(arm, metric),
        split_ratio=split_ratio(arm) if metric.startswith("validation_") else None,
        diverged=arm.diverged_seeds,
        baseline_diverged=baseline.diverged_seeds,
        anytime=anytime,
    )
    is_of_test_set = metric.startswith("test_")
    return Judged(metric, metric_of(metric), is_of_test_set, arm, baseline, evidence, unpaired, is_answered)


def compare_seeds(
    arm: Mapping[int, float],
    baseline: Mapping[int, float],
    *,
    unpaired: bool,
    higher_is_better: bool | None,
    effect: float | None,
    example_error: float | None = None,
    num_examples: int | None = None,
    split_ratio: float | None = None,
    diverged: Collection[int] = (),
    baseline_diverged: Collection[int] = (),
    anytime: bool = False,
) -> Evidence:
    """Compare two arms by their values in each seed: pair by pair, or if they are unpaired, by their means.

    Args:
        arm: The arm's metric by seed, see ``compare_pairs``; so are the other arguments.
        baseline: The baseline's.
        unpaired: Whether a seed of both is no pair.
        higher_is_better: Whether a positive difference is a win.
        effect: The smallest effect of interest; 0 if every difference matters, None if none is known.
        example_error: The standard error from the test examples, of pairs or of the two means.
        num_examples: Number of test examples.
        split_ratio: Test examples per training example; only pairs redraw both.
        diverged: Seeds in which the arm diverged.
        baseline_diverged: The same for the baseline.
        anytime: Whether seeds were added after a first look.
    """
    if unpaired:
        return compare_unpaired(
            [*arm.values()],
            [*baseline.values()],
            higher_is_better=higher_is_better,
            names_direction=effect is not None,
            smallest_effect=effect or None,
            example_error=example_error,
            num_examples=num_examples,
            num_diverged=(len(diverged), len(baseline_diverged)),
            anytime=anytime,
        )
    return compare_pairs(
        arm,
        baseline,
        higher_is_better=higher_is_better,
        names_direction=effect is not None,
        smallest_effect=effect or None,
        example_error=example_error,
        num_examples=num_examples,
        split_ratio=split_ratio,
        diverged=diverged,
        baseline_diverged=baseline_diverged,
        anytime=anytime,
    )


def too_few_shared(
    seeds: Collection[int | str], baseline_seeds: Collection[int | str], family_size: int, anytime: bool = False
) -> str | None:
    """Why seeds are not paired although they could be: too few are shared, and there are more on both sides."""
    shared = len({*seeds} & {*baseline_seeds})
    enough = fewest_pairs(family_size, anytime=anytime)
    fewest = min(len(seeds), len(baseline_seeds))
    return "seeds" if shared < (enough or 0) and shared < fewest and fewest >= MIN_UNPAIRED else None


def num_examples(group: ReplicaGroup, metric: str) -> int | None:
    """Number of examples that the metric is a share of; None if it is no share, or one of the training examples."""
    replica = group.replicas[0]
    if not metric_of(metric).is_share or metric.startswith("train_"):
        return None
    if metric.startswith("validation_"):
        return int(replica.settings.get("data.validation_size") or 0) or None
    return replica.view.used_data(replica.settings).num_test


def streams_differ(arm: ReplicaGroup, baseline: ReplicaGroup) -> str | None:
    """The reason not to pair two groups: what differs between their streams for a shared seed; None if nothing does.

    Networks are paired if they saw the same batches of the same data; in one run, one may see more of them.
    """
    for seed in arm.by_seed.keys() & baseline.by_seed.keys():
        for one in arm.by_seed[seed]:
            for other in baseline.by_seed[seed]:
                if difference := _stream_difference(one, other):
                    return difference
    return None


def _stream_difference(one: Replica, other: Replica) -> str | None:
    if one.fingerprint != other.fingerprint:
        return "data"
    if any(one.settings.get(key) != other.settings.get(key) for key in _BATCH_KEYS):
        return "batches"
    if one.view is other.view:
        return None
    if _budget(one) != _budget(other):
        return "budgets"
    # The hash covers the trained epochs: early stopping makes it differ even if the order is the same.
    if one.proof.epochs == other.proof.epochs:
        return "batch orders" if one.proof.batch_order != other.proof.batch_order else None
    data = [{key: value for key, value in side.settings.items() if key.startswith("data.")} for side in (one, other)]
    return "batch orders" if data[0] != data[1] else None


def _budget(replica: Replica) -> tuple[Any, Any]:
    """The number of epochs or steps that it may train for."""
    steps = replica.settings.get("training.steps")
    return steps, replica.settings.get("training.epochs") if steps is None else None


def _example_error(arm: ReplicaGroup, baseline: ReplicaGroup) -> float | None:
    """The standard error from the test examples; None unless it is known for at least two seeds."""
    answers = [one for seed in arm.by_seed if (one := answers_of(arm, baseline, seed))]
    return example_error(np.stack([ours - theirs for ours, theirs in answers])) if len(answers) > 1 else None


def _unpaired_example_error(arm: ReplicaGroup, baseline: ReplicaGroup) -> float | None:
    """The same for seeds that are not paired; also None unless both sides were tested on the same examples."""
    if len({replica.fingerprint for group in (arm, baseline) for replica in group.replicas}) > 1:
        return None
    sides = [[one for seed in group.by_seed if (one := group.answers(seed)) is not None] for group in (arm, baseline)]
    return unpaired_example_error(*map(np.stack, sides)) if min(map(len, sides)) > 1 else None


def answers_of(arm: ReplicaGroup, baseline: ReplicaGroup, seed: int) -> tuple[Answers, Answers] | None:
    """Whether each of a seed's two sides gets each test example right; None unless both are known."""
    answers, baseline_answers = arm.answers(seed), baseline.answers(seed)
    return None if answers is None or baseline_answers is None else (answers, baseline_answers)


def split_ratio(group: ReplicaGroup) -> float | None:
    """Validation examples per training example: each seed redraws both from one training set."""
    replica = group.replicas[0]
    num_validation = replica.settings.get("data.validation_size") or 0
    num_all = replica.view.used_data(replica.settings).num_train
    num_train = replica.settings.get("data.train_size") or num_all - num_validation
    return num_validation / num_train if num_validation else None
