"""``--help`` of every command: it fills the terminal, and no panel has more options than one can survey."""

import re
from itertools import pairwise

import pytest
from support.pages import ALL_COMMANDS

COMMANDS = [(), *(path[1:] for path, _ in ALL_COMMANDS)]
MAX_OPTIONS = 12


@pytest.fixture(params=[80, 120])
def printed(request, bnreg, monkeypatch):
    """The lines of a command's help on a terminal of some width, and the width."""
    monkeypatch.setenv("COLUMNS", str(request.param))
    return lambda command: (bnreg(*command, "--help").out.splitlines(), request.param)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_paragraphs_break_where_the_terminal_ends(printed, command):
    lines, width = printed(command)
    assert max(map(len, lines)) == width
    assert len(lines) > 10
    for line, following in pairwise(lines):
        if line.startswith(" ") and line.strip() and following.startswith(" ") and following.strip():
            word = following.split()[0]
            assert len(line.rstrip()) + 1 + len(word) > width - 1, (line, following)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_panel_can_be_surveyed_and_the_end_is_an_example(printed, command):
    lines, _ = printed(command)
    panels = re.split(r"^╭─", "\n".join(lines), flags=re.MULTILINE)
    assert all(len(re.findall(r"^│ +(?:\* +)?--", panel, re.MULTILINE)) <= MAX_OPTIONS for panel in panels)
    ending = [line.strip() for line in lines if line.strip()]
    assert ending[-1].startswith(" ".join(["bnreg", *command]))


def test_help_lists_every_command(bnreg):
    done = bnreg("--help")
    assert done.code == 0
    for command in ("train", "compare", "plot", "data"):
        assert command in done.out
