"""``bnreg tag`` and ``bnreg note``: words and a line of text by which runs are found again."""

import json
import os
from pathlib import Path

import pytest
from support.made_runs import made_name, make_run, make_unfinished

ONE, TWO = made_name(number=1), made_name(number=2)


@pytest.fixture
def two(bnreg):
    for name in (ONE, TWO):
        make_run("runs", name, num_seeds=1)
    return bnreg


def tags_of(bnreg):
    return {one["name"]: one["tags"] for one in json.loads(bnreg("runs", "--json").out)}


def test_tags_are_added_and_removed_without_two_dashes(two):
    """A tag may begin like an option: ``-h`` alone is the help, ``-hard`` is a tag."""
    done = two("tag", "lift", "+keep", "+hard", "+draft")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{ONE}: keep, hard, draft\n{TWO}: keep, hard, draft\n"
    assert two("tag", ONE, "-draft", "+best", "-hard").out == f"{ONE}: keep, best\n"
    assert two("tag", TWO, "--", "-draft").out == f"{TWO}: keep, hard\n"
    assert two("tag", "--remove", "keep", TWO, "--add=new").out == f"{TWO}: hard, new\n"
    assert two("tag", "lift").out == f"{ONE}: keep, best\n{TWO}: hard, new\n"
    assert two("tag", "-hard", "--runs", "runs", "latest", "-new").out == f"{TWO}: no tags\n"
    assert tags_of(two) == {ONE: ["keep", "best"], TWO: []}
    assert "Show this message and exit." in two("tag", "-h").out


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ([ONE, "-kep"], ["tag: -kep: unknown tag 'kep'; did you mean 'keep'? (choices: keep)"]),
        ([ONE, "+a/b", "-x y"], ["tag: +a/b: a tag is ", "tag: -x y: a tag is "]),
        ([ONE, "+"], ["tag: +: a tag is "]),
        ([ONE, "+\x1b[2J"], ["tag: +'\\x1b[2J': a tag is "]),
        ([ONE, "+a", "-a"], ["tag: +a and -a exclude each other; give one"]),
        ([ONE, "lfit", "+a"], ["lfit: no such run; did you mean 'lift'?"]),
        (
            [ONE, *(f"+t{number}" for number in range(50))],
            ["tag: a run has at most 50 tags; with these it would have 51"],
        ),
        ([ONE, "runs/notes", "+a"], ["runs/notes: not a run folder"]),
    ],
    ids=str,
)
def test_a_mistake_changes_no_tag(two, words, lines):
    two("tag", ONE, "+keep")
    Path("runs/notes").mkdir()
    done = two("tag", *words)
    assert (done.code, done.out) == (2, "")
    assert [line.startswith(start) for line, start in zip(done.err.splitlines(), lines, strict=True)] == [
        True for _ in lines
    ]
    assert tags_of(two) == {ONE: ["keep"], TWO: []}


def test_a_mistaken_option_is_told(two):
    done = two("tag", ONE, "--keep")
    assert done.code == 2
    assert "No such option: --keep" in done.err
    assert tags_of(two) == {ONE: [], TWO: []}


def test_a_note_is_kept_printed_and_removed(two):
    assert two("note", ONE).out == "no note\n"
    assert two("note", ONE, "the  figure", "of the\ttalk\n").out == "the figure of the talk\n"
    assert two("note", ONE).out == "the figure of the talk\n"
    assert two("tag", ONE, "+keep").out == f"{ONE}: keep\n"
    assert two("note", ONE, "").out == "no note\n"
    two("note", ONE, "another")
    assert two("note", ONE, "--clear").out == "no note\n"
    assert tags_of(two) == {ONE: ["keep"], TWO: []}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([ONE, "a", "--clear"], "note: give a text or --clear, not both\n"),
        ([ONE, "a\x1b[2Jb"], "note: a note is text without control characters, at most 1,000 characters\n"),
        ([ONE, "a" * 1001], "note: a note is text without control characters, at most 1,000 characters\n"),
        (["lift", "a"], f"lift: matches 2 runs, newest first: {TWO}, {ONE}; a note is about one run, or latest:lift\n"),
        (["runs/notes", "a"], "runs/notes: not a run folder\n"),
    ],
    ids=str,
)
def test_a_mistake_leaves_the_note(two, words, line):
    two("note", ONE, "mine")
    Path("runs/notes").mkdir()
    done = two("note", *words)
    assert (done.code, done.out, done.err) == (2, "", line)
    assert two("note", ONE).out == "mine\n"


def test_marks_are_listed_and_shown(two):
    two("tag", ONE, "+keep", "+best")
    two("note", ONE, "what a reader should know about it, in more words than a line of eighty columns has")
    name, facts, *note, other, _, _, _ = two("runs").out.splitlines()
    assert (name, other) == (f"{ONE} +keep +best", TWO)
    assert facts.endswith("1 seed  bn, plain  bn 97.00, plain 96.00")
    assert note == ["  note: what a reader should know about it, in more words than a line of eighty", "  columns has"]
    shown = [line.rstrip() for line in two("show", ONE).out.splitlines()]
    assert "tags      keep, best" in shown
    assert "note      what a reader should know about it, in more words than a line of" in shown
    record = json.loads(two("show", ONE, "--json").out)
    assert (record["tags"], record["note"][:6]) == (["keep", "best"], "what a")
    assert not any(line.startswith(("tags", "note")) for line in two("show", TWO).out.splitlines())


def test_an_unfinished_run_can_be_marked(bnreg):
    run = make_unfinished("runs", ONE)
    assert bnreg("tag", "lift", "+keep").out == f"{run.folder.name}: keep\n"
    assert "tags      keep" in bnreg("show", ONE).out
    assert f"{run.folder.name} +keep" in bnreg("runs").out.splitlines()


def test_the_folder_of_marks_is_in_nobodys_way(two):
    """A shell's pattern may match it; the commands that take many runs skip it, and it is no run."""
    two("tag", "lift", "+keep")
    everything = [str(path) for path in Path("runs").iterdir()]
    assert "runs/.marks" in everything
    done = two("compare", *everything)
    assert (done.code, done.err) == (0, "")
    assert ".marks" not in done.out
    assert two("runs").out.splitlines()[-1].startswith("2 in runs: 2 complete")
    assert two("show", "runs/.marks").err == "runs/.marks: not a run folder (it has no manifest.json)\n"
    done = two("rm", *everything, "--yes")
    assert done.err == "runs/.marks: not a run folder (it has no manifest.json)\n"
    assert two("rm", "runs/*", "--yes").out.splitlines()[-1] == "removed 2 runs"
    assert [path.name for path in Path("runs/.marks").iterdir()] == ["marks.lock"]


def test_a_list_without_runs_says_what_no_run_has(two):
    two("tag", ONE, "+keep")
    done = two("runs", "--tag", "kep", "--where", "model.norm=bacth")
    assert (done.code, done.out) == (0, "runs: none of 2 runs matches\n")
    assert done.err.splitlines() == [
        "note: --where: no model.norm is bacth; did you mean 'batch'? (choices: batch, none)",
        "note: --tag: unknown tag 'kep'; did you mean 'keep'? (choices: keep)",
    ]
    assert two("runs", "--tag", "keep", "--where", "model.norm=batch").out.splitlines()[0] == f"{ONE} +keep"
    assert two("runs", "--tag", "-keep").out.splitlines()[0] == TWO


@pytest.mark.skipif(os.name != "posix", reason="this system has no such names")
def test_a_name_of_a_folder_moves_no_cursor(bnreg):
    folder = Path("runs/\x1b[2J-20261101T120000Z-000000")
    folder.mkdir(parents=True)
    done = bnreg("tag", folder, "+keep")
    assert (done.code, done.out) == (0, "\\x1b[2J-20261101T120000Z-000000: keep\n")
