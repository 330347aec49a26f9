"""What a run found, in a sentence: the headline of its charts."""

from collections import Counter
from collections.abc import Sequence

from bnreg.analysis.comparison import Block
from bnreg.analysis.groups import ReplicaGroup, distinct
from bnreg.analysis.judged import Judged
from bnreg.metrics import TEST_ACCURACY, label_of
from bnreg.report.comparison.numbers import differences, signed
from bnreg.wording import as_written, brief_label, counted, listing

MAX_ARMS = 5  # that are named one by one, and half as many if each was compared at several points
MINUS = "−"


def finding(block: Block) -> str:
    """The verdicts on the metric that the run declares, in a sentence, and which arms diverged.

    Without a baseline nothing is found: it names the experiment and its data.
    """
    judged = [one for one in block.judged if one.metric == block.compared[0]]
    view = block.views[0]
    found = _verdicts(judged) if judged else f"{view.name}: {view.dataset_label}"
    return "; ".join([found, *_diverged(block.groups)])


def difference_text(one: Judged) -> str:
    """``+1.36 pp [+1.17, +1.54]``: the difference with its unit and its 95 % interval, if it has one."""
    evidence = one.evidence
    (text,) = differences(one.shown, [evidence.difference], [evidence.interval])
    number, _, interval = text.partition(" ")
    return f"{number}{_unit(one)} {interval}".removesuffix("–").strip().replace("-", MINUS)


def is_said(one: Judged) -> str:
    """The verdict as the end of a sentence that begins with the arm: ``helped``, ``is equivalent``, ``is untested``."""
    word = one.evidence.verdict.word
    if not one.evidence.is_tested:
        return "is untested"
    return word if word in ("helped", "hurt") else f"is {word}"


def _verdicts(judged: Sequence[Judged]) -> str:
    arms = distinct(one.arm.side for one in judged)
    by_arm = [[one for one in judged if one.arm.side == arm] for arm in arms]
    if len(judged) == 1:
        return _one(judged[0])
    if len(judged) == len(arms) <= MAX_ARMS:
        return f"{listing([_in_short(one) for one in judged])}{_measured(judged[0])}"
    if len(judged) > len(arms) and len(arms) <= MAX_ARMS // 2:
        return "; ".join(f"{arm} {_over_points(ones)}" for arm, ones in zip(arms, by_arm, strict=True))
    return _counts(judged)


def _one(one: Judged) -> str:
    said = f"{_subject(one)} {is_said(one)}"
    if not one.evidence.is_tested:
        return said
    metric = "" if one.metric == TEST_ACCURACY else f"{label_of(one.metric)} "
    return f"{said}: {', '.join(filter(None, [metric + difference_text(one), seeds_said(one)]))}"


def _subject(one: Judged) -> str:
    point = f" at {brief_label(one.arm.point)}" if one.arm.point else ""
    return f"{one.arm.side}{point}"


def seeds_said(one: Judged) -> str:
    """In how many seeds it was as the verdict says; of an arm that neither helped nor hurt, in how many it was better.

    Empty unless the seeds are paired.
    """
    pairs = one.evidence.pairs
    if pairs is None:
        return ""
    of = f"of {counted(len(pairs.seeds), 'seed')}"
    word = one.evidence.verdict.word
    if word in ("equivalent", "inconclusive"):
        return f"{'higher' if one.evidence.higher_is_better is None else 'better'} in {pairs.wins} {of}"
    alike = sum((difference > 0) == (one.evidence.difference > 0) for difference in pairs.differences)
    return f"{'' if word in ('helped', 'hurt') else f'{word} in '}{alike} {of}"


def _in_short(one: Judged) -> str:
    """``bn helped (+0.51 pp)``."""
    word = is_said(one)
    size = f" ({_size(one)})" if word in ("helped", "hurt") else ""
    return f"{one.arm.side} {word}{size}"


def _size(one: Judged) -> str:
    number = signed(one.evidence.difference * one.shown.scale, one.shown.digits)
    return f"{number}{_unit(one)}".replace("-", MINUS)


def _unit(one: Judged) -> str:
    return f" {one.shown.difference_unit}" if one.shown.difference_unit else ""


def _measured(one: Judged) -> str:
    return "" if one.metric == TEST_ACCURACY else f", by {label_of(one.metric)}"


def _over_points(judged: Sequence[Judged]) -> str:
    """What an arm did at the points of a sweep, and where it did so most."""
    words = Counter(map(is_said, judged))
    num = len(judged)
    decided = [(word, words[word]) for word in words if word not in ("is inconclusive", "is untested")]
    decided.sort(key=lambda one: -one[1])
    if not decided:
        return f"is inconclusive at all {num} points"
    (first, most), *others = decided
    at = f"all {num} points" if most == num else f"{most} of {num} points"
    more = "".join(f", {word} at {times}" for word, times in others)
    strongest = _strongest([one for one in judged if is_said(one) == first])
    where = f"; most at {brief_label(strongest.arm.point)}: {_size(strongest)}" if first in ("helped", "hurt") else ""
    return f"{first} at {at}{more}{where}{_measured(judged[0])}"


def _counts(judged: Sequence[Judged]) -> str:
    words = Counter(is_said(one).removeprefix("is ") for one in judged)
    parts = [f"{times} {word}" for word, times in words.most_common()]
    baseline = as_written(judged[0].baseline.side)
    # The largest of differences that are none is there by chance.
    decided = [one for one in judged if one.evidence.verdict.word in ("helped", "hurt", "higher", "lower")]
    most = f"; most: {_subject(_strongest(decided))}, {_size(_strongest(decided))}" if decided else ""
    return f"of {counted(len(judged), 'comparison')} with {baseline}, {listing(parts)}{most}{_measured(judged[0])}"


def _strongest(judged: Sequence[Judged]) -> Judged:
    return max(judged, key=lambda one: abs(one.evidence.difference) if one.evidence.is_tested else -1.0)


def _diverged(groups: Sequence[ReplicaGroup]) -> list[str]:
    """``plain diverged in 3 of 10 seeds at lr=1``, for each arm that diverged."""
    found = []
    for arm in distinct(group.side for group in groups):
        own = [group for group in groups if group.side == arm]
        fell = [group for group in own if group.diverged_seeds]
        if len(fell) == 1:
            point = f" at {brief_label(fell[0].point)}" if fell[0].point else ""
            found.append(
                f"{arm} diverged in {len(fell[0].diverged_seeds)} of {counted(len(fell[0].by_seed), 'seed')}{point}"
            )
        elif fell:
            num, total = (sum(map(len, ones)) for ones in ([g.diverged_seeds for g in fell], [g.by_seed for g in own]))
            found.append(f"{arm} diverged in {num} of {total} networks, at {len(fell)} of {len(own)} points")
    return found
