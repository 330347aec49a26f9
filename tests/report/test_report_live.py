"""The screen of a run in training, as it reaches a terminal; ``BNREG_UPDATE_GOLDEN=1`` rewrites the golden one."""

import io
import os
from pathlib import Path

import pytest
from rich.console import Console
from support.made_runs import made_name, make_unfinished
from support.made_training import NUM_STEPS, finish, note

from bnreg.analysis.live.watcher import Watcher
from bnreg.report.charts import terminal
from bnreg.report.live import frame

GOLDEN = Path(__file__).parent / "golden"
NUM_SEEDS = 6


@pytest.fixture
def glance(tmp_path):
    """Three seeds are trained, and two are in training."""
    run = make_unfinished(tmp_path, made_name(), NUM_SEEDS, num_steps=(NUM_STEPS,) * NUM_SEEDS)
    for index in range(3):
        finish(run, index)
    for index in (3, 4):
        note(run, index, epoch=1, steps=4)
    return Watcher(run).look()


def shown(glance, *, width=80, height=24, colours=None):
    console = Console(
        file=io.StringIO(), width=width, height=height, color_system=colours, force_terminal=True, highlight=False
    )
    console.print(frame(glance, console))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_the_screen_is_the_golden_one(glance, width):
    text = "\n".join(line.rstrip() for line in shown(glance, width=width).splitlines()) + "\n"
    golden = GOLDEN / f"live_{width}.txt"
    if os.environ.get("BNREG_UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("height", [10, 24, 50])
def test_the_screen_fills_a_terminal_and_no_more(glance, width, height):
    lines = shown(glance, width=width, height=height).splitlines()
    has_curves = any("┤" in line for line in lines)
    assert len(lines) <= height or not has_curves
    assert max(len(line.rstrip()) for line in lines if "┤" in line or "└" in line) <= width if has_curves else True


def test_without_room_for_curves_the_verdicts_are_still_shown(glance):
    text = shown(glance, height=12)
    assert "┤" not in text
    assert "bn 94.10" in text
    assert "provisional: test accuracy of 3 of 6 seeds, trained to the end" in text


def test_without_colours_arms_are_told_apart_by_characters(glance):
    text = shown(glance)
    assert "\x1b" not in text
    assert "• bn" in text
    assert "o plain" in text
    assert text.count("•") > 10
    assert text.count("o") > 10


def test_with_colours_lines_are_fine(glance):
    text = shown(glance, colours="truecolor")
    assert any("\u2800" < character < "\u28ff" for character in text)
    assert "•" not in text


def test_no_color_is_respected(glance, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert "•" in shown(glance, colours="truecolor")


def test_without_plotext_the_last_values_are_shown_with_one_note(glance, monkeypatch):
    monkeypatch.setattr(terminal, "find_spec", lambda _: None)
    text = shown(glance)
    assert "┤" not in text
    assert "• bn 94.10" in text
    assert text.count("to see curves here: pip install 'bnreg[live]'") == 1


@pytest.mark.parametrize(
    ("times", "ticks"),
    [([3], [3]), ([1, 2], [1, 2]), ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]), ([*range(1, 21)], [1, 7, 13, 20])],
)
def test_ticks_include_the_first_and_the_last_time(times, ticks):
    assert terminal._spread(times) == ticks


def test_a_run_without_an_evaluation_says_so(tmp_path):
    run = make_unfinished(tmp_path, made_name(), num_steps=(NUM_STEPS, NUM_STEPS))
    assert "no evaluation yet" in shown(Watcher(run).look())
