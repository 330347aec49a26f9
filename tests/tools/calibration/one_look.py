"""One look at a fixed number of seeds: equal arms, families, arms that diverge, splits that each seed redraws."""

import math
from collections.abc import Iterable

import numpy as np
from tools.calibration.differences import (
    EQUAL_ARMS,
    KNOWN_MISSES,
    NONE_KNOWN,
    Vector,
    contains,
    differs,
    each_evidence,
    evidence_on,
    share,
)
from tools.calibration.tables import Table, aside, at_most, coverage, percent

from bnreg.statistics.evidence import judge
from bnreg.statistics.intervals import over_seeds
from bnreg.statistics.shares import paired_divergence
from bnreg.statistics.sign_flip import MAX_EXACT_PAIRS
from bnreg.streams import stream

NUMBERS_OF_PAIRS = (5, 6, 10, 20)
RATE_OF_DIVERGENCE = 0.1
LOSS_BY_DIVERGENCE = 85.0  # percentage points, from 95 % to chance


def equal_arms(num_experiments: int) -> list[Table]:
    """Two equal arms whose differences have this distribution."""
    rows = []
    for kind, draw in EQUAL_ARMS.items():
        differences = draw(stream(0, "calibration", "equal", kind), (num_experiments, max(NUMBERS_OF_PAIRS)))
        wrong, covered = [], []
        for number in NUMBERS_OF_PAIRS:
            found = [*each_evidence(differences[:, :number])]
            known_wrong, known_covered = KNOWN_MISSES.get(kind, NONE_KNOWN)
            wrong.append(at_most(share(map(differs, found)), 0.05, num_experiments, known=known_wrong))
            within = share(contains(one, 0.0) for one in found)
            covered.append(coverage(within, num_experiments, known=known_covered))
        rows.append([kind, *wrong, *covered])
    columns = [f"{what}, {number} pairs" for what in ("wrong", "covered") for number in NUMBERS_OF_PAIRS]
    title = "Equal arms: *helped* or *hurt* is wrong (at most 5 %); the 95 % interval covers 0 (at least 93 %)"
    return [Table(title, ["differences", *columns], rows)]


def families(num_experiments: int) -> list[Table]:
    """Several arms that are as good as the baseline that they share."""
    rows = []
    for num_arms in (5, 10):
        generator = stream(0, "calibration", "family", str(num_arms))
        values = generator.normal(size=(num_experiments, num_arms + 1, 20))
        differences = values[:, 1:] - values[:, :1]
        texts = []
        for number in (10, 20):
            wrong = (any(map(differs, judge([evidence_on(one[:number]) for one in family]))) for family in differences)
            texts.append(at_most(share(wrong), 0.05, num_experiments))
        rows.append([f"{num_arms} arms", *texts])
    title = "Equal arms with one baseline: any *helped* or *hurt* is wrong (at most 5 %)"
    return [Table(title, ["family", "wrong, 10 pairs", "wrong, 20 pairs"], rows)]


def divergence(num_experiments: int) -> list[Table]:
    """Arms that are equal where they train, and one of which diverges in one seed of ten."""
    rows = []
    truth = -RATE_OF_DIVERGENCE * LOSS_BY_DIVERGENCE
    for number in (6, 10, 20, 50):
        generator = stream(0, "calibration", "divergence", str(number))
        differences = generator.normal(0, 0.2, (num_experiments, number))
        fell = generator.random(differences.shape) < RATE_OF_DIVERGENCE
        mixed = np.where(fell, differences - LOSS_BY_DIVERGENCE, differences)
        counts = [paired_divergence(range(number), frozenset(np.flatnonzero(seeds)), frozenset()) for seeds in fell]
        wrong = "–"
        if number <= MAX_EXACT_PAIRS:
            found = (
                evidence_on(values, diverged=np.flatnonzero(seeds).tolist())
                for values, seeds in zip(differences, fell, strict=True)
            )
            wrong = at_most(share(map(differs, found)), 0.05, num_experiments)
        trained = (values[~seeds] for values, seeds in zip(differences, fell, strict=True))
        bounded = share(one.arm.low <= RATE_OF_DIVERGENCE <= one.arm.high for one in counts)
        rows.append(
            [
                str(number),
                aside(_student_covers(mixed, truth)),
                coverage(_student_covers(trained, 0.0), num_experiments),
                wrong,
                coverage(bounded, num_experiments),
                percent(share(one.p_value < 0.05 for one in counts)),
            ]
        )
    columns = ["pairs", "(mixture covered)", "trained covered", "wrong", "rate covered", "divergence differs"]
    title = (
        "One arm diverges in 10 % of seeds: an interval of all seeds against that of those that trained, the exact "
        "interval of the rate, and how often the test of the counts sees the difference"
    )
    return [Table(title, columns, rows)]


def _student_covers(differences: Iterable[Vector], truth: float) -> float:
    """How often Student's interval contains the truth."""
    bounds = (over_seeds(values).interval() for values in differences)
    return share(low <= truth <= high for low, high in bounds)


def redrawn_splits(num_experiments: int) -> list[Table]:
    """Validation metrics of equal arms, whose differences are correlated because all splits share one pool."""
    rows = []
    for name, ratio in {"1 : 9": 1 / 9, "1 : 4": 1 / 4}.items():
        # Nadeau and Bengio's guess of the correlation: the share of the pool that is tested on.
        correlation = ratio / (1 + ratio)
        generator = stream(0, "calibration", "splits", name)
        own = generator.normal(size=(num_experiments, 20))
        differences = math.sqrt(correlation) * generator.normal(size=(num_experiments, 1))
        differences = differences + math.sqrt(1 - correlation) * own
        wrong, covered, plain = [], [], []
        for number in (6, 10, 20):
            found = [*each_evidence(differences[:, :number], split_ratio=ratio)]
            wrong.append(at_most(share(map(differs, found)), 0.05, num_experiments))
            covered.append(coverage(share(contains(one, 0.0) for one in found), num_experiments))
            plain.append(aside(_student_covers(differences[:, :number], 0.0)))
        rows.append([name, *wrong, *covered, *plain])
    titles = ("wrong", "covered", "(Student's covered)")
    columns = [f"{what}, {number} pairs" for what in titles for number in (6, 10, 20)]
    title = "Equal arms on validation splits that each seed redraws, validation : training examples"
    return [Table(title, ["split", *columns], rows)]
