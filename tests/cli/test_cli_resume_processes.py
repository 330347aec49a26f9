"""Processes that end before their run does: what was trained is kept, and resuming gives the same numbers."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.command_line import EXPERIMENT
from support.made_runs import steps_kept
from support.small_runs import train_here, training_here

from bnreg.runs import unfinished_runs

pytestmark = pytest.mark.posix
NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the workers through /proc")
HANGS = 600  # seconds after which a process counts as hanging, even on a machine with much else to do
# A few seconds of training with frequent snapshots.
SLOW = EXPERIMENT.replace("epochs: 2", "epochs: 100, weights: last") + "snapshot_seconds: 0.2\nengine: torch\n"
ENDLESS = "training.epochs=10000"  # for runs that no test completes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an experiment that takes a few seconds."""
    folder = tmp_path_factory.mktemp("experiment")
    (folder / "small.yaml").write_text(SLOW)
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The run folder of the experiment without interruption, and without other processes."""
    return train_here(tmp_path_factory.mktemp("undisturbed"), SLOW)


def results_of(run):
    """The bytes of a run's results, without the seconds that training took."""
    files = {path.name: path.read_bytes() for path in [run / "metrics.csv", *(run / "weights").iterdir()]}
    return files | {"summary": [line.rsplit(",", 2)[0] for line in (run / "summary.csv").read_text().splitlines()]}


def start(folder, root, *options, ignored=()):
    """Start the experiment and wait until its workers train."""

    def set_signals():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

    process = subprocess.Popen(
        [sys.executable, "-m", "bnreg", "train", folder / "small.yaml", "--runs", root, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=set_signals,  # even if the test run itself ignores them
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch 1/"):
            return process
    pytest.fail(f"the run ended early, with {process.wait()}")


def children_of(pid):
    def parent(stat):
        return int(stat.read_text().rpartition(")")[2].split()[1])

    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if parent(stat) == pid:
                found.append(int(stat.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def is_alive(pid):
    """Whether a process runs; an ended process can stay in the list until its parent waits for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def workers_of(pid):
    """The child processes that train, without multiprocessing's own helper."""
    return [p for p in children_of(pid) if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]


@NEEDS_PROC
def test_after_ctrl_c_a_resumed_run_gives_the_same_numbers(bnreg, folder, undisturbed, tmp_path):
    """No worker is left over, and the last line but one says how to resume."""
    root = tmp_path / "runs"
    process = start(folder, root)
    workers = workers_of(process.pid)
    assert len(workers) == 2
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=HANGS)
    assert process.returncode == 130
    assert not any(map(is_alive, workers))
    (run,) = unfinished_runs(root)
    assert run.state()[0] == "interrupted"
    assert errors.splitlines()[-2:] == [
        f"{run.folder}: the training so far is saved; resume it with `bnreg train --resume {run.final}`",
        "interrupted",
    ]
    assert min(steps_kept(run.folder, index) for index in (0, 1)) > 0
    with training_here():
        done = bnreg("train", "--resume", run.final, "--no-progress")
    assert (done.code, done.out.splitlines()[-1]) == (0, f"{run.final}/")
    assert [path.name for path in root.iterdir()] == [run.final.name]
    assert results_of(run.final) == results_of(undisturbed)
    assert json.loads((run.final / "run.json").read_text())["attempts"] == 2


@NEEDS_PROC
def test_a_second_signal_ends_the_run_at_once(folder, tmp_path):
    """Even if the workers do not respond."""
    process = start(folder, tmp_path, ENDLESS)
    workers = workers_of(process.pid)
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=HANGS)
    assert process.returncode == 130
    assert not any(map(is_alive, workers))
    (run,) = unfinished_runs(tmp_path)
    assert run.state()[0] == "abandoned"


@NEEDS_PROC
def test_a_killed_workers_shard_is_resumed_and_the_run_completes(folder, undisturbed, tmp_path):
    process = start(folder, tmp_path)
    os.kill(workers_of(process.pid)[0], signal.SIGKILL)
    out, errors = process.communicate(timeout=HANGS)
    assert process.returncode == 0
    assert "was killed by signal 9; the usual cause is a lack of memory" in errors
    assert "another worker resumes from the last snapshot" in errors
    assert results_of(Path(out.splitlines()[-1])) == results_of(undisturbed)


def test_a_run_under_nohup_outlives_its_terminal(folder, tmp_path):
    process = start(folder, tmp_path, "jobs=1", ignored=[signal.SIGHUP])
    process.send_signal(signal.SIGHUP)
    assert process.stderr.readline().startswith("epoch ")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=HANGS)
    assert process.returncode == 143


def test_a_run_that_is_being_trained_is_not_trained_twice(bnreg, folder, tmp_path):
    """Nor is it removed."""
    process = start(folder, tmp_path, "jobs=1", ENDLESS)
    (run,) = unfinished_runs(tmp_path)
    assert run.state()[0] == "running"
    done = bnreg("train", "--resume", run.folder, "--no-progress")
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        f"{run.folder}: is being trained by another process (process {process.pid} on {os.uname().nodename})",
    )
    removal = bnreg("rm", run.folder, "--runs", tmp_path, "--yes")
    assert (removal.code, removal.err) == (2, f"{run.folder}: is being trained; stop it first\n")
    process.terminate()
    process.communicate()
    assert run.state()[0] == "interrupted"
