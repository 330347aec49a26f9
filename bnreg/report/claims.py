"""The verdicts on claims: as a table, as Markdown and as plain data."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bnreg.analysis.run_view import RunView
from bnreg.claims.claim import Claim
from bnreg.claims.verdict import Decided, Tested, decide_claims
from bnreg.report.comparison.numbers import p_text, padded
from bnreg.report.grid import Grid, markdown
from bnreg.wording import counted

NUMBERS = ["effect [95 %]", "p", "seeds", "time"]
STYLES = {"supported": "green", "not supported": "red", "inconclusive": "yellow"}


def claims_table(decided: Sequence[Decided], notes: Iterable[str] = ()) -> Group:
    """For each claim the verdict with its numbers in aligned columns, then its statement; below, how to read them."""
    names, words, *numbers = (list(column) for column in zip(*map(claim_facts, decided), strict=True))
    columns = [*(_filled(texts) for texts in (names, words)), *map(padded, numbers)]
    blocks: list[RenderableType] = []
    for one, row in zip(decided, zip(*columns, strict=True), strict=True):
        blocks.append(Text.assemble(f"{row[0]}  ", (row[1], STYLES[one.word]), "  ", "  ".join(row[2:])))
        said = [one.claim.statement, *([f"Others found: {one.claim.literature}"] if one.claim.literature else [])]
        blocks += [
            Padding(Text(line, style), (0, 0, 0, len(row[0]) + 2))
            for line, style in zip(said, ("", "dim"), strict=False)
        ]
    return Group(*blocks, "", *(Text(line) for line in [*notes, *reading(decided)]))


def claim_lines(claim: Claim, view: RunView, num_others: int) -> tuple[list[str], bool]:
    """Where a claim stands after a round of seeds, and whether it is decided."""
    (one,) = decide_claims([(claim, view)], num_others=num_others)
    return [f"after {counted(view.num_seeds, 'seed')}: {claim.id}: {one.word}, {effect_text(one.weakest)}"], (
        one.word != "inconclusive"
    )


def claims_list(claims: Sequence[Claim]) -> Group:
    """The id and statement of each claim."""
    names = _filled([claim.id for claim in claims])
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, claim in zip(names, claims, strict=True):
        grid.add_row(name, Text(claim.statement))
    return Group(grid)


def claims_markdown(decided: Sequence[Decided], notes: Iterable[str] = ()) -> str:
    """A row for each claim, in Markdown, and how to read the table."""
    rows = []
    for one in decided:
        identity, word, *numbers = claim_facts(one)
        rows.append([identity, one.claim.statement, word, one.claim.literature, *numbers])
    table = markdown(Grid(["claim", "statement", "verdict", "others found", *NUMBERS], rows, 4))
    return "\n\n".join([table, *(f"{line[0].upper()}{line[1:]}." for line in [*notes, *reading(decided)])])


def _filled(texts: list[str]) -> list[str]:
    """The texts, left-aligned to the width of the longest."""
    return [text.ljust(max(map(len, texts))) for text in texts]


def claim_facts(one: Decided) -> list[str]:
    """A claim's id, verdict, effect, p, number of seeds and of looks, and seconds."""
    looks = one.view.info.looks
    return [
        one.claim.id,
        one.word,
        effect_text(one.weakest),
        f"p {p_text(one.corrected_p)}",
        counted(one.view.num_seeds, "seed") + (f", {counted(len(looks), 'look')}" if len(looks) > 1 else ""),
        f"{one.view.info.seconds:,.0f} s",
    ]


def claims_record(decided: Sequence[Decided]) -> dict[str, Any]:
    """The verdicts as plain data, with every test of each claim."""
    claims = [
        {
            "id": one.claim.id,
            "statement": one.claim.statement,
            "lecture": one.claim.lecture,
            "literature": one.claim.literature,
            "verdict": one.word,
            "corrected_p": one.corrected_p,
            "family_size": one.family_size,
            "run": one.view.id,
            "seeds": list(one.view.seeds),
            "seconds": one.view.info.seconds,
            "tests": [_test_record(tested, one.corrected_p) for tested in one.tested],
        }
        for one in decided
    ]
    return {"claims": claims}


def effect_text(tested: Tested) -> str:
    """A test's difference with its interval, in the measure's unit: ``+1.2 pp [+0.8, +1.6]`` or ``1.8x [1.5, 2.1]``."""
    evidence, unit = tested.evidence, tested.test.unit
    low, high = evidence.interval or (math.nan, math.nan)
    if unit == "x":
        mean, *ends = (f"{2**value:.2f}" for value in (evidence.difference, low, high))
        return f"{mean}x [{', '.join(ends)}]"
    scale, digits = (100, 2) if unit == "pp" else (1, 3)
    mean, *ends = (f"{scale * value:+.{digits}f}" for value in (evidence.difference, low, high))
    return f"{mean}{f' {unit}' if unit else ''} [{', '.join(ends)}]"


def _test_record(tested: Tested, corrected_p: float) -> Mapping[str, Any]:
    test, evidence = tested.test, tested.evidence
    return {
        "measure": test.name,
        "of": dict(test.options),
        "arms": list(test.arms),
        "against": list(test.against),
        "expected": test.expected,
        "smallest_effect": test.smallest_effect,
        "verdict": tested.word(corrected_p),
        "difference": None if math.isnan(evidence.difference) else evidence.difference,
        "interval": list(evidence.interval) if evidence.interval else None,
        "p": tested.p_value,
        "effect": effect_text(tested),
    }


def reading(decided: Sequence[Decided]) -> list[str]:
    """How to read the verdicts, one line each."""
    several = ", ".join(f"{one.claim.id} {len(one.tested)}" for one in decided if len(one.tested) > 1)
    lines = [f"tests that must all hold, of which the weakest is shown: {several}"] if several else []
    size = max(one.family_size for one in decided)
    corrected = (
        f"p after Holm for {counted(size, 'claim')}" if size > 1 or len(decided) == 1 else "p of each claim alone"
    )
    excluded = "not supported: the 95 % interval excludes the smallest effect"
    return [*lines, f"{corrected}; {excluded}; intervals over seeds, for this test set"]
