"""The runs that a command's arguments refer to: paths, patterns, names, prefixes of names."""

from pathlib import Path

import pytest
from support.made_runs import made_name, make_run

from bnreg.errors import UserError
from bnreg.runs import expand_runs

LIFTS = [made_name("lift", number, day) for number, day in ((1, 1), (2, 1), (3, 2))]
RISE = made_name("lift_and_rise", 4, 1)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Three runs of one experiment and one of another whose name starts the same, in ``runs`` of the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in (*LIFTS, RISE):
        make_run("runs", name, num_seeds=1)
    return Path("runs")


@pytest.mark.parametrize(
    ("argument", "meant"),
    [
        (LIFTS[1], [LIFTS[1]]),
        (LIFTS[2][:-1], [LIFTS[2]]),
        ("lift-20261102", [LIFTS[2]]),
        ("lift_", [RISE]),
        ("lift", LIFTS),
        ("lift_and_rise", [RISE]),
        ("*1101*", [*LIFTS[:2], RISE]),
        ("runs/lift_*", [RISE]),
        (f"runs/{RISE}/", [RISE]),
    ],
)
def test_a_name_a_prefix_an_experiment_and_a_pattern_mean_runs(runs, argument, meant):
    assert [path.name for path in expand_runs([argument], runs)] == meant


def test_a_prefix_of_several_runs_is_refused_with_their_names(runs):
    with pytest.raises(UserError) as refusal:
        expand_runs(["lift-2", "lif", "zzz"], runs)
    assert refusal.value.lines == (
        f"lift-2: ambiguous: 3 runs start with this: {', '.join(LIFTS)}; type more of the name",
        f"lif: ambiguous: 4 runs start with this: {', '.join([*LIFTS, RISE])}; type more of the name",
        "zzz: no such run; `bnreg runs` lists the runs",
    )


def test_many_runs_that_start_the_same_are_not_all_named(runs):
    make_run(runs, made_name("lift", 5, 3), num_seeds=1)
    line = r"^lif: ambiguous: 5 runs start with this: .* and 1 more; type more of the name$"
    with pytest.raises(UserError, match=line):
        expand_runs(["lif"], runs)


@pytest.mark.parametrize(("argument", "near"), [("lfit", "lift"), ("lift_and_rsie", "lift_and_rise"), (RISE[1:], RISE)])
def test_a_misspelt_name_gets_a_suggestion(runs, argument, near):
    with pytest.raises(UserError, match=rf"^{argument}: no such run; did you mean '{near}'\?$"):
        expand_runs([argument], runs)


def test_what_exists_as_a_path_is_meant_as_such(runs):
    """A folder in the current folder takes precedence over a run's name in the root."""
    Path("lift").mkdir()
    assert expand_runs(["lift"], runs) == [Path("lift")]


def test_no_name_means_a_folder_that_is_not_a_run(runs):
    """Other folders and hidden ones do not match; a hidden run is found only by its full name."""
    unfinished = f".{made_name('lift', 9, 9)}.0a1b2c.partial"
    for name in ("notes", "lift-folded", unfinished):
        (runs / name).mkdir()
    (runs / "lift-folded" / "manifest.json").write_text("{}")
    for argument in ("not", "*notes*", "lift-f", "*partial"):
        with pytest.raises(UserError, match=r"no such run|no run matches"):
            expand_runs([argument], runs)
    assert expand_runs([unfinished], runs) == [runs / unfinished]


def test_names_are_looked_up_in_the_given_root(runs, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    with pytest.raises(UserError, match=f"lift: no such run; `bnreg runs --runs {elsewhere}` lists the runs"):
        expand_runs(["lift"], elsewhere)
    assert expand_runs(["lift"]) == expand_runs(["lift"], runs) == [runs / name for name in LIFTS]
