"""Where each comparison stands after a round of seeds."""

from bnreg.analysis.comparison import block_of
from bnreg.analysis.run_view import RunView
from bnreg.claims.condition import outcome
from bnreg.report.comparison.notes import foreseen
from bnreg.report.comparison.numbers import differences, diverged, unit
from bnreg.wording import counted


def look_lines(view: RunView) -> tuple[list[str], bool]:
    """A line for each comparison of a run that is being extended, and whether all are decided.

    A comparison is decided, too, if one of its sides diverges significantly more often.
    """
    block = block_of(view)
    lines = []
    for one in block.judged:
        evidence = one.evidence
        (shift,) = differences(one.shown, [evidence.difference], [evidence.interval])
        found = f"{evidence.verdict.word}, {shift}{unit(one.shown, of_difference=True)[1:]}"
        stands = found if evidence.is_tested else "no two seeds to compare" if evidence.pairs else "no test"
        more = f"; {foreseen([one.forecast])}" if one.forecast else ""
        lines.append(f"{one.arm.label}: {stands}{diverged(evidence.divergence)}{more}")
    undecided = [one for one in block.judged if outcome(one) == "inconclusive"]
    standing = f"{len(block.judged) - len(undecided)} of {counted(len(block.judged), 'comparison')} decided"
    return [f"after {counted(view.num_seeds, 'seed')}: {standing}", *(f"  {line}" for line in lines)], not undecided
