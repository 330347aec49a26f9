"""Simulated networks: which examples of a new test set the networks of two arms get right.

A network gets an example right with a probability that depends on how hard the example is, on how well the example
suits its arm, and on how lucky its seed was; now and then a seed is bad. Most examples are easy: all networks get them
right.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from bnreg.statistics.intervals import example_error


class World(NamedTuple):
    """The properties of the simulated networks; all in logits except the counts and shares."""

    name: str
    num_examples: int
    share_hard: float
    bad_seeds: float  # share of the seeds that are bad, by an exponential number of logits of mean 0.4
    arm_by_example: float = 0.7  # standard deviation of how well examples suit an arm
    easiness: float = 1.8
    spread_of_easiness: float = 2.2
    spread_of_seeds: float = 0.06
    bad_by: float = 0.4
    cluster: int = 1  # number of hard examples that are drawn together: equally easy, and suiting an arm equally well


# Accuracies of about 91 % on 1,000 examples, and of 95 and 97 % on 10,000.
WORLDS = (
    World("91 %, 1,000 examples", 1000, 0.35, 0.0),
    World("91 %, 1,000, bad seeds", 1000, 0.35, 0.05),
    World("97 %, 10,000 examples", 10_000, 0.12, 0.0),
    World("95 %, 10,000, bad seeds", 10_000, 0.2, 0.05),
)
CLUSTERS = World("91 %, 1,000 in clusters of 10", 1000, 0.35, 0.0, cluster=10)
# Where the border of equivalence is tried: 97 and 99.5 % on few and on many examples.
BORDER_WORLDS = tuple(
    World(f"{accuracy} %, {num_examples:,} examples", num_examples, share_hard, 0.0)
    for num_examples in (1000, 10_000)
    for accuracy, share_hard in ((97, 0.12), (99.5, 0.02))
)


class Networks(NamedTuple):
    """Differences of one arm from the baseline, for each hard example; all other differences are zero."""

    of_examples: np.ndarray  # (seeds, hard examples), in {-1, 0, 1}
    num_examples: int

    @property
    def of_seeds(self) -> np.ndarray:
        return self.of_examples.sum(axis=1) / self.num_examples

    def first(self, num_pairs: int) -> "Networks":
        return self._replace(of_examples=self.of_examples[:num_pairs])

    def example_error(self) -> float:
        padding = np.zeros((len(self.of_examples), self.num_examples - self.of_examples.shape[1]), np.int8)
        return example_error(np.concatenate([self.of_examples, padding], axis=1))


def simulate(
    world: World,
    generator: np.random.Generator,
    num_pairs: int,
    shift: float = 0.0,
) -> Networks:
    """Simulate an arm whose logits are shifted, and its baseline, tested on the same new test set.

    Args:
        world: The properties of the networks.
        generator: The source of randomness.
        num_pairs: Number of seeds.
        shift: Advantage of the arm over the baseline, in logits.
    """
    num_clusters = -(-generator.binomial(world.num_examples, world.share_hard) // world.cluster)
    easiness = generator.normal(world.easiness, world.spread_of_easiness, num_clusters)
    correct = []
    for advantage in (0.0, shift):
        logits = easiness + generator.normal(0, world.arm_by_example, num_clusters)
        luck = generator.normal(0, world.spread_of_seeds, num_pairs)
        luck -= generator.exponential(world.bad_by, num_pairs) * (generator.random(num_pairs) < world.bad_seeds)
        odds = np.exp(luck + advantage)[:, None].astype(np.float32) * np.exp(
            np.repeat(logits, world.cluster), dtype=np.float32
        )
        draws = generator.random(odds.shape, dtype=np.float32)
        correct.append((draws * (1 + odds) < odds).astype(np.int8))
    return Networks(correct[1] - correct[0], world.num_examples)


def true_effect(world: World, shift: float) -> float:
    """The difference of expected accuracies, over all test sets."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    spread = math.hypot(world.spread_of_seeds, world.arm_by_example, world.spread_of_easiness)
    # Equally likely quantiles of the exponential distribution.
    falls = -world.bad_by * np.log((np.arange(40) + 0.5) / 40)

    def accuracy(extra: float) -> float:
        logits = world.easiness + extra + spread * nodes
        good = special.expit(logits) @ weights / weights.sum()
        bad = np.mean([special.expit(logits - fall) @ weights / weights.sum() for fall in falls])
        return world.share_hard * float((1 - world.bad_seeds) * good + world.bad_seeds * bad)

    return accuracy(shift) - accuracy(0.0)


def shift_for(world: World, effect: float) -> float:
    """The shift in logits that produces this true effect."""
    return float(optimize.brentq(lambda shift: true_effect(world, shift) - effect, -5, 5, xtol=1e-6))
