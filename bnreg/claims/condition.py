"""``--fail-if``: a condition on the verdicts, for scripts that should stop when an arm does worse."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bnreg.analysis.comparison import Block
from bnreg.analysis.groups import distinct
from bnreg.analysis.judged import Judged
from bnreg.errors import UserError
from bnreg.metrics import label_of

_CONDITION = re.compile(r"\s*(?P<arm>.+?)\s*(?P<operator><=|>=|<|>)\s*(?P<other>.+?)\s*")

# Each takes the verdict on the left arm against the right one. An inconclusive verdict is neither helped nor hurt.
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
                if one.evidence.interval is None:
                    who = comparison_label(block, one)
                    undecided.append(f"--fail-if: {who}: too few seeds for a verdict; each arm needs two")
                word: str = one.evidence.verdict.word
                verdict = word if sides[0] == self.arm else _TURNED.get(word, word)
                if _OPERATORS[self.operator](verdict):
                    matching.append((block, one))
        if not num_compared:
            raise UserError(f"--fail-if: {self.arm} and {self.other} were not compared ({_compared(blocks)})")
        if undecided:
            raise UserError(*undecided)
        return matching


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
