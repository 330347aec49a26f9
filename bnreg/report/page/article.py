"""What a page says about one run, in the order in which a reader asks."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bnreg.analysis.about import about_view
from bnreg.analysis.comparison import Block
from bnreg.analysis.judged import Judged
from bnreg.analysis.run_view import RunView
from bnreg.metrics import label_of
from bnreg.report.comparison.notes import notes_on
from bnreg.report.comparison.numbers import p_text, verdict
from bnreg.report.comparison.tables import caption_of, facts_of, tables_of
from bnreg.report.finding import difference_text, finding, seeds_said
from bnreg.report.grid import chip, html
from bnreg.report.page.digits import MAX_ARMS, Digits, Images, digits
from bnreg.report.page.figure import Figure
from bnreg.report.page.figures import figures
from bnreg.report.show import facts, run_record
from bnreg.wording import counted, listing

# Its answer comes before its numbers, and the charts that show the answer between the two.
CHARTS_OF_THE_ANSWER = ("curves", "differences", "looks")
MAX_ANSWERS = 8  # more are summed up in one sentence; the tables have them all
OWN_FACTS = ("pairing", "audit", "command")  # which the page says elsewhere


@dataclass(frozen=True)
class Answer:
    """One comparison in a line.

    Attributes:
        chip: The verdict.
        about: The arm, and the point if there are several.
        effect: The difference with its interval.
        basis: How many seeds, and p.
    """

    chip: Markup
    about: str
    effect: str
    basis: str


@dataclass(frozen=True)
class Article:
    """What a page says about a run.

    Attributes:
        name: The name of its folder.
        question: What it asks.
        facts: Its data, length, seeds and so on.
        answers: The comparisons on its declared metric, unless there are too many.
        sentence: The same in a sentence.
        about: Its name and data, as its charts have them.
        figures: Its charts: those of the answer, and the others.
        tables: All numbers.
        notes: How to read them.
        digits: Test images about which arms disagree.
        digits_note: Which arms have such images, if not all of them.
        fairness: What the arms had in common, and what the audit found.
        origin: What made it: a command, or a Python program.
        command: The command, or the function that was called.
        provenance: A label and some lines for each fact about its origin.
        config: The resolved config, as YAML.
    """

    name: str
    question: str
    facts: Sequence[str]
    answers: Sequence[Answer]
    sentence: str
    about: str
    figures: tuple[Sequence[Figure], Sequence[Figure]]
    tables: Markup
    notes: Sequence[str]
    digits: Sequence[Digits]
    digits_note: str
    fairness: Sequence[str]
    origin: str
    command: str
    provenance: Sequence[tuple[str, Sequence[str]]]
    config: str


def article(block: Block, images: Callable[[RunView], Images | None]) -> Article:
    """What a page says about a run.

    Args:
        block: The comparison of its arms.
        images: Returns the test images of a run, None if they are not at hand.
    """
    import yaml

    (view,) = block.views
    shown = [*figures(view)]
    record = run_record(about_view(view))
    notes = notes_on(block)
    shown_digits, num_others = digits(block, images), len(view.arms) - 1
    return Article(
        name=view.id,
        question=question(block),
        facts=facts_of(block),
        answers=_answers(block),
        sentence=finding(block),
        about=f"{view.name}: {view.dataset_label}",
        figures=(
            [one for one in shown if one.name in CHARTS_OF_THE_ANSWER],
            [one for one in shown if one.name not in CHARTS_OF_THE_ANSWER],
        ),
        tables=Markup("\n").join(html(table.grid, caption_of(block, table)) for table in tables_of(block)),
        notes=[line for line in notes if not line.startswith("audit: ")],
        digits=shown_digits,
        digits_note=f"The first {MAX_ARMS} of {counted(num_others, 'arm')}." if num_others > MAX_ARMS else "",
        fairness=[*record["pairing"], *(record["audit"] or ["the audit found nothing unequal"])],
        origin=_origin(view),
        command=shlex.join(view.info.command),
        provenance=[(label, lines) for label, lines in facts(record) if label not in OWN_FACTS],
        config=yaml.safe_dump(dict(view.config), sort_keys=False, allow_unicode=True) if view.config else "",
    )


def _origin(view: RunView) -> str:
    is_command = view.info.command[:1] == ("bnreg",)
    return "The command that made it:" if is_command else "Made from Python; the config below makes it again:"


def question(block: Block) -> str:
    """What a comparison asks, in a sentence."""
    (view,) = block.views
    others = [arm for arm in view.arms if arm != block.baseline]
    if block.baseline is None or not others:
        return view.name
    metric = label_of(block.compared[0])
    where = f", over {listing(block.point_keys)}" if block.point_keys else ""
    if len(others) == 1:
        return f"Did {others[0]} change {metric}, compared with {block.baseline}{where}?"
    return f"Which of {len(others)} arms changed {metric}, compared with {block.baseline}{where}?"


def _answers(block: Block) -> list[Answer]:
    judged = [one for one in block.judged if one.metric == block.compared[0]]
    if len(judged) > MAX_ANSWERS:
        return []
    return [
        Answer(
            chip=chip(verdict(one.evidence)),
            about=one.arm.label,
            effect=difference_text(one) if one.evidence.is_tested else "",
            basis=_basis(one),
        )
        for one in judged
    ]


def _basis(one: Judged) -> str:
    """In how many seeds it was so, and p."""
    if not one.evidence.is_tested:
        return "no pair of seeds was trained to the end"
    return ", ".join(filter(None, [seeds_said(one), f"p {p_text(one.evidence.verdict.corrected_p)}"]))
