"""A run has one owner at a time, and nobody makes its folder anew."""

import errno
import json
import os
import platform
import subprocess
import sys
import time

import pytest
from filelock import FileLock
from support.command_line import EXPERIMENT
from support.made_runs import make_unfinished, shard_of
from support.small_runs import plan_of, train_plan, training_here

from bnreg.errors import RunError, UserError
from bnreg.runs import disk, unfinished_runs
from bnreg.runs.finding.removal import remove_run
from bnreg.runs.in_training import locks
from bnreg.training.messages import EngineState


@pytest.fixture
def run(tmp_path):
    """An unfinished run that a process of this machine began to train."""
    run = make_unfinished(tmp_path, "lift-20261101T120000Z-000001")
    (run.folder / "run.lock").touch()
    return run


def record(run, **attempt):
    attempt = {
        "number": 1,
        "machine": platform.node(),
        "process": 1,
        "beat": 1.0,
        "seconds": 1.0,
        "ended": None,
    } | attempt
    (run.folder / "attempt.json").write_text(json.dumps(attempt))


@pytest.fixture(scope="module")
def dead_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def of_another_user(monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(locks, "is_held", refuse)


def test_a_held_lock_means_running(run):
    record(run)
    with FileLock(run.folder / "run.lock"):
        assert run.is_running()
    assert not run.is_running()


@pytest.mark.parametrize(
    ("here", "fresh", "alive", "running"),
    [
        (True, True, True, True),
        (True, False, True, True),
        (True, True, False, True),
        (True, False, False, False),
        (False, True, False, True),
        (False, False, True, False),
    ],
)
def test_another_users_run_is_running_by_its_beat_or_its_process(
    run, monkeypatch, dead_process, here, fresh, alive, running
):
    """Its lock cannot be opened; processes of another machine cannot be seen."""
    of_another_user(monkeypatch)
    record(
        run,
        machine=platform.node() if here else "elsewhere",
        beat=time.time() if fresh else 1.0,
        process=os.getppid() if alive else dead_process,
    )
    assert run.is_running() is running
    assert run.state()[0] == ("running" if running else "abandoned")


def test_an_ended_run_of_another_user_is_not_running(run, monkeypatch):
    of_another_user(monkeypatch)
    record(run, beat=time.time(), ended="interrupted")
    assert run.state()[0] == "interrupted"


def test_a_run_whose_lock_was_deleted_while_it_trains_is_running(run):
    """A tool that clears lock files away; a new lock would be another one."""
    record(run, beat=time.time(), process=os.getppid())
    (run.folder / "run.lock").unlink()
    assert run.is_running()
    with pytest.raises(UserError, match="is being trained by another process"):
        remove_run(run.folder)
    record(run, ended="interrupted")
    (run.folder / "run.lock").unlink()
    assert not run.is_running()
    with run.locked():
        pass


def test_after_a_power_failure_a_last_beat_without_a_lock_does_not_count(run, dead_process):
    (run.folder / "run.lock").unlink()
    record(run, beat=time.time(), process=dead_process)
    assert run.state()[0] == "abandoned"
    record(run, beat=time.time(), machine="elsewhere")
    assert run.is_running()


LOCKS = "the locks of Windows are others"


def without_locks(monkeypatch, number):
    fcntl = pytest.importorskip("fcntl", reason=LOCKS)

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(disk, "limits", set())


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
def test_without_locks_a_run_is_trained_and_its_beat_guards_it(run, monkeypatch, number):
    without_locks(monkeypatch, number)
    with run.training():
        pass
    with run.locked():
        assert disk.limits == {"this file system has no locks: nothing stops two processes from training a run at once"}
    record(run, machine="elsewhere", beat=time.time())
    assert run.is_running()
    with (
        pytest.raises(UserError, match="is being trained by another process \\(process 1 on elsewhere\\)"),
        run.locked(),
    ):
        pass


def test_a_run_that_was_resumed_after_the_question_is_not_removed(run):
    """``rm`` looks, asks, and then removes; meanwhile another process may have begun to train."""
    record(run, beat=time.time())
    with FileLock(run.folder / "run.lock"), pytest.raises(UserError, match="is being trained by another process"):
        remove_run(run.folder)
    assert (run.folder / "plan.json").is_file()
    remove_run(run.folder)
    assert [*run.folder.parent.iterdir()] == []


def test_a_run_that_is_gone_is_not_made_anew(run):
    place = shard_of(run, 0)
    run.folder.rename(run.folder.with_name("moved"))
    with pytest.raises(UserError, match="is no longer there"), run.locked():
        pass
    with pytest.raises(RunError, match="cannot be locked: No such file"), place.locked():
        pass
    with pytest.raises(RunError, match="cannot write a shard here"):
        place.save(3, EngineState({}, {}))
    assert not run.folder.exists()


def test_a_run_that_is_moved_while_it_trains_stops_in_one_line(tmp_path):
    """What was trained is where it was moved to, and can be resumed from there once it is moved back."""
    root = tmp_path / "runs"
    plan = plan_of(tmp_path, EXPERIMENT)

    def move(_):
        for run in unfinished_runs(root):
            run.folder.rename(tmp_path / run.folder.name)

    with training_here(), pytest.raises(RunError) as stopped:
        train_plan(plan, root, watch=move)
    (moved,) = tmp_path.glob("*.unfinished")
    assert str(stopped.value) == (
        f"{root / moved.name}: was moved or removed while it was trained; move it back, and resume it"
    )
    assert [*root.iterdir()] == []


def test_the_ghost_of_a_run_is_removed(bnreg, tmp_path):
    """A folder with what training writes, but without a plan, as an older bnreg could leave it."""
    ghost = tmp_path / "runs" / "lift-20261101T120000Z-000001.unfinished"
    (ghost / "shard-0000-step-000000010").mkdir(parents=True)
    for name in ("run.lock", "attempt.json", "shard-0000.lock"):
        (ghost / name).touch()
    assert "damaged" in bnreg("runs").out
    assert bnreg("rm", ghost.name, "--yes").code == 0
    assert not ghost.exists()


def test_a_folder_with_other_things_is_no_ghost(bnreg, tmp_path):
    other = tmp_path / "runs" / "lift-20261101T120000Z-000001.unfinished"
    other.mkdir(parents=True)
    (other / "thesis.tex").touch()
    assert bnreg("rm", other.name, "--yes").code == 2
    assert (other / "thesis.tex").exists()


def test_a_lock_is_free_after_its_block_whatever_happens_in_it(tmp_path):
    def fail():
        with locks.held(tmp_path / "lock", 0) as works:
            assert works
            assert locks.is_held(tmp_path / "lock")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert locks.is_held(tmp_path / "lock") is False


def test_those_who_ask_whether_a_lock_is_held_do_not_see_each_other(tmp_path):
    fcntl = pytest.importorskip("fcntl", reason=LOCKS)
    with (tmp_path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert locks.is_held(tmp_path / "lock") is False
