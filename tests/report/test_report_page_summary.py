"""A comparison in HTML: the terminal's words and numbers, readable without colour, and nothing in it is code."""

import re
from html import unescape
from html.parser import HTMLParser

import pytest
from support.made_runs import make_view

from bnreg.analysis.comparison import compare_views
from bnreg.analysis.question import Question
from bnreg.report.comparison.tables import tables_of
from bnreg.report.grid import MARKS, Grid, html
from bnreg.report.page.summary import summary_table

VOID = {"br", "img", "hr", "meta", "link", "input"}
HOSTILE = "<script>alert('x')</script>&amp;\"'"


class Reader(HTMLParser):
    """Elements in order, with a stack that finds what is not closed."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.open += [tag] if tag not in VOID else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def named(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def cells(text):
    """The texts of a table's cells, row by row, without its caption."""
    rows = re.findall(r"<tr>(.*?)</tr>", text)
    plain = [[re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row)] for row in rows]
    return [[unescape(cell) for cell in row] for row in plain]


def blocks_of(*views, **question):
    return compare_views(views, Question(**question))


def test_it_has_the_words_and_numbers_of_the_terminal():
    """Only a verdict has its sign as well, and ~ is spelled out."""
    (block,) = blocks_of(make_view(), tests=True)
    signs = {name: f"{sign} {word}" for name, (sign, word) in MARKS.items()}
    for table in tables_of(block):
        expected = [[signs.get(cell, cell.strip()) for cell in row] for row in (table.grid.headers, *table.grid.rows)]
        assert cells(html(table.grid)) == expected


@pytest.mark.parametrize("word", MARKS)
def test_a_verdict_does_not_rely_on_colour(word):
    """A sign that screen readers skip, and a word that they read; what follows the word stays."""
    text = html(Grid(["arm", "verdict", "p"], [["bn", f"{word}; diverged 3:0", "0.002"]], 2, styles={word: "red"}))
    sign, name = MARKS[word]
    assert f'<span aria-hidden="true">{sign}</span> {name}</span> diverged 3:0</td>' in text


def test_only_verdicts_are_marked():
    """An arm may be called by the word of a verdict, and a verdict may be a dash."""
    text = html(Grid(["arm", "verdict"], [["helped", "–"], ["hurt", "higher"]], 2, styles={"helped": "green"}))
    assert "bnreg-chip" not in text


def test_tables_are_semantic():
    """Captions, column and row headings, and numbers that are right-aligned with figures of equal width."""
    text = summary_table(blocks_of(make_view(sweep={"optimizer.lr": [0.1, 0.01]})))
    found = Reader(text)
    assert len(found.named("caption")) == len(found.named("table")) == 3
    assert {one["scope"] for one in found.named("th")} == {"col", "row"}
    assert all(one["class"] == "bnreg-number" for one in found.named("td") if one)
    assert re.search(r"\.bnreg-number \{[^}]*text-align: right;[^}]*tabular-nums", text)
    used = {name for _, attributes in found.elements for name in attributes.get("class", "").split()}
    assert used
    assert all(name.startswith("bnreg-") for name in used)
    assert all(f".{name}" in text for name in used)


def test_nothing_in_a_run_can_become_code():
    view = make_view(arms=(HOSTILE, "plain"), name="hostile", overrides=(f"name={HOSTILE}",))
    text = summary_table(blocks_of(view))
    assert HOSTILE in unescape(text)
    assert HOSTILE not in text
    assert not Reader(text).named("script")


def test_one_run_is_shown_in_full_and_several_begin_with_an_overview():
    """The tables of several are folded."""
    one, other = make_view(), make_view(name="other")
    assert Reader(summary_table(blocks_of(one))).named("details") == [{"open": None}]
    found = Reader(summary_table(blocks_of(one, other)))
    assert found.named("details") == [{}, {}]
    first = found.elements[: found.elements.index(("details", {}))]
    assert [name for name, _ in first].count("table") == 1


def test_it_follows_the_theme_of_the_system_or_the_notebook():
    """Ink and paper both change, so that the text can be read on any background."""
    text = summary_table(blocks_of(make_view()))
    for name in ("ink", "paper"):
        assert re.search(rf"--bnreg-{name}: light-dark\(", text)
    assert "color-scheme: light dark" in text
    assert '[data-jp-theme-light="false"] .bnreg-summary, .vscode-dark .bnreg-summary { color-scheme: dark; }' in text
