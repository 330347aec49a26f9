"""Measure whether the verdict keeps its promises, on simulated networks, whose truth is known, and on real ones.

    make calibrate

Two arms of equal accuracy are compared in 2,000 experiments of 5, 6, 10 and 20 pairs: how often is the verdict *helped*
or *hurt*, and how often does the 95 % interval contain the truth? Then an effect is added: how often is an effect that
matters called *equivalent*, and does the promised number of seeds decide it? Results outside their bands are marked and
make the exit code 1. The verdict does not use the methods in parentheses; their misses are the reason.

A simulated network gets an example right with a probability that depends on how hard the example is, on how well the
example suits its arm, and on how lucky its seed was; now and then a seed is bad. Most examples are easy: all networks
get them right.

Real networks are compared with networks of the same kind, trained in the same way from independent streams of random
numbers: a verdict that one group is better is wrong.
"""

import argparse
import math
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import optimize, special, stats

from bnreg.metrics import ACCURACY_SMALLEST_EFFECT
from bnreg.statistics.families import holm
from bnreg.statistics.intervals import example_error, over_seeds, over_seeds_and_examples
from bnreg.statistics.power import MAX_SEEDS, MIN_SEEDS, seeds_needed
from bnreg.statistics.sign_flip import sign_flip_p_value
from bnreg.statistics.verdict import decide
from bnreg.streams import stream

NUMBERS_OF_PAIRS = (5, 6, 10, 20)
NUM_RESAMPLES = 999


class World(NamedTuple):
    """The properties of the simulated networks; all in logits except the counts and shares."""

    name: str
    num_examples: int
    share_hard: float
    bad_seeds: float  # share of the seeds that are bad, by an exponential number of logits of mean 0.4
    arm_by_example: float  # standard deviation of how well examples suit an arm
    easiness: float = 1.8
    spread_of_easiness: float = 2.2
    spread_of_seeds: float = 0.06
    bad_by: float = 0.4


def worlds(arm_by_example: float) -> list[World]:
    """Worlds with accuracies of about 91 % on 1,000 examples, and of 95 and 97 % on 10,000."""
    return [
        World("91 %, 1,000 examples", 1000, 0.35, 0.0, arm_by_example),
        World("91 %, 1,000, bad seeds", 1000, 0.35, 0.05, arm_by_example),
        World("97 %, 10,000 examples", 10_000, 0.12, 0.0, arm_by_example),
        World("95 %, 10,000, bad seeds", 10_000, 0.2, 0.05, arm_by_example),
    ]


class Experiment(NamedTuple):
    """Differences of one arm from the baseline, for each hard example; all other differences are zero."""

    of_examples: np.ndarray  # (seeds, hard examples), in {-1, 0, 1}
    num_examples: int

    @property
    def of_seeds(self) -> np.ndarray:
        return self.of_examples.sum(axis=1) / self.num_examples

    def first(self, num_pairs: int) -> "Experiment":
        return self._replace(of_examples=self.of_examples[:num_pairs])

    def example_error(self) -> float:
        padding = np.zeros((len(self.of_examples), self.num_examples - self.of_examples.shape[1]), np.int8)
        return example_error(np.concatenate([self.of_examples, padding], axis=1))


def simulate(
    world: World,
    generator: np.random.Generator,
    num_pairs: int,
    shift: float = 0.0,
    num_arms: int = 1,
    easiness: np.ndarray | None = None,
) -> list[Experiment]:
    """Simulate arms whose logits are shifted, and the baseline they share, tested on the same new test set.

    Args:
        world: The properties of the networks.
        generator: The source of randomness.
        num_pairs: Number of seeds.
        shift: Advantage of the arms over the baseline, in logits.
        num_arms: Number of arms, not counting the baseline.
        easiness: Easiness of the test set's hard examples, in logits; drawn by default.
    """
    if easiness is None:
        num_hard = generator.binomial(world.num_examples, world.share_hard)
        easiness = generator.normal(world.easiness, world.spread_of_easiness, num_hard)
    correct = []
    for arm in range(num_arms + 1):
        liking = generator.normal(0, world.arm_by_example, len(easiness))
        luck = generator.normal(0, world.spread_of_seeds, num_pairs)
        luck -= generator.exponential(world.bad_by, num_pairs) * (generator.random(num_pairs) < world.bad_seeds)
        odds = np.exp(luck + shift * (arm > 0))[:, None].astype(np.float32) * np.exp(
            easiness + liking, dtype=np.float32
        )
        draws = generator.random(odds.shape, dtype=np.float32)
        correct.append((draws * (1 + odds) < odds).astype(np.int8))
    return [Experiment(arm - correct[0], world.num_examples) for arm in correct[1:]]


def true_effect(world: World, shift: float, easiness: np.ndarray | None = None) -> float:
    """The difference of expected accuracies, over all test sets or on one with the given hard examples."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    spread = math.hypot(world.spread_of_seeds, world.arm_by_example)
    share, centre = world.share_hard, np.array([world.easiness])
    if easiness is None:
        spread = math.hypot(spread, world.spread_of_easiness)
    else:
        share, centre = len(easiness) / world.num_examples, easiness
    # Equally likely quantiles of the exponential distribution.
    falls = -world.bad_by * np.log((np.arange(40) + 0.5) / 40)

    def accuracy(extra: float) -> float:
        logits = centre[:, None] + extra + spread * nodes
        good = special.expit(logits) @ weights / weights.sum()
        bad = np.mean([special.expit(logits - fall) @ weights / weights.sum() for fall in falls], axis=0)
        return share * float(((1 - world.bad_seeds) * good + world.bad_seeds * bad).mean())

    return accuracy(shift) - accuracy(0.0)


def shift_for(world: World, effect: float, easiness: np.ndarray | None = None) -> float:
    """The shift in logits that produces this true effect."""
    return float(optimize.brentq(lambda shift: true_effect(world, shift, easiness) - effect, 0, 3, xtol=1e-6))


class Outcome(NamedTuple):
    """The result of a method for one experiment."""

    interval: tuple[float, float]
    p_value: float


Method = Callable[[Sequence[Experiment]], list[Outcome]]


def student(experiments: Sequence[Experiment]) -> list[Outcome]:
    """The package's method over seeds."""
    return [
        Outcome(over_seeds(values).interval(), sign_flip_p_value(values))
        for values in (experiment.of_seeds for experiment in experiments)
    ]


def joint(experiments: Sequence[Experiment]) -> list[Outcome]:
    """The package's method over seeds and examples."""
    outcomes = []
    for experiment in experiments:
        estimate = over_seeds_and_examples(experiment.of_seeds, experiment.example_error())
        p_value = max(sign_flip_p_value(experiment.of_seeds), estimate.p_value())
        outcomes.append(Outcome(estimate.interval(), p_value))
    return outcomes


def bca(experiments: Sequence[Experiment]) -> list[Outcome]:
    """Bias-corrected and accelerated bootstrap over seeds; its level is raised to match Student's for normal data."""
    differences = np.array([experiment.of_seeds for experiment in experiments])
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
    bounds = zip(found.low.tolist(), found.high.tolist(), strict=True)
    return [Outcome(bound, sign_flip_p_value(values)) for bound, values in zip(bounds, differences, strict=True)]


def pigeonhole(experiments: Sequence[Experiment]) -> list[Outcome]:
    """Percentiles of the bootstrap that resamples seeds and examples independently of each other."""
    generator = stream(0, "calibration", "pigeonhole")
    num_pairs = len(experiments[0].of_examples)
    most_hard = max(experiment.of_examples.shape[1] for experiment in experiments)
    of_seeds = generator.multinomial(num_pairs, np.full(num_pairs, 1 / num_pairs), NUM_RESAMPLES).T
    # The number of times that one of many examples is drawn is Poisson-distributed.
    of_examples = generator.poisson(1.0, (most_hard, NUM_RESAMPLES)).astype(np.float32)
    outcomes = []
    for experiment in experiments:
        values = experiment.of_examples.astype(np.float32)
        sums = ((values @ of_examples[: values.shape[1]]) * of_seeds).sum(axis=0)
        low, high = np.quantile(sums / (num_pairs * experiment.num_examples), [0.025, 0.975])
        outcomes.append(Outcome((float(low), float(high)), sign_flip_p_value(experiment.of_seeds)))
    return outcomes


def upper_band(share: float, num_experiments: int) -> float:
    """The upper bound of a true share as measured in this many experiments, exceeded at most 2.5 % of the time."""
    return float(stats.binom.ppf(0.975, num_experiments, share)) / num_experiments


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


class Report:
    """Prints tables; marks and counts the results outside their bands."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.num_misses = 0

    def table(self, title: str, columns: list[str], rows: Iterator[list[str]]) -> None:
        table = Table(*columns, title=title, title_justify="left")
        for row in rows:
            table.add_row(*row)
        self.console.print(table)

    def checked(self, text: str, is_right: bool, is_ours: bool = True) -> str:
        """The text, in red if it is outside its band; this counts as a miss if the method is the verdict's own."""
        self.num_misses += is_ours and not is_right
        return text if is_right else f"[red]{text} ![/]"


# Claim → how much arms differ in the examples that suit them, and the methods, each with whether the verdict uses it.
CLAIMS: dict[str, tuple[float, dict[str, tuple[Method, bool]]]] = {
    "this test set": (0.0, {"Student": (student, True), "BCa": (bca, False)}),
    "any test set": (
        0.7,
        {"joint": (joint, True), "Student": (student, False), "pigeonhole": (pigeonhole, False)},
    ),
}


def null_rows(report: Report, num_experiments: int) -> Iterator[list[str]]:
    """Arms of equal accuracy: a verdict that one helped or hurt is wrong."""
    band = upper_band(0.05, num_experiments)
    for claim, (arm_by_example, methods) in CLAIMS.items():
        for world in worlds(arm_by_example):
            generator = stream(0, "calibration", "null", claim, world.name)
            runs = [simulate(world, generator, max(NUMBERS_OF_PAIRS))[0] for _ in range(num_experiments)]
            for (name, (method, is_ours)), number in product(methods.items(), NUMBERS_OF_PAIRS):
                # Other methods are shown only for comparison; fewer experiments are enough.
                results = method([run.first(number) for run in runs[: None if is_ours else num_experiments // 5]])
                wrong = np.mean([word_of(result, None) != "inconclusive" for result in results])
                coverage = np.mean([result.interval[0] <= 0 <= result.interval[1] for result in results])
                width = np.median([result.interval[1] - result.interval[0] for result in results])
                yield [
                    claim,
                    world.name,
                    name if is_ours else f"({name})",
                    str(number),
                    report.checked(percent(wrong), wrong <= band, is_ours),
                    report.checked(percent(coverage), 0.93 <= coverage <= 0.97, is_ours),
                    f"{100 * width:.2f}",
                ]


def word_of(outcome: Outcome, smallest_effect: float | None) -> str:
    return decide(outcome.interval, outcome.p_value, smallest_effect, higher_is_better=True)


def border_rows(report: Report, num_experiments: int) -> Iterator[list[str]]:
    """Arms that differ by exactly the smallest effect: a verdict that they are equivalent is wrong."""
    band = upper_band(0.025, num_experiments)
    for claim, (arm_by_example, methods) in CLAIMS.items():
        name, (method, _) = next(iter(methods.items()))
        for world in worlds(arm_by_example)[2:]:
            shift = shift_for(world, ACCURACY_SMALLEST_EFFECT)
            generator = stream(0, "calibration", "border", claim, world.name)
            runs = [simulate(world, generator, 20, shift)[0] for _ in range(num_experiments)]
            for number in NUMBERS_OF_PAIRS:
                results = method([run.first(number) for run in runs])
                wrong = np.mean([word_of(result, ACCURACY_SMALLEST_EFFECT) == "equivalent" for result in results])
                low, high = np.array([result.interval for result in results]).T
                coverage = np.mean((low <= ACCURACY_SMALLEST_EFFECT) & (high >= ACCURACY_SMALLEST_EFFECT))
                yield [
                    claim,
                    world.name,
                    name,
                    str(number),
                    report.checked(percent(wrong), wrong <= band),
                    report.checked(percent(coverage), 0.93 <= coverage <= 0.97),
                ]


def family_rows(report: Report, num_experiments: int) -> Iterator[list[str]]:
    """Five arms as good as their common baseline: a verdict that any of them helped or hurt is wrong."""
    band = upper_band(0.05, num_experiments)
    for claim, (arm_by_example, methods) in CLAIMS.items():
        name, (method, _) = next(iter(methods.items()))
        world = worlds(arm_by_example)[0]
        generator = stream(0, "calibration", "family", claim)
        families = [simulate(world, generator, 20, num_arms=5) for _ in range(num_experiments)]
        for number in (10, 20):
            wrong = 0
            for family in families:
                results = method([run.first(number) for run in family])
                corrected = holm([result.p_value for result in results])
                wrong += any(
                    word_of(result._replace(p_value=p_value), None) != "inconclusive"
                    for result, p_value in zip(results, corrected, strict=True)
                )
            share = wrong / num_experiments
            yield [claim, world.name, name, str(number), report.checked(percent(share), share <= band)]


def promise_rows(report: Report, num_experiments: int) -> Iterator[list[str]]:
    """The number of seeds that the formula promises to decide 80 % of experiments, for effects from zero to large."""
    for claim, (arm_by_example, methods) in CLAIMS.items():
        name, (method, _) = next(iter(methods.items()))
        world = worlds(arm_by_example)[2]
        for effect in (0.0, 0.0005, 0.001, 0.002, 0.003, 0.005):
            shift = shift_for(world, effect) if effect else 0.0
            generator = stream(0, "calibration", "promise", claim, str(effect))
            large = [simulate(world, generator, 200, shift)[0] for _ in range(20)]
            floor = math.sqrt(np.mean([run.example_error() ** 2 for run in large])) if arm_by_example else 0.0
            std = math.sqrt(np.mean([run.of_seeds.var(ddof=1) for run in large]))
            number = seeds_needed(effect, std, ACCURACY_SMALLEST_EFFECT, floor_error=floor)
            row = [claim, world.name, name, f"{100 * effect:.2f}", f"{100 * std:.2f}", f"{100 * floor:.3f}"]
            if number is None:
                yield [*row, f"> {MAX_SEEDS:,}", "–"]
                continue
            results = method([simulate(world, generator, number, shift)[0] for _ in range(num_experiments)])
            decided = np.mean([word_of(result, ACCURACY_SMALLEST_EFFECT) != "inconclusive" for result in results])
            # The smallest sufficient number may decide more than 80 %, above all if it is the minimum of six.
            highest = 1.0 if number == MIN_SEEDS else 0.9
            is_right = 1 - upper_band(0.23, num_experiments) <= decided <= upper_band(highest, num_experiments)
            yield [*row, str(number), report.checked(percent(decided), is_right)]


def simulated(console: Console, num_experiments: int) -> int:
    """Part 1: simulated networks. Return the number of results outside their bands."""
    report = Report(console)
    start = time.perf_counter()
    band = percent(upper_band(0.05, num_experiments))
    where = ["claim about", "world", "method", "pairs"]
    report.table(
        f"Equal arms: helped or hurt (at most 5 %, measured {band}), and the interval contains the truth (93 to 97 %)",
        [*where, "helped or hurt, %", "coverage, %", "median width, pp"],
        null_rows(report, num_experiments),
    )
    report.table(
        f"Arms that differ by the smallest effect: equivalent (at most 2.5 %, measured "
        f"{percent(upper_band(0.025, num_experiments))})",
        [*where, "equivalent, %", "coverage, %"],
        border_rows(report, num_experiments),
    )
    report.table(
        f"Five equal arms, with Holm's correction: any helped or hurt (at most {band} %)",
        [*where, "any helped or hurt, %"],
        family_rows(report, num_experiments // 2),
    )
    report.table(
        "Seeds promised to decide 80 % of experiments (77 to 90 %; at least six)",
        [*where[:-1], "effect, pp", "std, pp", "floor, pp", "seeds promised", "decided, %"],
        promise_rows(report, num_experiments // 2),
    )
    console.print(f"{report.num_misses} outside their bands; {time.perf_counter() - start:.0f} s")
    return report.num_misses


REAL = """\
data: {dataset: mnist_5k, batch_size: 50}
model: {norm: batch}
training: {epochs: 2}
"""


def real(console: Console, num_experiments: int) -> int:
    """Part 2: an arm against itself, in real networks. Return the number of results outside their bands.

    The lecture's network with batch norm, on the embedded digits; the networks share nothing but the data. Half of each
    experiment's networks act as the arm and half as the baseline.
    """
    report = Report(console)
    start = time.perf_counter()
    num_networks = min(8000, 4 * num_experiments)
    correct = trained_correct(num_networks)
    report.table(
        f"An arm against itself: {num_networks:,} networks, {correct.shape[1]:,} examples, {correct.mean():.1%} right",
        ["method", "pairs", "experiments", "helped or hurt, %", "band", "coverage, %", "median width, pp"],
        real_rows(report, correct),
    )
    console.print(f"{report.num_misses} outside their bands; {time.perf_counter() - start:.0f} s")
    return report.num_misses


def trained_correct(num_networks: int) -> np.ndarray:
    """Train this many networks, each with its own seed, and return which test examples each one gets right.

    Returns:
        Shape (networks, examples), in {0, 1}.
    """
    sys.path.append(str(Path(__file__).parent.parent))
    from support.small_runs import train_plan

    from bnreg.experiment.plan import plan_experiment
    from bnreg.runs import read_correct, read_run

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "itself.yaml").write_text(REAL)
        plan = plan_experiment(folder / "itself.yaml", [f"seeds={num_networks}"], data_folder=None, log=print)
        return read_correct(read_run(train_plan(plan, folder)))[0][0].astype(np.int8)


def real_rows(report: Report, correct: np.ndarray) -> Iterator[list[str]]:
    for (name, method), number in product({"Student": student, "joint": joint}.items(), NUMBERS_OF_PAIRS):
        blocks = correct[: len(correct) // (2 * number) * 2 * number].reshape(-1, 2, number, correct.shape[1])
        results = method([Experiment(arm - baseline, correct.shape[1]) for arm, baseline in blocks])
        wrong = np.mean([word_of(result, None) != "inconclusive" for result in results])
        coverage = np.mean([result.interval[0] <= 0 <= result.interval[1] for result in results])
        width = np.median([result.interval[1] - result.interval[0] for result in results])
        # With so few experiments, the band of 93 to 97 % must be widened by chance.
        low, high = 1 - upper_band(0.07, len(results)), upper_band(0.97, len(results))
        band = upper_band(0.05, len(results))
        yield [
            name,
            str(number),
            str(len(results)),
            report.checked(percent(wrong), wrong <= band),
            percent(band),
            report.checked(percent(coverage), low <= coverage <= high),
            f"{100 * width:.2f}",
        ]


PARTS: dict[str, Callable[[Console, int], int]] = {"simulated": simulated, "real": real}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=2000, help="number of experiments for each result")
    parser.add_argument("--parts", nargs="+", choices=[*PARTS], default=[*PARTS], help="what to measure")
    arguments = parser.parse_args()
    num_misses = sum(PARTS[part](Console(width=120), arguments.experiments) for part in arguments.parts)
    sys.exit(1 if num_misses else 0)


if __name__ == "__main__":
    main()
