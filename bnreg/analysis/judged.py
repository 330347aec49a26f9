"""Groups of replicas compared with a baseline: paired by seed if both saw the same batches, and judged together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bnreg.analysis.groups import ReplicaGroup
from bnreg.analysis.replicas import EPOCHS_KEY, TEST_ACCURACY, Replica
from bnreg.metrics import metric_of
from bnreg.statistics.evidence import Evidence, judge
from bnreg.statistics.intervals import Flags, example_error
from bnreg.statistics.paired import compare_pairs
from bnreg.statistics.unpaired import compare_unpaired


@dataclass(frozen=True, eq=False)
class Judged:
    """One group compared with the baseline's group on one metric.

    Attributes:
        metric: Name of the metric.
        arm: The group.
        baseline: The group that it is compared with.
        evidence: The evidence and the verdict.
        unpaired: Why the two must not be paired; None if they may be.
        is_answered: Whether the metric is the test accuracy of the final networks. A run may store their answer on each
            test example.
    """

    metric: str
    arm: ReplicaGroup
    baseline: ReplicaGroup
    evidence: Evidence
    unpaired: str | None
    is_answered: bool

    @property
    def by_seed(self) -> dict[int, float]:
        """Arm minus baseline for each pair of seeds; empty if they are unpaired."""
        values, baseline_values = self.arm.values(self.metric), self.baseline.values(self.metric)
        seeds = self.evidence.pairs.seeds if self.evidence.pairs else ()
        return {seed: values[seed] - baseline_values[seed] for seed in seeds}


def judge_groups(
    pairs: Sequence[tuple[ReplicaGroup, ReplicaGroup]],
    metrics: Sequence[str],
    smallest_effects: Mapping[str, float | None],
    *,
    stored_final: bool,
) -> list[Judged]:
    """Compare each arm's group with its baseline's on each metric, and judge all comparisons as one family.

    Args:
        pairs: The arm's group and the baseline's.
        metrics: The metrics to compare.
        smallest_effects: Metric → smallest effect of interest, if there is one.
        stored_final: Whether the metrics are those of the final networks, whose answers on each test example a run may
            store.
    """
    judged = []
    for metric in metrics:
        is_answered = stored_final and metric == TEST_ACCURACY
        for arm, baseline in pairs:
            unpaired = streams_differ(arm, baseline)
            values, baseline_values = (side.values(metric) for side in (arm, baseline))
            higher_is_better, smallest_effect = metric_of(metric).higher_is_better, smallest_effects[metric]
            if unpaired:
                evidence = compare_unpaired(
                    [*values.values()],
                    [*baseline_values.values()],
                    higher_is_better=higher_is_better,
                    smallest_effect=smallest_effect,
                )
            else:
                seeds = sorted(values.keys() & baseline_values.keys())
                evidence = compare_pairs(
                    values,
                    baseline_values,
                    higher_is_better=higher_is_better,
                    smallest_effect=smallest_effect,
                    example_error=_example_error(arm, baseline, seeds) if is_answered else None,
                    split_ratio=_split_ratio(arm) if metric.startswith("validation_") else None,
                )
                assert evidence.pairs is not None
                pairs_with_diverged = replace(
                    evidence.pairs,
                    diverged_seeds=tuple(seed for seed in arm.diverged_seeds if seed in seeds),
                    diverged_baseline_seeds=tuple(seed for seed in baseline.diverged_seeds if seed in seeds),
                )
                evidence = replace(evidence, pairs=pairs_with_diverged)
            judged.append(Judged(metric, arm, baseline, evidence, unpaired, is_answered))
    verdicts = judge([one.evidence for one in judged])
    return [replace(one, evidence=evidence) for one, evidence in zip(judged, verdicts, strict=True)]


def streams_differ(arm: ReplicaGroup, baseline: ReplicaGroup) -> str | None:
    """The reason not to pair two groups: what differs between their streams for a shared seed; None if nothing does.

    The arms of one run are always paired. Replicas of different runs are paired if they saw the same batches of the
    same data.
    """
    for seed in arm.by_seed.keys() & baseline.by_seed.keys():
        sides = arm.by_seed[seed], baseline.by_seed[seed]
        views, baseline_views = ({replica.view for replica in side} for side in sides)
        if views == baseline_views:
            continue
        for one in sides[0]:
            for other in sides[1]:
                if one.view is not other.view and (difference := _stream_difference(one, other)):
                    return difference
    return None


def _stream_difference(one: Replica, other: Replica) -> str | None:
    if one.fingerprint != other.fingerprint:
        return "data"
    if one.settings.get(EPOCHS_KEY) != other.settings.get(EPOCHS_KEY):
        return "budgets"
    # The hash covers the trained epochs: early stopping makes it differ even if the order is the same.
    if one.proof.epochs == other.proof.epochs:
        return "batch orders" if one.proof.batch_order != other.proof.batch_order else None
    data = [{key: value for key, value in side.settings.items() if key.startswith("data.")} for side in (one, other)]
    return "batch orders" if data[0] != data[1] else None


def _example_error(arm: ReplicaGroup, baseline: ReplicaGroup, seeds: Sequence[int]) -> float | None:
    """The standard error from the test examples; None unless it is known for at least two seeds."""
    answers = [one for seed in seeds if (one := answers_of(arm, baseline, seed))]
    differences = [correct.view(np.int8) - baseline_correct.view(np.int8) for correct, baseline_correct in answers]
    return example_error(np.stack(differences)) if len(differences) > 1 else None


def answers_of(arm: ReplicaGroup, baseline: ReplicaGroup, seed: int) -> tuple[Flags, Flags] | None:
    """The test examples that each of a seed's two networks gets right; None unless both are known."""
    correct, baseline_correct = arm.answers(seed), baseline.answers(seed)
    return None if correct is None or baseline_correct is None else (correct, baseline_correct)


def _split_ratio(group: ReplicaGroup) -> float | None:
    """Validation examples per training example: each seed redraws both from one training set."""
    replica = group.replicas[0]
    num_validation = replica.settings.get("data.validation_size") or 0
    num_all = replica.view.used_data(replica.settings).num_train
    num_train = replica.settings.get("data.train_size") or num_all - num_validation
    return num_validation / num_train if num_validation else None
