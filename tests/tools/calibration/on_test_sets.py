"""Simulated networks on a test set of which each example's answers are known: the interval over seeds and examples."""

import math
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import stats
from tools.calibration.differences import NONE_KNOWN, contains, differs, evidence_on, share
from tools.calibration.networks import BORDER_WORLDS, CLUSTERS, WORLDS, Networks, shift_for, simulate
from tools.calibration.one_look import NUMBERS_OF_PAIRS
from tools.calibration.tables import Table, aside, at_most, coverage

from bnreg.metrics import ACCURACY_SMALLEST_EFFECT
from bnreg.statistics.evidence import Evidence
from bnreg.statistics.intervals import over_seeds
from bnreg.streams import stream

NUM_RESAMPLES = 999
MORE_PAIRS = (6, 10, 20)


def judged(networks: Networks, smallest_effect: float | None = None) -> Evidence:
    """The package's evidence on the arm."""
    return evidence_on(
        networks.of_seeds,
        smallest_effect=smallest_effect,
        example_error=networks.example_error(),
        num_examples=networks.num_examples,
    )


def equal_networks(num_experiments: int) -> list[Table]:
    """Two arms of equal accuracy over all test sets."""
    rows = []
    for world in (*WORLDS, CLUSTERS):
        generator = stream(0, "calibration", "networks", world.name)
        drawn = [simulate(world, generator, max(NUMBERS_OF_PAIRS)) for _ in range(num_experiments)]
        wrong, covered = [], []
        for number in NUMBERS_OF_PAIRS:
            found = [judged(one.first(number)) for one in drawn]
            # The interval is about images drawn one by one: of images in clusters there are fewer than it counts.
            known_wrong, known_covered = (0.4, 0.6) if world.cluster > 1 else NONE_KNOWN
            wrong.append(at_most(share(map(differs, found)), 0.05, num_experiments, known=known_wrong))
            within = share(contains(one, 0.0) for one in found)
            covered.append(coverage(within, num_experiments, known=known_covered))
        rows.append([world.name, *wrong, *covered])
    columns = [f"{what}, {number} pairs" for what in ("wrong", "covered") for number in NUMBERS_OF_PAIRS]
    title = (
        "Networks of equal arms on a new test set: *helped* or *hurt* is wrong (at most 5 %); the interval over seeds "
        "and examples covers 0 (at least 93 %)"
    )
    return [Table(title, ["world", *columns], rows)]


def border(num_experiments: int) -> list[Table]:
    """An arm that is worse by exactly the smallest effect."""
    rows = []
    for world in BORDER_WORLDS:
        for effect in (ACCURACY_SMALLEST_EFFECT, 0.005):
            shift = shift_for(world, -effect)
            generator = stream(0, "calibration", "border", world.name, str(effect))
            drawn = [simulate(world, generator, max(MORE_PAIRS), shift) for _ in range(num_experiments)]
            texts = _at_the_border(drawn, effect, num_experiments)
            rows.append([world.name, f"{100 * effect:.1f}", *texts])
    for num_examples, effect in ((1000, 0.005), (1850, ACCURACY_SMALLEST_EFFECT), (10_000, ACCURACY_SMALLEST_EFFECT)):
        # Only the test images are random here: all seeds lose the same ones.
        generator = stream(0, "calibration", "border", "agreeing", str(num_examples))
        lost = generator.binomial(num_examples, effect, num_experiments)
        drawn = [Networks(np.full((max(MORE_PAIRS), number), -1, np.int8), num_examples) for number in lost.tolist()]
        texts = _at_the_border(drawn, effect, num_experiments)
        rows.append([f"all seeds lose the same, {num_examples:,}", f"{100 * effect:.1f}", *texts])
    titles = ("equivalent", "covered")
    columns = [f"{what}, {number} pairs" for what in titles for number in MORE_PAIRS]
    title = "An arm worse by exactly the smallest effect: *equivalent* is wrong (at most 2.5 %)"
    return [Table(title, ["world", "smallest effect, pp", *columns], rows), _no_difference()]


def _at_the_border(drawn: Sequence[Networks], effect: float, num_experiments: int) -> list[str]:
    wrong, covered = [], []
    for number in MORE_PAIRS:
        found = [judged(one.first(number), effect) for one in drawn]
        is_equivalent = share(one.verdict.word == "equivalent" for one in found)
        wrong.append(at_most(is_equivalent, 0.025, num_experiments))
        covered.append(coverage(share(contains(one, -effect) for one in found), num_experiments))
    return [*wrong, *covered]


def _no_difference() -> Table:
    """Six pairs that answer each example alike."""
    rows = []
    for num_examples in (1000, 10_000):
        evidence = judged(Networks(np.zeros((6, 0), np.int8), num_examples), ACCURACY_SMALLEST_EFFECT)
        reach = evidence.interval[1] if evidence.interval else math.nan
        rows.append([f"{num_examples:,}", evidence.verdict.word, f"± {100 * reach:.2f}"])
    title = "Six pairs without an example that is answered differently, smallest effect 0.2 pp"
    return Table(title, ["test examples", "verdict", "interval, pp"], rows)


def tried(num_experiments: int) -> list[Table]:
    """Intervals that were tried and that the verdict does not use; fewer experiments show why."""
    num_experiments //= 5
    rows = []
    for world, name, intervals in (
        (WORLDS[1]._replace(arm_by_example=0.0), "BCa bootstrap over seeds, of the same test images", bca),
        (WORLDS[1], "over seeds alone, read as of other test images", student),
        (WORLDS[2], "over seeds alone, read as of other test images", student),
        (WORLDS[2], "bootstrap of seeds and examples independently", pigeonhole),
    ):
        generator = stream(0, "calibration", "tried", world.name, name)
        drawn = [simulate(world, generator, max(MORE_PAIRS)) for _ in range(num_experiments)]
        texts = []
        for number in MORE_PAIRS:
            bounds = intervals([one.first(number) for one in drawn])
            texts.append(aside(share(low <= 0 <= high for low, high in bounds)))
        rows.append([f"({name})", world.name, *texts])
    columns = ["interval", "world", *(f"covered, {number} pairs" for number in MORE_PAIRS)]
    return [Table("Intervals that were tried and are not used: how often they cover 0", columns, rows)]


def student(drawn: Sequence[Networks]) -> Iterator[tuple[float, float]]:
    return (over_seeds(one.of_seeds).interval() for one in drawn)


def bca(drawn: Sequence[Networks]) -> Iterator[tuple[float, float]]:
    """Bias-corrected and accelerated bootstrap over seeds; its level is raised to match Student's for normal data."""
    differences = np.array([one.of_seeds for one in drawn])
    num_pairs = differences.shape[1]
    quantile = stats.t.ppf(0.975, num_pairs - 1) * math.sqrt(num_pairs / (num_pairs - 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no interval if all differences are equal: counts as a miss
        found = stats.bootstrap(
            (differences,),
            np.mean,
            axis=1,
            n_resamples=NUM_RESAMPLES,
            batch=50,
            confidence_level=1 - 2 * max(stats.norm.sf(quantile), 0.5 / NUM_RESAMPLES),
            rng=stream(0, "calibration", "bca"),
        ).confidence_interval
    return zip(found.low.tolist(), found.high.tolist(), strict=True)


def pigeonhole(drawn: Sequence[Networks]) -> Iterator[tuple[float, float]]:
    """Percentiles of the bootstrap that resamples seeds and examples independently of each other."""
    generator = stream(0, "calibration", "pigeonhole")
    num_pairs = len(drawn[0].of_examples)
    most_hard = max(one.of_examples.shape[1] for one in drawn)
    of_seeds = generator.multinomial(num_pairs, np.full(num_pairs, 1 / num_pairs), NUM_RESAMPLES).T
    # The number of times that one of many examples is drawn is Poisson-distributed.
    of_examples = generator.poisson(1.0, (most_hard, NUM_RESAMPLES)).astype(np.float32)
    for one in drawn:
        values = one.of_examples.astype(np.float32)
        sums = ((values @ of_examples[: values.shape[1]]) * of_seeds).sum(axis=0)
        low, high = np.quantile(sums / (num_pairs * one.num_examples), [0.025, 0.975])
        yield float(low), float(high)
