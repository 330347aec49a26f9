"""More than one look: false verdicts when seeds are added until one is reached, the price, and the forecast."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import stats
from tools.calibration.differences import (
    EQUAL_ARMS,
    KNOWN_MISSES,
    NONE_KNOWN,
    Vector,
    differs,
    each_evidence,
    evidence_on,
    share,
)
from tools.calibration.tables import Table, aside, at_most, between, percent

from bnreg.rounds import Rounds
from bnreg.statistics.anytime import log_evidence
from bnreg.statistics.forecast import SHARES, seeds_to_decide
from bnreg.statistics.power import MIN_SEEDS, SIGNIFICANCE
from bnreg.streams import stream

Flags = npt.NDArray[np.bool_]

NUM_SIGNS = 999
MOST = 200
NUM_CHECKED = 20
FAMILY = 5
MOST_AT_ONCE = 100
FIRST_LOOK_KNOWN = 0.08


def differs_anytime(differences: Vector, family_size: int = 1) -> Flags:
    """Whether the test that holds at every look says helped or hurt after each seed: ``compare_pairs``, vectorised.

    Args:
        differences: Shape (experiments, pairs).
        family_size: Number of comparisons of which this has the smallest p.
    """
    capital = np.maximum.accumulate(log_evidence(differences), axis=1)
    quantile = SIGNIFICANCE / family_size
    found: Flags = (capital >= -np.log(quantile)) & (_student_p(differences) < quantile)
    return found


def _student_p(differences: Vector) -> Vector:
    """The two-sided p of Student's interval after each seed."""
    number = np.arange(1, differences.shape[1] + 1)
    sums, squares = np.cumsum(differences, axis=1), np.cumsum(differences**2, axis=1)
    freedom = np.maximum(number - 1, 1)
    std = np.sqrt(np.maximum(squares - sums**2 / number, 0) / freedom)
    with np.errstate(divide="ignore", invalid="ignore"):
        p_value = 2 * stats.t.sf(np.abs(sums) / number / (std / np.sqrt(number)), freedom)
    p_value[:, 0] = 1.0
    return p_value


def check_shortcut(differences: Vector) -> None:
    """Raise unless ``compare_pairs`` gives the same verdicts, in some of the experiments."""
    fast = differs_anytime(differences[:NUM_CHECKED])
    for values, flags in zip(differences[:NUM_CHECKED], fast, strict=True):
        first = int(flags.argmax()) + 1 if flags.any() else len(flags)
        for number in sorted({first - 1, first, len(flags)}):
            if differs(evidence_on(values[:number], anytime=True)) != flags[number - 1]:
                raise AssertionError(f"the shortcut differs from compare_pairs at {number} of {values.tolist()}")


def _ever_by_fixed_test(differences: Vector, generator: np.random.Generator) -> Flags:
    """Whether the test for one look, with sampled signs, says helped or hurt at any seed from the sixth on."""
    signs = generator.choice((-1.0, 1.0), (NUM_SIGNS, differences.shape[1]))
    by_interval = _student_p(differences) < SIGNIFICANCE
    ever = np.zeros(len(differences), np.bool_)
    for index, values in enumerate(differences):
        reached = np.abs(np.cumsum(values)) * (1 - 1e-9)
        as_extreme = (np.abs(np.cumsum(signs * values, axis=1)) >= reached).sum(axis=0)
        p_value = (as_extreme + 1) / (NUM_SIGNS + 1)
        ever[index] = ((p_value < SIGNIFICANCE) & by_interval[index])[MIN_SEEDS - 1 :].any()
    return ever


def _round_ends(first: int) -> list[int]:
    """The numbers of seeds at which the rounds end."""
    rounds, ends = Rounds(tuple(range(first))), [first]
    while (number := rounds.next_number(ends[-1])) is not None:
        ends.append(number)
    return ends


def stopping(num_experiments: int) -> list[Table]:
    """Equal arms, to which seeds are added until one helped or hurt, or there are no more."""
    rows = []
    for kind, draw in EQUAL_ARMS.items():
        generator = stream(0, "calibration", "stopping", kind)
        differences = draw(generator, (num_experiments, MOST))
        check_shortcut(differences)
        found = differs_anytime(differences)
        shares = [
            found.any(axis=1).mean(),
            found[:, np.array(_round_ends(10)) - 1].any(axis=1).mean(),
        ]
        for first in (6, 10):
            at_first = np.array([differs(one) for one in each_evidence(differences[:, :first])])
            later = found[:, np.array(_round_ends(first)[1:]) - 1].any(axis=1)
            shares.append((at_first | later).mean())
        fixed = _ever_by_fixed_test(differences[:, :MOST_AT_ONCE], generator).mean()
        known = KNOWN_MISSES.get(kind, NONE_KNOWN)[0]
        # The first look of the last two is the test for one look, which spends 5 % by itself.
        all_known = known, known, known or FIRST_LOOK_KNOWN, known or FIRST_LOOK_KNOWN
        texts = [
            at_most(float(value), 0.05, num_experiments, known=one)
            for value, one in zip(shares, all_known, strict=True)
        ]
        rows.append([kind, aside(fixed), *texts])
    generator = stream(0, "calibration", "stopping", "family")
    values = generator.normal(size=(num_experiments, FAMILY + 1, MOST_AT_ONCE))
    found = np.array([differs_anytime(family[1:] - family[0], FAMILY).any(axis=0) for family in values])
    ends = np.array(_round_ends(10)) - 1
    texts = [at_most(float(flags.any(axis=1).mean()), 0.05, num_experiments) for flags in (found, found[:, ends])]
    rows.append([f"normal, {FAMILY} arms", "–", *texts, "–", "–"])
    columns = [
        "differences",
        "(fixed test, each seed 6 to 100)",
        "each seed to 200",
        "`until: decided`, 10 to 100 by 10",
        "a run of 6, extended by 10",
        "a run of 10, extended by 10",
    ]
    title = (
        "Equal arms, seeds added until *helped* or *hurt*: ever wrong (at most 5 %). In the last two columns, the "
        "first look is the fixed test's; the family is followed to 100 seeds"
    )
    return [Table(title, columns, rows), _price(num_experiments)]


def _price(num_experiments: int) -> Table:
    """The number of seeds at which 80 % of experiments are decided."""
    rows = []
    for effect in (1.0, 1.5, 2.0):
        generator = stream(0, "calibration", "price", str(effect))
        differences = generator.normal(effect, 1, (num_experiments, 60))
        decided = np.maximum.accumulate(differs_anytime(differences), axis=1).mean(axis=0)
        fixed = next(
            number
            for number in range(MIN_SEEDS, 60)
            if share(map(differs, each_evidence(differences[:, :number]))) >= 0.8
        )
        rows.append([str(effect), str(fixed), str(int((decided >= 0.8).argmax()) + 1)])
    columns = ["d_z", "a number fixed beforehand", "a look at each seed"]
    return Table("The price of looking: seeds at which 80 % of experiments are decided", columns, rows)


def forecasts(num_experiments: int) -> list[Table]:
    """Inconclusive pilots that are extended to the lower and the upper number of seeds that they forecast."""
    smallest_effect = 0.5
    rows = []
    for pilot in (6, 10):
        generator = stream(0, "calibration", "forecast", str(pilot))
        effects = generator.uniform(0, 2, num_experiments)
        differences = generator.normal(effects[:, None], 1, (num_experiments, MOST))
        outcomes: list[tuple[float, bool, bool, bool]] = []
        for effect, values in zip(effects.tolist(), differences, strict=True):
            evidence = evidence_on(values[:pilot], smallest_effect=smallest_effect)
            if evidence.verdict.word != "inconclusive":
                continue
            forecast = seeds_to_decide(evidence)
            is_decided = [
                number is not None
                and evidence_on(values[:number], smallest_effect=smallest_effect, anytime=True).verdict.word
                != "inconclusive"
                for number in (forecast.low, forecast.high)
            ]
            outcomes.append((effect, forecast.high is not None, *is_decided))
        for low, high in [(0.0, 2.0), *pairwise((0.0, 0.5, 1.0, 1.5, 2.0))]:
            within = [one[1:] for one in outcomes if low <= one[0] < high]
            foreseen = [one for one in within if one[0]]
            if not foreseen:
                continue
            at_high = share(one[2] for one in foreseen)
            rows.append(
                [
                    f"{pilot} seeds, d_z {low:g} to {high:g}",
                    str(len(within)),
                    percent(len(foreseen) / len(within)),
                    percent(share(one[1] for one in foreseen)),
                    between(at_high, 0.7, 0.9, len(foreseen)) if high - low == 2 else percent(at_high),
                ]
            )
    columns = ["pilot", "inconclusive", "forecast, %", "decided at its lower number, %", "at its upper number, %"]
    title = (
        f"Inconclusive pilots, extended to the seeds that they forecast (aim: {100 * SHARES[0]:.0f} and "
        f"{100 * SHARES[1]:.0f} %; 70 to 90 over all effects), with a smallest effect of half a standard deviation"
    )
    return [Table(title, columns, rows)]
