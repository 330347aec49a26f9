"""``--fail-if``: a condition on the verdicts, for scripts that should stop when an arm does worse."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bnreg.analysis.comparison import Block
from bnreg.analysis.groups import distinct
from bnreg.analysis.judged import Comparison
from bnreg.errors import UserError
from bnreg.metrics import label_of
from bnreg.statistics.power import SIGNIFICANCE, fewest_pairs
from bnreg.statistics.unpaired import MIN_UNPAIRED

_CONDITION = re.compile(r"\s*(?P<arm>.+?)\s*(?P<operator><=|>=|<|>)\s*(?P<other>.+?)\s*")

# Each takes the outcome for the left arm against the right one. What is inconclusive neither helped nor hurt.
_OPERATORS: dict[str, Callable[[str], bool]] = {
    "<": lambda verdict: verdict == "hurt",
    "<=": lambda verdict: verdict != "helped",
    ">": lambda verdict: verdict == "helped",
    ">=": lambda verdict: verdict != "hurt",
}
_TURNED = {"helped": "hurt", "hurt": "helped"}


class Placed(NamedTuple):
    """A comparison and the place where its results are: a run, or a file."""

    place: str
    comparison: Comparison[Any]

    @property
    def label(self) -> str:
        """One line that identifies the comparison."""
        one = self.comparison
        return f"{self.place}: {label_of(one.metric)} of {one.arm.label} against {one.baseline.side}"


@dataclass(frozen=True)
class FailIf:
    """``arm operator other``; one of the two arms is the baseline."""

    arm: str
    operator: str
    other: str

    def matches(self, placed: Sequence[Placed]) -> list[Placed]:
        """The comparisons for which the condition is true.

        Raises:
            UserError: If the two were not compared, or if a comparison has too few seeds for any verdict, so that a
                script cannot mistake it for success.
        """
        matching, undecided = [], []
        num_compared = 0
        for one in placed:
            sides = one.comparison.arm.side, one.comparison.baseline.side
            if sides not in ((self.arm, self.other), (self.other, self.arm)):
                continue
            num_compared += 1
            undecided += _why_undecided(one)
            word = outcome(one.comparison)
            verdict = word if sides[0] == self.arm else _TURNED.get(word, word)
            if _OPERATORS[self.operator](verdict):
                matching.append(one)
        if not num_compared:
            raise UserError(f"--fail-if: {self.arm} and {self.other} were not compared ({_compared(placed)})")
        if undecided:
            raise UserError(*undecided)
        return matching


def outcome(judged: Comparison[Any]) -> str:
    """The verdict's word, unless one side diverges significantly more often: that hurts, whatever it reaches else."""
    divergence, family_size = judged.evidence.divergence, max(1, judged.evidence.verdict.family_size)
    if divergence.differs and family_size * divergence.p_value < SIGNIFICANCE:
        return "hurt" if divergence.num_arm > divergence.num_baseline else "helped"
    return judged.evidence.verdict.word


def _why_undecided(placed: Placed) -> list[str]:
    """Why a comparison can have no verdict: a metric that tells no better from worse, or too few seeds."""
    who = f"--fail-if: {placed.label}"
    one, evidence = placed.comparison, placed.comparison.evidence
    if one.shown.higher_is_better is None:
        return [f"{who}: neither direction of this metric is better, so no difference helps or hurts"]
    if not evidence.names_direction:
        return [f"{who}: has no smallest effect, so no difference helps or hurts; give --smallest-effect"]
    enough = fewest_pairs(evidence.verdict.family_size, anytime=evidence.is_anytime)
    if evidence.pairs is None:
        few = f"each arm needs {MIN_UNPAIRED}" if evidence.interval is None else ""
    elif enough is None:
        few = f"{evidence.verdict.family_size} comparisons are too many for any number"
    else:
        few = f"{evidence.num_pairs} of at least {enough}" if evidence.num_pairs < enough else ""
    return (
        [f"{who}: too few {evidence.noun}s for a verdict: {few}"]
        if few and outcome(one) not in ("helped", "hurt")
        else []
    )


def comparisons_of(blocks: Sequence[Block]) -> list[Placed]:
    """All comparisons, each with its run."""
    return [Placed(block.views[0].id if block.is_run else "all runs", one) for block in blocks for one in block.judged]


def parse_fail_if(text: str) -> FailIf:
    """Read ``bn < plain``.

    Raises:
        UserError: If the text is not such a condition.
    """
    match = _CONDITION.fullmatch(text)
    if not match or _CONDITION.fullmatch(match["other"]):
        raise UserError(f"--fail-if {text!r}: expected ARM < ARM, or with <=, > or >=")
    return FailIf(match["arm"], match["operator"], match["other"])


def _compared(placed: Sequence[Placed]) -> str:
    pairs = distinct(f"{one.arm.side} with {one.baseline.side}" for _, one in placed)
    return f"compared: {', '.join(pairs)}" if pairs else "no comparison, because there is no baseline"
