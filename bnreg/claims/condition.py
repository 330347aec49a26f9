"""``--fail-if``: a condition on the verdicts, for scripts that should stop when an arm does worse."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bnreg.analysis.comparison import Block
from bnreg.analysis.groups import distinct
from bnreg.analysis.judged import Judged
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


@dataclass(frozen=True)
class FailIf:
    """``arm operator other``; one of the two arms is the baseline."""

    arm: str
    operator: str
    other: str

    def matches(self, blocks: Sequence[Block]) -> list[tuple[Block, Judged]]:
        """The comparisons for which the condition is true.

        Raises:
            UserError: If the two were not compared, or if a comparison has too few seeds for any verdict, so that a
                script cannot mistake it for success.
        """
        matching, undecided = [], []
        num_compared = 0
        for block in blocks:
            for one in block.judged:
                sides = one.arm.side, one.baseline.side
                if sides not in ((self.arm, self.other), (self.other, self.arm)):
                    continue
                num_compared += 1
                undecided += _why_undecided(block, one)
                word = outcome(one)
                verdict = word if sides[0] == self.arm else _TURNED.get(word, word)
                if _OPERATORS[self.operator](verdict):
                    matching.append((block, one))
        if not num_compared:
            raise UserError(f"--fail-if: {self.arm} and {self.other} were not compared ({_compared(blocks)})")
        if undecided:
            raise UserError(*undecided)
        return matching


def outcome(judged: Judged) -> str:
    """The verdict's word, unless one side diverges significantly more often: that hurts, whatever it reaches else."""
    divergence = judged.evidence.divergence
    if divergence.differs and divergence.p_value < SIGNIFICANCE:
        return "hurt" if divergence.num_arm > divergence.num_baseline else "helped"
    return judged.evidence.verdict.word


def _why_undecided(block: Block, one: Judged) -> list[str]:
    """Why a comparison can have no verdict: a metric that tells no better from worse, or too few seeds."""
    who = f"--fail-if: {comparison_label(block, one)}"
    evidence = one.evidence
    if evidence.higher_is_better is None:
        return [f"{who}: has no smallest effect, so no difference helps or hurts; give --smallest-effect"]
    enough = fewest_pairs(evidence.verdict.family_size, anytime=evidence.is_anytime)
    if evidence.pairs is None:
        few = f"each arm needs {MIN_UNPAIRED}" if evidence.interval is None else ""
    elif enough is None:
        few = f"{evidence.verdict.family_size} comparisons are too many for any number"
    else:
        few = f"{evidence.num_pairs} of at least {enough}" if evidence.num_pairs < enough else ""
    return [f"{who}: too few seeds for a verdict: {few}"] if few and outcome(one) not in ("helped", "hurt") else []


def comparison_label(block: Block, judged: Judged) -> str:
    """One line that identifies the comparison."""
    where = block.views[0].id if block.is_run else "all runs"
    return f"{where}: {label_of(judged.metric)} of {judged.arm.label} against {judged.baseline.side}"


def parse_fail_if(text: str) -> FailIf:
    """Read ``bn < plain``.

    Raises:
        UserError: If the text is not such a condition.
    """
    match = _CONDITION.fullmatch(text)
    if not match or _CONDITION.fullmatch(match["other"]):
        raise UserError(f"--fail-if {text!r}: expected ARM < ARM, or with <=, > or >=")
    return FailIf(match["arm"], match["operator"], match["other"])


def _compared(blocks: Sequence[Block]) -> str:
    pairs = distinct(f"{one.arm.side} with {one.baseline.side}" for block in blocks for one in block.judged)
    return f"compared: {', '.join(pairs)}" if pairs else "no comparison, because there is no baseline"
