"""The verdicts on claims, from the tests of each; all claims that are decided together are one family."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bnreg.analysis.run_view import RunView
from bnreg.claims.claim import Claim, Test
from bnreg.claims.measures import Values, best_of
from bnreg.statistics.evidence import Evidence
from bnreg.statistics.families import holm
from bnreg.statistics.paired import compare_pairs
from bnreg.statistics.power import SIGNIFICANCE

Word = Literal["supported", "not supported", "inconclusive"]


@dataclass(frozen=True)
class Tested:
    """A test and what was found.

    Attributes:
        test: The test.
        values: Each seed's number on each side, the arm first; one side if it is tested against zero.
        evidence: Of the arm against the other side.
    """

    test: Test
    values: Sequence[Values]
    evidence: Evidence

    @property
    def p_value(self) -> float:
        """Two-sided p for what contradicts the prediction: no difference, or one as large as the smallest effect."""
        if self.test.expected == "equal":
            return 1.0 if self.evidence.equivalence_p is None else self.evidence.equivalence_p
        return self.evidence.decisive_p

    def word(self, corrected_p: float) -> Word:
        """The verdict on this test alone, given the claim's corrected p."""
        interval, effect = self.evidence.interval, self.test.smallest_effect
        if interval is None:
            return "inconclusive"
        low, high = interval
        if high < effect if self.test.expected == "more" else low > effect or high < -effect:
            return "not supported"
        is_as_predicted = self.test.expected == "equal" or low > 0
        return "supported" if is_as_predicted and corrected_p < SIGNIFICANCE else "inconclusive"


@dataclass(frozen=True)
class Decided:
    """A claim and the verdict on it.

    Attributes:
        claim: The claim.
        view: The run that it was decided by.
        tested: Its tests.
        family_size: The number of claims over which p is corrected.
        corrected_p: The largest p of its tests, after Holm's correction over these claims.
        word: The verdict: supported if every test supports it, not supported if one contradicts it.
    """

    claim: Claim
    view: RunView
    tested: tuple[Tested, ...]
    family_size: int
    corrected_p: float = 1.0
    word: Word = "inconclusive"

    @property
    def weakest(self) -> Tested:
        """The test that decides: one that contradicts the claim, or else the one with the largest p."""
        return max(self.tested, key=lambda one: (one.word(self.corrected_p) == "not supported", one.p_value))


def decide_claims(claims: Sequence[tuple[Claim, RunView]], *, num_others: int = 0) -> list[Decided]:
    """Decide claims by their runs.

    A claim whose tests must all hold is as uncertain as the weakest of them, so its p is the largest (Berger,
    Multiparameter hypothesis testing and acceptance sampling, 1982); over the claims it is corrected by Holm's method.

    Args:
        claims: Each with its run.
        num_others: Number of further claims of the family, of which nothing is known yet.
    """
    size = len(claims) + num_others
    decided = [Decided(claim, view, tuple(_tested(test, view) for test in claim.tests), size) for claim, view in claims]
    p_values = [max(one.p_value for one in claim.tested) for claim in decided]
    corrected = holm([*p_values, *[1.0] * num_others])[: len(decided)].tolist()
    return [_with_word(claim, p) for claim, p in zip(decided, corrected, strict=True)]


def _with_word(claim: Decided, corrected_p: float) -> Decided:
    words: set[Word] = {one.word(corrected_p) for one in claim.tested}
    word: Word = "supported" if words == {"supported"} else "inconclusive"
    return replace(claim, corrected_p=corrected_p, word="not supported" if "not supported" in words else word)


def _tested(test: Test, view: RunView) -> Tested:
    measured = [_side(test, view, arms) for arms in (test.arms, test.against) if arms]
    ours, *others = measured
    theirs = others[0] if others else dict.fromkeys(ours, 0.0)
    return Tested(test, measured, _compared(ours, theirs, test, view))


def _side(test: Test, view: RunView, arms: Sequence[str]) -> Values:
    """Each seed's number on a side; of several arms, that of the one with the highest mean over the other seeds."""
    by_arm = {arm: test.measure.function(view, arm, **test.options) for arm in arms}
    first, *others = by_arm.values()
    if not others:
        return first
    rows = {seed: {arm: values[seed] for arm, values in by_arm.items()} for seed in first}
    return {seed: row[best_of(rows, seed)] for seed, row in rows.items()}


def _compared(ours: Mapping[int, float], theirs: Mapping[int, float], test: Test, view: RunView) -> Evidence:
    is_of_test_set = test.unit == "pp" and str(test.options.get("metric", "")).startswith("test_")
    return compare_pairs(
        ours,
        theirs,
        higher_is_better=True,
        smallest_effect=test.smallest_effect,
        num_examples=min(used.num_test for used in view.info.data.values()) if is_of_test_set else None,
        anytime=view.is_sequential,
    )
