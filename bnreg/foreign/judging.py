"""The verdicts on a table of another tool's results: the same as on runs, from what the table says."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from shlex import quote

from bnreg.analysis.judged import Comparison, compare_seeds, too_few_shared
from bnreg.errors import UserError
from bnreg.foreign.columns import Columns, filtered, find_columns
from bnreg.foreign.samples import Sample, Samples, read_samples
from bnreg.foreign.table import Table
from bnreg.foreign.usual import BASELINES, PERCENT, Meaning, meaning
from bnreg.metrics import LARGEST, Metric, effect_in
from bnreg.statistics.evidence import judge
from bnreg.statistics.ranks import MIN_ARMS, MIN_DATA_SETS, Ranking, rank_arms
from bnreg.statistics.shares import divergence_over
from bnreg.wording import as_written, did_you_mean, joined, listed

NO_SEEDS = "no seed column"


@dataclass(frozen=True)
class Request:
    """What to compare in a table. Columns that are not named are guessed if exactly one fits.

    Attributes:
        arm: Column of the arms' names; in a wide table the columns of the arms, separated by commas.
        seed: Column whose equal values make a pair.
        metric: Column of the values; in a wide table the metric's name.
        baseline: The arm that the others are compared with.
        point: Column of the data sets.
        where: Only rows that match.
        wide: Whether each arm has a column of its own.
        last: Whether the table is a log, of which the last value of each arm and seed counts.
        higher_is_better: Which direction is better; None if the metric's name tells.
        smallest_effect: The smallest difference that matters, such as 0.01 or "0.2pp".
        nan_is_diverged: Whether a run without a value diverged.
        anytime: Whether seeds were added after a look, so that the test must hold at every look.
        friedman: Whether to rank the arms over the data sets, too.
        examples: Number of test examples that each value is a share of, which a claim of equivalence counts with.
    """

    arm: str | None = None
    seed: str | None = None
    metric: str | None = None
    baseline: str | None = None
    point: str | None = None
    where: str | None = None
    wide: bool = False
    last: bool = False
    higher_is_better: bool | None = None
    smallest_effect: str | float | None = None
    nan_is_diverged: bool = False
    anytime: bool = False
    friedman: bool = False
    examples: int | None = None


@dataclass(frozen=True, eq=False)
class Judgement:
    """The verdicts on a table.

    Attributes:
        name: The file's name; empty for a table in memory.
        request: What was asked.
        columns: What is where.
        shown: How to read the metric.
        baseline: The arm that the others are compared with.
        samples: The values by data set and arm.
        seeds: The seeds' names, by the numbers that the evidence has.
        judged: Each arm against the baseline on each data set, one family.
        over_data_sets: Each arm against the baseline over the data sets; a family of its own, empty without several.
        alone: Data sets without the baseline, which are left out.
        ranked: The arms that are ranked over the data sets that have all of them.
        ranking: Their ranks; None if not asked for.
        assumed: What was taken for granted, to be said.
    """

    name: str
    request: Request
    columns: Columns
    shown: Metric
    baseline: str
    samples: list[Sample]
    seeds: list[str]
    judged: list[Comparison[Sample]]
    over_data_sets: list[Comparison[Sample]]
    alone: list[str]
    ranked: list[str]
    ranking: Ranking | None
    assumed: list[str]

    @property
    def decisive(self) -> list[Comparison[Sample]]:
        """The comparisons that a conclusion is drawn from: over the data sets if there are several."""
        return self.over_data_sets or self.judged


def judge_table(table: Table, request: Request) -> Judgement:
    """Judge the arms of a table.

    Raises:
        UserError: If anything about the table or the request is not clear, a line for each mistake.
    """
    examples = request.examples
    if examples is not None and not (isinstance(examples, Real) and 1 <= examples <= LARGEST):
        raise UserError(f"--examples {request.examples}: expected a number of test examples")
    rows = filtered(table, request.where)
    columns = find_columns(
        rows,
        arm=request.arm,
        seed=request.seed,
        point=request.point,
        metric=request.metric,
        wide=request.wide,
        where=request.where,
    )
    found = read_samples(rows, columns, last=request.last, nan_is_diverged=request.nan_is_diverged)
    arms = _distinct(found.samples, lambda one: one.side)
    points = _distinct(found.samples, lambda one: _point(one, columns))
    baseline, guessed = _baseline(table, request.baseline, arms)
    reading = _read_metric(columns, found, request)
    found, shown = reading.found, reading.shown
    judged, alone = _by_point(columns, reading, baseline, request)
    over = _over_data_sets(judged, reading) if len(points) > 1 else []
    if over and request.anytime:
        raise UserError("--anytime: the test over data sets does not hold at every look; choose one with --where")
    ranked, ranking = _rank(found.samples, columns, arms, points, shown) if request.friedman else ([], None)
    assumed = [
        *table.remarks,
        *found.remarks,
        *([f"guessed {' '.join([*columns.guesses, *guessed])}"] if columns.guesses or guessed else []),
        *_assumed(columns.metric, reading, request),
    ]
    return Judgement(
        name=table.name,
        request=request,
        columns=columns,
        shown=shown,
        baseline=baseline,
        samples=found.samples,
        seeds=found.seeds,
        judged=judged,
        over_data_sets=over,
        alone=alone,
        ranked=ranked,
        ranking=ranking,
        assumed=assumed,
    )


def _distinct(items: Sequence[Sample], key: Callable[[Sample], str]) -> list[str]:
    return [*dict.fromkeys(map(key, items))]


def _point(sample: Sample, columns: Columns) -> str:
    return str(sample.point[columns.point]) if columns.point is not None else ""


def _baseline(table: Table, asked: str | None, arms: Sequence[str]) -> tuple[str, list[str]]:
    """The baseline, and what was guessed to find it."""
    if len(arms) < 2:
        raise UserError(table.mistake(f"has only one arm ({listed(arms)}): nothing to compare"))
    if asked is not None:
        if asked not in arms:
            raise UserError(f"--baseline {asked}: not an arm{did_you_mean(asked, arms)} ({listed(arms)})")
        return asked, []
    usual = [arm for arm in arms if joined(arm) in BASELINES]
    if len(usual) != 1:
        raise UserError(f"--baseline: which arm are the others compared with? ({listed(arms)})")
    return usual[0], [f"--baseline {quote(usual[0])}"]


@dataclass(frozen=True)
class _Reading:
    """How to read the metric, its smallest effect, what its name means, and its values as shares if it is one."""

    shown: Metric
    effect: float | None
    meant: Meaning
    found: Samples


def _read_metric(columns: Columns, found: Samples, request: Request) -> _Reading:
    meant = meaning(columns.metric, found.finite)
    asked = request.smallest_effect
    largest = max(map(abs, found.finite), default=0.0)
    # Four digits of the largest value are shown: 0.0000 would be all that is seen of latencies in seconds.
    metric = replace(meant.metric, decimals=max(4, 3 - math.floor(math.log10(largest))) if largest else 4)
    if meant.is_percent:
        found = found.scaled(1 / PERCENT)
    elif isinstance(asked, str) and asked.endswith("pp") and all(0 <= value <= 1 for value in found.finite):
        metric = replace(metric, is_share=True)
    if request.higher_is_better is not None:
        metric = replace(metric, higher_is_better=request.higher_is_better)
    try:
        effect = metric.smallest_effect if asked is None else effect_in(asked, metric)
    except ValueError as wrong:
        in_points = isinstance(asked, str) and asked.endswith("pp") and not metric.is_share
        why = "no share from 0 to 1, so give a number in its own unit" if in_points else wrong
        raise UserError(f"--smallest-effect {asked}: {columns.metric}: {why}") from None
    return _Reading(metric, effect, meant, found)


def _assumed(name: str, reading: _Reading, request: Request) -> list[str]:
    """What the metric's name decided."""
    shown, effect = reading.shown, reading.effect
    assumed = []
    if reading.meant.is_percent:
        finite = reading.found.finite
        lowest = min(finite)  # a share among percentages would look like this, too
        example = lowest if lowest <= 1 / PERCENT else max(finite)
        assumed.append(f"{name} is in percent: {as_written(round(PERCENT * example, 9))} is read as {example:.4g}")
    if reading.meant.misfit is not None:
        odd = as_written(reading.meant.misfit)
        assumed.append(f"{name} is read as plain numbers, because {odd} is neither a share nor a percentage")
    if request.higher_is_better is None:
        if shown.higher_is_better is None:
            assumed.append(
                f"the name {name} does not tell which direction is better: differences are higher or lower; "
                "--higher-is-better or --lower-is-better"
            )
        else:
            assumed.append(f"--{'higher' if shown.higher_is_better else 'lower'}-is-better, by the name {name}")
    if request.smallest_effect is None and effect is not None:
        assumed.append(f"--smallest-effect {as_written(effect)}, the usual one of an accuracy")
    elif effect is None and shown.higher_is_better is not None:
        assumed.append(
            "no smallest effect, so differences are higher or lower, not better or worse; give --smallest-effect, "
            "or 0 if every difference matters"
        )
    return assumed


def _by_point(
    columns: Columns, reading: _Reading, baseline: str, request: Request
) -> tuple[list[Comparison[Sample]], list[str]]:
    """Each arm against the baseline on each data set, and the data sets that lack the baseline."""
    shown, samples = reading.shown, reading.found.samples
    baselines = {_point(one, columns): one for one in samples if one.side == baseline}
    others = [one for one in samples if one.side != baseline]
    pairs = [(one, baselines[_point(one, columns)]) for one in others if _point(one, columns) in baselines]
    alone = [point for point in _distinct(others, lambda one: _point(one, columns)) if point not in baselines]
    if not pairs:
        raise UserError(f"--baseline {baseline}: on no data set together with another arm ({listed(alone)})")
    of_test_set = reading.meant.is_of_test_set and len({_point(one, columns) for one in samples}) == 1
    compared = []
    for arm, other in pairs:
        nothing_pairs = columns.seed is None and not arm.values("").keys() & other.values("").keys()
        unpaired = NO_SEEDS if nothing_pairs else too_few_shared(arm.by_seed, other.by_seed, len(pairs))
        if unpaired and request.anytime:
            raise UserError("--anytime: needs seeds that both arms have")
        evidence = compare_seeds(
            arm.by_seed,
            other.by_seed,
            unpaired=unpaired is not None,
            higher_is_better=shown.higher_is_better,
            effect=reading.effect,
            num_examples=request.examples if shown.is_share else None,
            diverged=arm.diverged_seeds,
            baseline_diverged=other.diverged_seeds,
            anytime=request.anytime,
        )
        compared.append(Comparison(columns.metric, shown, of_test_set, arm, other, evidence, unpaired))
    return _judged_together(compared), alone


def _over_data_sets(judged: Sequence[Comparison[Sample]], reading: _Reading) -> list[Comparison[Sample]]:
    """Each arm's mean differences on the data sets, as if each data set were a seed.

    References:
        Demšar, Statistical Comparisons of Classifiers over Multiple Data Sets, Journal of Machine Learning Research 7
        (2006)
    """
    compared = []
    for side in _distinct([one.arm for one in judged], lambda one: one.side):
        of_arm = [one for one in judged if one.arm.side == side and not math.isnan(one.evidence.difference)]
        means = {number: one.evidence.difference for number, one in enumerate(of_arm)}
        zeros = dict.fromkeys(means, 0.0)
        better = reading.shown.higher_is_better
        evidence = compare_seeds(means, zeros, unpaired=False, higher_is_better=better, effect=reading.effect)
        arm, baseline = Sample({}, side, means), Sample({}, judged[0].baseline.side, zeros)
        counted = [one.evidence.divergence for one in judged if one.arm.side == side]
        evidence = replace(evidence, interval_over="data sets", divergence=divergence_over(counted))
        compared.append(Comparison(judged[0].metric, reading.shown, False, arm, baseline, evidence, None))
    return _judged_together(compared)


def _judged_together(compared: Sequence[Comparison[Sample]]) -> list[Comparison[Sample]]:
    verdicts = judge([one.evidence for one in compared])
    return [replace(one, evidence=evidence) for one, evidence in zip(compared, verdicts, strict=True)]


def _rank(
    samples: Sequence[Sample], columns: Columns, arms: Sequence[str], points: Sequence[str], shown: Metric
) -> tuple[list[str], Ranking]:
    """The arms by their ranks over the data sets that have all of them."""
    if shown.higher_is_better is None:
        raise UserError("--friedman: ranks need a direction; give --higher-is-better or --lower-is-better")
    means = {(_point(one, columns), one.side): one.moments("").mean for one in samples}
    rows = [[means.get((point, arm), math.nan) for arm in arms] for point in points]
    complete = [row for row in rows if not any(map(math.isnan, row))]
    if len(arms) < MIN_ARMS or len(complete) < MIN_DATA_SETS:
        raise UserError(
            f"--friedman: needs at least {MIN_ARMS} arms and {MIN_DATA_SETS} data sets that have all of them; "
            f"there are {len(arms)} and {len(complete)}"
        )
    return [*arms], rank_arms(complete, higher_is_better=shown.higher_is_better)
