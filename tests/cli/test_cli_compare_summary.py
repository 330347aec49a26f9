"""``bnreg compare`` of more than fits on a screen: a line for each run or point, and the rest on request."""

import re
from pathlib import Path

import pytest
from support.made_runs import made_name, make_run, write_run

NUM_RUNS = 7
HINT = re.compile(r"^`bnreg compare … --full` also shows the tables and notes$", re.M)


def name_of(number):
    return made_name("lift", number, 1 + number)


@pytest.fixture
def many(bnreg):  # noqa: ARG001 # it changes into an empty folder
    """Runs whose names are in the opposite order of their start; the fourth has no baseline."""
    for number in range(NUM_RUNS):
        started = f"2026-11-{20 - number}T03:45:29+00:00"
        accuracies = {"bn": 0.97, "elu" if number == 3 else "plain": 0.94 + number / 100}
        make_run("runs", name_of(number), accuracies=accuracies, started=started)


@pytest.mark.usefixtures("many")
def test_many_runs_have_a_line_each_with_the_newest_last(bnreg):
    done = bnreg("compare", "runs/*")
    lines = done.out.splitlines()
    assert re.split(r" {2,}", lines[0].strip()) == ["run", "against plain", "verdict", "difference [95 %], pp"]
    rows = [re.split(r" {2,}", line.strip()) for line in lines[2 : 2 + NUM_RUNS]]
    assert [row[0] for row in rows] == [name_of(number) for number in reversed(range(NUM_RUNS))]
    assert [row[1:] for row in rows[-4:]] == [
        ["no baseline", "–", "–"],
        ["bn", "helped", "+1.00 [+1.00, +1.00]"],
        ["bn", "helped", "+2.00 [+2.00, +2.00]"],
        ["bn", "helped", "+3.00 [+3.00, +3.00]"],
    ]
    assert rows[0][2] == "hurt"
    assert (len(lines), len(HINT.findall(done.out))) == (2 + NUM_RUNS + 2, 1)


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("option", ["--full", "--seeds", "--tests", "--only-changed"])
def test_the_tables_follow_on_request(bnreg, option):
    """Whoever asks for details wants to see them."""
    short, done = bnreg("compare", "runs/*").out, bnreg("compare", "runs/*", option)
    summary = HINT.sub("", short).rstrip()
    assert done.out.startswith(summary)
    titles = re.findall(r"^(lift-\S+): mnist", done.out, re.M)
    assert titles == [name_of(number) for number in reversed(range(NUM_RUNS))]
    assert not HINT.search(done.out)


@pytest.mark.usefixtures("many")
def test_the_asked_order_is_kept_and_files_hold_everything(bnreg):
    rows = bnreg("compare", "runs/*", "--sort", "run").out.splitlines()[2 : 2 + NUM_RUNS]
    assert [row.split()[0] for row in rows] == [name_of(number) for number in range(NUM_RUNS)]
    bnreg("compare", "runs/*", "-o", "all.txt")
    assert Path("all.txt").read_text() == bnreg("compare", "runs/*", "--full").out


@pytest.mark.usefixtures("many")
def test_what_is_left_out_is_still_named(bnreg):
    Path("runs/notes").mkdir()
    line = "left out: runs/notes: not a run folder (it has no manifest.json)"
    assert bnreg("compare", "runs/*").out.splitlines()[-1] == line


def test_a_long_sweep_has_a_line_for_each_point_and_the_notes(bnreg):
    points = [{"optimizer.lr": rate / 1000} for rate in range(1, 41)]
    accuracies = {"bn": [0.95] * 40, "plain": 0.94}
    done = bnreg("compare", make_run("runs", name_of(0), points=points, accuracies=accuracies))
    lines = done.out.splitlines()
    assert lines[0].startswith(f"{name_of(0)}: mnist, ")
    rows = [re.split(r" {2,}", line.strip()) for line in lines[4:44]]
    expected = ["bn", "~", "+1.00 [+1.00, +1.00]"]
    assert rows == [[f"lr={point['optimizer.lr']}", *expected] for point in points]
    assert "after Holm for 40 comparisons" in " ".join(" ".join(lines[44:]).split())


def test_metrics_and_different_baselines_are_named(bnreg):
    for number in range(NUM_RUNS):
        write_run(f"a{number}", baseline=("plain", "bn")[number % 2])
    done = bnreg("compare", "runs/*", "--metric", "test_loss", "--metric", "test_accuracy")
    assert [line for line in done.out.splitlines() if line.endswith(":")] == ["test loss:", "test accuracy:"]
    assert len(re.findall(r"a\d\S* +bn against plain +(?:helped|~) +\+1\.00", done.out)) == 4
    assert len(re.findall(r"a\d\S* +plain against bn +(?:hurt|~) +-1\.00", done.out)) == 3


def test_a_screenful_has_no_summary(bnreg):
    for number in range(2):
        write_run(f"a{number}")
    for option in ([], ["--full"]):
        done = bnreg("compare", "runs/*", *option)
        assert done.out.startswith(f"{made_name('a0')}: mnist_5k")
        assert "--full" not in done.out


def test_one_comparison_is_never_shortened(bnreg):
    done = bnreg("compare", write_run("long", num_seeds=40), "--seeds")
    assert done.out.startswith(f"{made_name('long')}: mnist_5k")
