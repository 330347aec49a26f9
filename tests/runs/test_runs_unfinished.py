"""Unfinished runs: which one a name means, what is cleared away, and who holds a shard."""

import json
import os

import numpy as np
import pytest
from filelock import FileLock
from support.made_runs import made_name, make_run, make_unfinished, reseal, shard_of

from bnreg.errors import RunError, UserError
from bnreg.names import ReplicaId
from bnreg.runs import unfinished_runs
from bnreg.runs.finding.removal import removable_runs
from bnreg.runs.folder import DamagedError
from bnreg.runs.in_training import shard, unfinished
from bnreg.runs.in_training.unfinished import find_unfinished
from bnreg.training.messages import EngineState, Proof, ShardResult

STATE = EngineState({"w": np.zeros(2)}, {"epochs": 1})


@pytest.fixture
def run(tmp_path):
    return make_unfinished(tmp_path, made_name())


@pytest.fixture
def leftover(tmp_path):
    """What a process leaves that is killed after it completed its run, but before it removed the unfinished one."""
    left = make_unfinished(tmp_path, made_name(number=1))
    make_run(tmp_path, left.final.name)
    return left


def test_a_prefix_means_the_run_that_is_not_complete(tmp_path, run, leftover):
    """The leftover begins with it too."""
    assert find_unfinished("lift", tmp_path) == run
    assert find_unfinished(leftover.final.name, tmp_path) == leftover


def test_a_prefix_of_leftovers_alone_means_nothing(tmp_path, leftover):
    assert leftover.folder.is_dir()
    with pytest.raises(UserError, match=f"^--resume lift: no such run; no unfinished runs in {tmp_path}$"):
        find_unfinished("lift", tmp_path)


def test_a_prefix_of_two_unfinished_runs_is_ambiguous(tmp_path, run):
    two = make_unfinished(tmp_path, made_name(number=2))
    with pytest.raises(UserError, match=f"ambiguous: 2 .*: {two.final.name}, {run.final.name}; type more of the name"):
        find_unfinished("lift", tmp_path)


def test_a_folder_that_is_no_run_is_not_resumed(tmp_path, run):
    """Nor is a file with the name of an unfinished run."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / f"{made_name('rise')}.unfinished").touch()
    for argument in ("thesis", "rise"):
        with pytest.raises(UserError, match=f"no such run; unfinished runs in .*: {run.final.name}$"):
            find_unfinished(argument, tmp_path)
    assert unfinished_runs(tmp_path) == [run]


def test_a_leftover_is_not_called_unfinished_before_it_is_removed(tmp_path, run, leftover):
    found = removable_runs([run.folder.name, leftover.folder.name], tmp_path)
    assert [one.is_unfinished for one in found] == [True, False]


def test_a_run_that_is_being_trained_cannot_be_chosen_for_removal(tmp_path, run):
    with (
        FileLock(run.folder / "run.lock"),
        pytest.raises(UserError, match=r"\.unfinished: is being trained; stop it first$"),
    ):
        removable_runs([run.folder.name], tmp_path)


def test_only_the_leftovers_of_this_run_are_cleared_away(tmp_path, run):
    """Half-written files in its folder, and a half-written folder of its results beside it."""
    (run.folder / ".shard-0000.0a1b2c.partial").mkdir()
    (tmp_path / f".{run.final.name}.0a1b2c.partial").mkdir()
    others = [f".{made_name(number=3)}.0a1b2c.partial", ".git", ".chart.svg.0a1b2c.partial"]
    for name in others:
        (tmp_path / name).mkdir()
    with run.locked():
        pass
    assert {path.name for path in run.folder.iterdir() if path.name.startswith(".")} == set()
    assert {path.name for path in tmp_path.iterdir()} == {run.folder.name, *others}


def test_another_users_process_is_alive(monkeypatch):
    """It may not be sent a signal, not even an empty one."""

    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "kill", refuse)
    assert unfinished._is_alive(1)


def test_a_shard_is_trained_by_one_process(run, monkeypatch):
    monkeypatch.setattr(shard, "LOCK_SECONDS", 0.0)
    place = shard_of(run, 1)
    with (
        FileLock(run.folder / "shard-0001.lock"),
        pytest.raises(RunError, match=r"shard 1 is being trained by another process$"),
        place.locked(),
    ):
        pass


def test_a_state_that_is_kept_again_is_the_same(run):
    """A resumed shard comes to a step after which its state was kept before."""
    place = shard_of(run, 0)
    place.save(3, STATE)
    place.save(3, STATE)
    assert [state.facts for state in place.states(pytest.fail)] == [STATE.facts]


def test_the_last_two_states_are_kept_until_the_shard_is_trained(run):
    place, other = shard_of(run, 0), shard_of(run, 1)
    for one in (place, other):
        for steps in (3, 20, 100):
            one.save(steps, EngineState({}, {"steps": steps}))
    assert [path.name for path in sorted(run.folder.glob("shard-0000-step-*"))] == [
        "shard-0000-step-000000020",
        "shard-0000-step-000000100",
    ]
    replicas = [ReplicaId(0, arm, 0) for arm in ("bn", "plain")]
    proofs = [Proof(replica, "w", "b", 1) for replica in replicas]
    place.commit(ShardResult({}, proofs, dict.fromkeys(replicas, np.zeros(1, np.uint8))))
    assert not [*run.folder.glob("shard-0000-step-*")]
    assert [state.facts["steps"] for state in other.states(pytest.fail)] == [100, 20]


@pytest.mark.parametrize("change", [{"config": None}, {"resume": {"data_folder": 7, "cut_for": 2}}, {"resume": None}])
def test_a_plan_without_what_resuming_needs_is_damaged(run, change):
    plan = json.loads((run.folder / "plan.json").read_text())
    reseal(run.folder, "plan.json", json.dumps(plan | change).encode())
    with pytest.raises(DamagedError, match=r"plan\.json: damaged: it lacks what is needed to resume$"):
        run.beginning()
