"""``bnreg runs``: the runs, their states and their results."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.made_runs import flip, made_name, make_every_state, make_run, make_unfinished
from support.made_training import NUM_STEPS, finish
from support.pages import ALL_COMMANDS


def test_every_run_is_listed_in_its_state_newest_first(bnreg):
    names = make_every_state("runs")
    done = bnreg("runs")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[:2] == [names["complete"], lines[1]]
    assert "complete  2026-11-23" in lines[1]
    assert [line for line in lines if "2026" in line and not line.startswith(" ")] == [
        names[state] for state in ("complete", "created", "newer", "damaged")
    ]
    assert lines[-2:] == [
        "4 in runs: 1 complete, 1 created, 1 newer, 1 damaged; test accuracy in %",
        "resume an incomplete run with `bnreg train --resume RUN`",
    ]


def test_runs_are_filtered_and_sorted(bnreg):
    names = make_every_state("runs")
    records = json.loads(bnreg("runs", "--json", "--sort", "name", "--state", "newer", "--state", "damaged").out)
    assert [(one["name"], one["state"]) for one in records] == [
        (names["damaged"], "damaged"),
        (names["newer"], "newer"),
    ]
    assert [one["name"] for one in json.loads(bnreg("runs", "ri*", "--json").out)] == [
        names["created"],
        names["newer"],
    ]
    assert bnreg("runs", "zzz").out == "runs: none of 4 runs matches\n"
    assert bnreg("runs", "zzz", "--json").out == "[]\n"


def test_another_folder_of_runs(bnreg):
    make_run("elsewhere", made_name())
    assert bnreg("runs", "--runs", "elsewhere").out.splitlines()[0] == made_name()


def test_an_unfinished_run_says_how_far_it_is(bnreg):
    finish(make_unfinished("runs", made_name(), num_steps=(NUM_STEPS, 3 * NUM_STEPS)), 0)
    make_run("runs", made_name("rise"))
    (record, complete) = json.loads(bnreg("runs", "--json", "--sort", "name").out)
    assert complete["progress"] is None
    progress = record["progress"]
    assert (progress["steps"], progress["of"], progress["networks_done"], progress["networks"]) == (12, 48, 2, 4)
    assert (progress["epochs_per_second"], progress["seconds_left"]) == (None, None)


def test_an_empty_folder_says_what_to_do(bnreg):
    Path("runs").mkdir()
    done = bnreg("runs")
    assert (done.code, done.out) == (0, "runs: no runs yet; create one with `bnreg train bn_vs_plain`\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "runs: no such folder; create runs with `bnreg train bn_vs_plain`, or name their folder "),
        (["--runs", "file"], "file: no such folder; "),
        (["--runs", ".", "--sort", "age"], "--sort: unknown key 'age' (choices: when, name, accuracy)"),
        (["--runs", ".", "--state", "x"], "--state: unknown state 'x' (choices: complete, created, running, "),
    ],
)
def test_a_mistake_is_one_line(bnreg, arguments, line):
    Path("file").touch()
    done = bnreg("runs", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(line)
    assert done.err.count("\n") == 1


def test_names_are_not_taken_for_markup(bnreg):
    make_run("runs", made_name()).rename("runs/[bold]x")
    assert bnreg("runs").out.splitlines()[0] == "[bold]x"


def test_a_damaged_run_says_what_is_damaged(bnreg):
    flip(make_run("runs", made_name()) / "summary.csv")
    assert "summary.csv: the file does not match its checksum" in bnreg("runs").out


def test_listing_imports_neither_torch_nor_pandas(tmp_path):
    """The list must appear at once."""
    make_run(tmp_path / "runs", made_name())
    program = (
        "import sys; from pathlib import Path; from bnreg.cli.finding.runs import runs\n"
        "runs(None, root=Path('runs'), states=None, sort='when', json=False)\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert made_name() in done.stdout
    assert not {"torch", "pandas", "altair", "scipy"} & set(done.stderr.split())


TAKES_RUNS = {
    path[1:]: command for path, command in ALL_COMMANDS if any(one.metavar == "RUN" for one in command.params)
}
OF_RUNS = [
    path
    for path, command in TAKES_RUNS.items()
    if any(one.metavar == "RUN" for one in command.params if one.param_type_name == "argument")
]
# What else they need.
RESTS = {
    "predict": ["five.png"],
    "export": ["--format", "onnx"],
    "diff": ["lift"],
    "extend": ["seeds=9"],
    "tag": ["+keep"],
    "send": ["--to", "tensorboard"],
}


@pytest.mark.parametrize("command", TAKES_RUNS.values(), ids=map(" ".join, TAKES_RUNS))
def test_every_command_that_takes_a_run_takes_the_folder_of_the_runs(command):
    """As an argument or, as ``train --resume``, in an option."""
    assert any("--runs" in one.opts for one in command.params)


def test_what_names_runs_is_called_so():
    """Otherwise the tests above and below would not find a command."""
    for path, command in ALL_COMMANDS:
        named = [one for one in command.params if one.name in ("run", "runs", "first", "second", "resume")]
        assert all(one.metavar == "RUN" or "--runs" in one.opts for one in named), path
    assert {("train",), ("compare",), ("watch",), ("tag",), ("note",)} <= TAKES_RUNS.keys()


@pytest.mark.parametrize("command", OF_RUNS, ids=" ".join)
def test_every_command_looks_up_names_in_the_given_folder(bnreg, command):
    """It gets as far as the run: a near name there is suggested."""
    make_run("elsewhere", made_name("lift"), num_seeds=1)
    done = bnreg(*command, "lfit", *RESTS.get(command[0], []), "--runs", "elsewhere")
    assert done.code == 2
    assert "lfit: no such run; did you mean 'lift'?" in done.err.splitlines()


@pytest.mark.parametrize("command", OF_RUNS, ids=" ".join)
def test_every_command_knows_the_latest_runs(bnreg, command):
    """It gets as far as the run: there is only one."""
    make_run("runs", made_name("lift"), num_seeds=1)
    done = bnreg(*command, "latest~1", *RESTS.get(command[0], []))
    assert done.code == 2
    assert f"latest~1: no such complete run; there is only 1: {made_name('lift')}" in done.err.splitlines()


def test_a_run_is_drawn_from_the_given_folder(bnreg):
    make_run("elsewhere", made_name("lift"), num_seeds=1)
    assert bnreg("plot", "lift", "--runs", "elsewhere", "-o", "lift.svg").out == "lift.svg\n"
