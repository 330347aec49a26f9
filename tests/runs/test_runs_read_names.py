"""The runs that a command's arguments refer to: paths, patterns, names, prefixes of names."""

from pathlib import Path

import pytest
from support.made_runs import made_name, make_run, make_unfinished

from bnreg.errors import UserError
from bnreg.runs import expand_run, expand_runs, find_unfinished
from bnreg.runs.names import run_names

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
    of_three, of_four = (", ".join(names) for names in (LIFTS[::-1], [LIFTS[2], RISE, *LIFTS[1::-1]]))
    assert refusal.value.lines == (
        f"lift-2: ambiguous: 3 runs start with this, newest first: {of_three}; type more of the name",
        f"lif: ambiguous: 4 runs start with this, newest first: {of_four}; type more of the name",
        "zzz: no such run; `bnreg runs` lists the runs",
    )


def test_many_runs_that_start_the_same_are_not_all_named(runs):
    make_run(runs, made_name("lift", 5, 3), num_seeds=1)
    line = r"^lif: ambiguous: 5 runs start with this, newest first: .* and 1 more; type more of the name$"
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


@pytest.mark.parametrize(
    ("argument", "meant"),
    [
        ("latest", LIFTS[2]),
        ("latest~0", LIFTS[2]),
        ("latest~1", RISE),
        ("latest~3", LIFTS[0]),
        ("latest:lift", LIFTS[2]),
        ("latest:lift~1", LIFTS[1]),
        ("latest:lift_and_rise", RISE),
    ],
)
def test_latest_means_the_newest_complete_run(runs, argument, meant):
    """Of equally old ones, the one whose name is last; a run that is not complete is never meant."""
    make_unfinished(runs, made_name("lift", 9, 9))
    (runs / f".{made_name('lift', 9, 9)}.0a1b2c.partial").mkdir()
    (runs / made_name("lift", 8, 9)).mkdir()  # without a manifest
    assert expand_runs([argument], runs) == [runs / meant]


def test_latest_knows_when_a_renamed_run_began(runs):
    make_run(runs, made_name("lift", 7, 7), num_seeds=1).rename(runs / "best")
    make_run(runs, made_name("lift", 8, 8), num_seeds=1).rename(runs / "a")
    assert [path.name for path in expand_runs(["latest", "latest:lift~1", "latest~2"], runs)] == ["a", "best", LIFTS[2]]


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("latest~4", f"no such complete run; there are only 4: {', '.join([LIFTS[2], RISE, *LIFTS[1::-1]])}"),
        ("latest:lift_and_rise~1", f"no such complete run of lift_and_rise; there is only 1: {RISE}"),
        ("latest:lfit", "no such complete run of lfit; there is none; did you mean 'lift'?"),
        ("latest:~1", "no such run; did you mean 'latest'?"),
        ("lates", "no such run; did you mean 'latest'?"),
    ],
)
def test_what_latest_cannot_mean_is_said(runs, argument, line):
    with pytest.raises(UserError) as refusal:
        expand_runs([argument], runs)
    assert refusal.value.lines == (f"{argument}: {line}",)


@pytest.mark.parametrize("make", [lambda _: None, Path.mkdir])
def test_without_any_run_latest_is_not_suggested(tmp_path, monkeypatch, make):
    """Least of all to one who typed it."""
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "none")
    with pytest.raises(UserError) as refusal:
        expand_runs(["latest", "lates"], tmp_path / "none")
    assert "did you mean" not in str(refusal.value)


def test_a_mistake_stays_on_one_line(runs):
    with pytest.raises(UserError) as refusal:
        expand_runs(["x\ny"], runs)
    assert str(refusal.value).startswith(r"x\ny: no such run")


@pytest.mark.parametrize("place", ["runs/latest", "latest"])
def test_a_folder_that_is_called_latest_is_meant_instead(runs, place):
    make_run("elsewhere", made_name(number=9), num_seeds=1).rename(place)
    assert expand_run("latest", "", runs) == Path(place)


def test_among_unfinished_runs_latest_means_the_newest_of_these(runs):
    """A command that only takes such runs means no other; one that prefers them, a complete run if there is none."""
    with pytest.raises(UserError, match=r"^latest: no such unfinished run; there is none$"):
        find_unfinished("latest", runs)
    assert expand_runs(["latest"], runs, unfinished=True) == [runs / LIFTS[2]]
    old, new = (make_unfinished(runs, made_name("tail", number, 1)) for number in (1, 2))
    assert find_unfinished("latest", runs) == new
    assert find_unfinished("latest:tail~1", runs) == old
    assert expand_runs(["latest"], runs, unfinished=True) == [new.folder]
    new.folder.rename(runs / new.final.name)  # as if it were complete, with leftovers
    assert find_unfinished("latest", runs) == old


def test_an_experiment_of_several_runs_lists_the_newest_of_them(runs):
    with pytest.raises(UserError) as refusal:
        expand_run("lift", "give one to show", runs)
    newest = f"matches 3 runs, newest first: {', '.join(LIFTS[::-1])}"
    assert refusal.value.lines == (f"lift: {newest}; give one to show, or latest:lift",)


def test_the_names_of_runs_are_known_without_reading_a_file(runs):
    """Those of unfinished runs are the ones that they will have."""
    make_unfinished(runs, made_name("tail", 1, 5))
    make_unfinished(runs, LIFTS[0])  # leftovers of a complete run
    assert run_names(runs) == [LIFTS[2], RISE, *LIFTS[1::-1]]
    assert run_names(runs, unfinished=True) == [made_name("tail", 1, 5)]
    assert run_names(runs / "nowhere") == []
