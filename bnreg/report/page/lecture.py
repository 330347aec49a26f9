"""The lecture's page: a card for each claim, to be handed out."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bnreg.claims.verdict import Decided
from bnreg.report.charts.claim import claim_chart
from bnreg.report.claims import NUMBERS, claim_facts, reading
from bnreg.report.grid import signed_chip
from bnreg.report.page.figure import Figure, figure
from bnreg.report.page.figures import main_figure
from bnreg.report.page.frame import rendered
from bnreg.wording import counted

# A verdict's sign, and the kind of its chip.
MARKS = {"supported": ("▲", "helped"), "not supported": ("▼", "hurt"), "inconclusive": ("~", "inconclusive")}
TITLE = "What holds of a lecture on batch normalisation"


@dataclass(frozen=True)
class Card:
    """A claim with its verdict.

    Attributes:
        id: Its name.
        statement: What it says.
        lecture: Where the lecture says it.
        literature: What others found.
        chip: The verdict.
        facts: Label and text of each number.
        figures: Its tests, and the chart that says most about its run.
        run: The name of its run.
    """

    id: str
    statement: str
    lecture: str
    literature: str
    chip: Markup
    facts: Sequence[tuple[str, str]]
    figures: Sequence[Figure]
    run: str


def claims_page(decided: Sequence[Decided], notes: Sequence[str] = ()) -> bytes:
    """The page of some claims, section by section of the lecture.

    Args:
        decided: The claims.
        notes: What a reader must know about them, one line each.

    Raises:
        RunError: If the libraries that draw its charts cannot be put together.
    """
    sections: dict[str, list[Card]] = {}
    for one in decided:
        sections.setdefault(one.claim.lecture or "further claims", []).append(_card(one))
    words: list[str] = [one.word for one in decided]
    return rendered(
        "lecture.html",
        {
            "title": TITLE,
            "counts": [(chip_of(word), words.count(word)) for word in MARKS],
            "lead": f"{counted(len(decided), 'claim')}, each decided by networks that were trained for it.",
            "sections": sections,
            "notes": [*notes, *reading(decided)],
        },
    )


def _card(one: Decided) -> Card:
    tests, run = figure("tests", "What was tested", {"": claim_chart(one)}), main_figure(one.view)
    return Card(
        id=one.claim.id,
        statement=one.claim.statement,
        lecture=one.claim.lecture,
        literature=one.claim.literature,
        chip=chip_of(one.word),
        facts=[(label, text.removeprefix("p ")) for label, text in zip(NUMBERS, claim_facts(one)[2:], strict=True)],
        figures=[tests, *([run] if run else [])],
        run=one.view.id,
    )


def chip_of(word: str) -> Markup:
    """The verdict on a claim, with a sign beside its colour."""
    sign, kind = MARKS[word]
    return signed_chip(kind, sign, word)
