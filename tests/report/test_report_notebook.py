"""The progress display in a notebook: one output that is replaced, and nothing is left of it."""

import io
import sys
from types import ModuleType

import pytest
from rich.console import Console

from bnreg.budget import Budget
from bnreg.experiment.standing import Track
from bnreg.report import notebook
from bnreg.report.notebook import NotebookLive
from bnreg.report.progress import Progress

TRACK = Track(2, Budget(5, None, None, False, 100))


class Place:
    """What IPython gives for an output with an id."""

    def __init__(self, shown):
        self.shown = [shown]

    def update(self, content):
        self.shown.append(content)


@pytest.fixture
def places(monkeypatch):
    """The outputs that are made within the test, each with what it showed."""
    made = []

    def display(content, *, display_id):
        assert display_id
        made.append(Place(content))
        return made[-1]

    module = ModuleType("IPython.display")
    module.HTML, module.display = str, display
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return made


def test_it_is_replaced_and_ends_with_nothing(places, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(notebook.time, "monotonic", lambda: now[0])
    texts = iter(["first", "second", "third"])
    live = NotebookLive(lambda: next(texts))
    live.start()
    for now[0] in (10.0, 10.1, 20.0):  # the second of these is too soon
        live.refresh()
    live.stop()
    (place,) = places
    *shown, last = place.shown
    assert [word in text for word, text in zip(("first", "second", "third"), shown, strict=True)] == [True] * 3
    assert last == ""


def test_names_in_it_are_not_code(places):
    NotebookLive(lambda: "<script>").start()
    assert "<script>" not in places[0].shown[0]


def test_in_a_notebook_the_progress_is_live(places, capsys):
    console = Console(file=io.StringIO(), force_jupyter=True)
    with Progress(console, "digits", ["bn"], [TRACK]):
        assert "digits" in places[0].shown[0]
    assert places[0].shown[-1] == ""
    assert console.file.getvalue() == capsys.readouterr().out == ""


def test_a_quiet_notebook_shows_nothing(places):
    with Progress(Console(force_jupyter=True, quiet=True), "digits", ["bn"], [TRACK]):
        pass
    assert places == []


def test_a_display_that_never_started_can_be_stopped(places):
    NotebookLive(str).stop()
    assert places == []
