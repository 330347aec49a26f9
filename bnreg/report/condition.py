"""``--fail-if``: a condition on the verdicts, for scripts that shall stop when an arm lets them down."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bnreg.errors import UserError
from bnreg.report.comparison import Block
from bnreg.report.figures import metric_label
from bnreg.report.groups import distinct

_CONDITION = re.compile(r"\s*(?P<arm>.+?)\s*(?P<operator><=|>=|<|>)\s*(?P<other>.+?)\s*")

# The verdict on the left arm against the right one. What is inconclusive is neither helped nor hurt.
_OPERATORS: dict[str, Callable[[str], bool]] = {
    "<": lambda verdict: verdict == "hurt",
    "<=": lambda verdict: verdict != "helped",
    ">": lambda verdict: verdict == "helped",
    ">=": lambda verdict: verdict != "hurt",
}
_TURNED = {"helped": "hurt", "hurt": "helped"}


@dataclass(frozen=True)
class FailIf:
    """``arm operator other``, of which one is the baseline."""

    arm: str
    operator: str
    other: str

    def fulfilled_by(self, blocks: Sequence[Block]) -> list[str]:
        """The comparisons of which it is true, a line each.

        Raises:
            UserError: If the two were not compared, or somewhere by too few seeds for any verdict, which a script must
                not take for a good one.
        """
        lines, undecided = [], []
        num_compared = 0
        for block in blocks:
            for one in block.judged:
                sides = one.arm.side, one.baseline.side
                if sides not in ((self.arm, self.other), (self.other, self.arm)):
                    continue
                num_compared += 1
                where = block.views[0].id if block.is_run else "all runs"
                who = f"{where}: {metric_label(one.metric)} of {one.arm.label} against {one.baseline.side}"
                if one.comparison.interval is None:
                    undecided.append(f"--fail-if: {who}: too few seeds for a verdict; it takes two of each")
                word: str = one.comparison.verdict.word
                verdict = word if sides[0] == self.arm else _TURNED.get(word, word)
                if _OPERATORS[self.operator](verdict):
                    lines.append(f"{who}: {word}")
        if not num_compared:
            raise UserError(f"--fail-if: {self.arm} and {self.other} were not compared ({_compared(blocks)})")
        if undecided:
            raise UserError(*undecided)
        return lines


def parse_fail_if(text: str) -> FailIf:
    """Read ``bn < plain``.

    Raises:
        UserError: If it is nothing of the kind.
    """
    match = _CONDITION.fullmatch(text)
    if not match or _CONDITION.fullmatch(match["other"]):
        raise UserError(f"--fail-if {text!r}: expected ARM < ARM, or with <=, > or >=")
    return FailIf(match["arm"], match["operator"], match["other"])


def _compared(blocks: Sequence[Block]) -> str:
    pairs = distinct(f"{one.arm.side} with {one.baseline.side}" for block in blocks for one in block.judged)
    return f"compared: {', '.join(pairs)}" if pairs else "nothing was, for there is no baseline"
