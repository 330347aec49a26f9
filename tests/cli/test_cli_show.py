"""``bnreg show``: one run on one screen."""

import json
from pathlib import Path

import pytest
from support.made_runs import flip, made_name, make_every_state, make_run, make_unfinished
from support.made_training import NUM_STEPS, finish, note


@pytest.mark.parametrize("argument", ["runs/" + made_name(), made_name(), "lift", "li"])
def test_a_run_can_be_named_in_several_ways(bnreg, argument):
    make_run("runs", made_name())
    done = bnreg("show", argument)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0] == made_name()
    assert "state     complete" in done.out
    assert "weights and batch order equal in all arms for each of 10 seeds" in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 80


def test_the_current_folder_has_a_name(bnreg, monkeypatch):
    monkeypatch.chdir(make_run("runs", made_name()))
    assert bnreg("show", ".").out.splitlines()[0] == made_name()


@pytest.mark.parametrize("command", ["show", "compare", "plot"])
def test_the_folder_that_holds_the_runs_leads_to_the_runs(bnreg, command):
    make_run("runs", made_name())
    done = bnreg(command, "runs/")
    assert (done.code, done.out) == (2, "")
    assert done.err == "runs: a folder of 1 run, not a run; did you mean 'runs/*'?\n"


def test_the_record_is_plain_data(bnreg):
    make_run("runs", made_name(), diverged=[("bn", 3)], num_seeds=4)
    record = json.loads(bnreg("show", "lift", "--json").out)
    assert record["diverged"] == [{"arm": "bn", "seed": 3, "point": {}}]
    assert record["state"] == "complete"
    assert {file["name"] for file in record["files"]} == {"run.json", "metrics.csv", "summary.csv"}
    assert record["audit"] == ["too few seeds: with 4, the smallest possible p is 0.125; p < 0.05 needs at least 6"]


def test_several_runs_are_too_many(bnreg):
    one, two = (make_run("runs", made_name(number=number)).name for number in (1, 2))
    done = bnreg("show", "lift")
    line = f"lift: matches 2 runs, newest first: {two}, {one}; give one to show, or latest:lift\n"
    assert (done.code, done.err) == (2, line)
    assert bnreg("show", "li").err.startswith(f"li: ambiguous: 2 runs start with this, newest first: {two}, {one}; ")
    assert bnreg("show", "latest~1").out.startswith(one)


def test_a_damaged_run_is_not_shown(bnreg):
    names = make_every_state("runs")
    lines = {
        "damaged": f"runs/{names['damaged']}/metrics.csv: damaged run: the file does not match its checksum in "
        "manifest.json",
        "newer": f"runs/{names['newer']}: written by bnreg 9.9.0 (folder schema 2, here 1); upgrade",
    }
    for state, line in lines.items():
        done = bnreg("show", names[state])
        assert (done.code, done.out, done.err) == (2, "", f"{line}\n")


def test_a_changed_chart_is_reported_and_the_rest_is_shown(bnreg):
    path = make_run("runs", made_name(), files={"curves.svg": b"<svg/>"})
    flip(path / "curves.svg")
    done = bnreg("show", "lift")
    assert done.code == 0
    assert "state     damaged: curves.svg is changed" in done.out


def test_no_such_run_is_one_line(bnreg):
    Path("runs").mkdir()
    done = bnreg("show", "nothing")
    assert (done.code, done.err) == (2, "nothing: no such run; `bnreg runs` lists the runs\n")


def test_a_run_that_is_not_complete_shows_how_far_it_is_and_how_it_was_made(bnreg):
    run = make_unfinished("runs", made_name(), num_steps=(NUM_STEPS, NUM_STEPS))
    attempt = {"number": 1, "machine": "m", "process": 1, "beat": 1.0, "seconds": 61.5, "ended": "interrupted"}
    (run.folder / "attempt.json").write_text(json.dumps(attempt))
    finish(run, 0)
    note(run, 1, epoch=1, seconds=2.0)
    done = bnreg("show", "lift")
    assert (done.code, done.err) == (0, "")
    lines = [line.rstrip() for line in done.out.splitlines()]
    assert lines[0] == made_name()
    assert "state     interrupted: 75 % of 24 steps, 2 of 4 networks done" in lines
    assert "speed     1 networks × epochs per second, 0:02 left" in lines
    assert "arms      bn: model.norm=batch" in lines
    assert any(line.startswith("started   ") and line.endswith("took 61.5 s so far") for line in lines)
    assert not any(line.startswith(("pairing", "audit", "files")) for line in lines)
    record = json.loads(bnreg("show", "lift", "--json").out)
    assert (record["state"], record["path"]) == ("interrupted", str(run.folder))
    assert (record["progress"]["steps"], record["progress"]["of"]) == (18, 24)
    assert record["arms"][0] == {"name": "bn", "changes": {"model.norm": "batch"}, "num_parameters": []}


def test_a_run_whose_plan_is_damaged_is_not_shown(bnreg):
    flip(make_unfinished("runs", made_name()).folder / "plan.json")
    done = bnreg("show", "lift")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "plan.json: " in done.err
