"""Stopped runs: what was trained is kept, and resuming gives the same numbers, whatever stopped the run."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from support.command_line import EXPERIMENT, command_line
from support.made_runs import CONFIG, made_name, make_run, steps_kept

from bnreg.runs import UnfinishedRun, unfinished_runs

NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the workers through /proc")
HANGS = 600  # seconds after which a process counts as hanging, even on a machine with much else to do
# A few seconds of training with frequent snapshots.
SLOW = EXPERIMENT.replace("epochs: 2", "epochs: 100, weights: last") + "snapshot_seconds: 0.2\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an experiment that takes a few seconds."""
    folder = tmp_path_factory.mktemp("experiment")
    (folder / "small.yaml").write_text(SLOW)
    return folder


@pytest.fixture(scope="module")
def undisturbed(folder):
    """The run folder of the experiment without interruption."""
    done = command_line("train", folder / "small.yaml", "--runs", folder / "runs", "--no-progress")
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.splitlines()[-1])


def results_of(run):
    """The bytes of a run's results, without the seconds that training took."""
    files = {path.name: path.read_bytes() for path in [run / "metrics.csv", *(run / "weights").iterdir()]}
    return files | {"summary": [line.rsplit(",", 2)[0] for line in (run / "summary.csv").read_text().splitlines()]}


def resume(root, argument="small", *options):
    return command_line("train", "--resume", argument, "--runs", root, "--no-progress", *options)


def start(folder, root, *options, ignored=(), until="epoch 1/"):
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
        if line.startswith(until):
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
def test_after_ctrl_c_a_resumed_run_gives_the_same_numbers(folder, undisturbed, tmp_path):
    """No worker is left over, and the last line but one says how to resume."""
    process = start(folder, tmp_path)
    workers = workers_of(process.pid)
    assert len(workers) == 2
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=HANGS)
    assert process.returncode == 130
    assert not any(map(is_alive, workers))
    (run,) = unfinished_runs(tmp_path)
    assert run.state()[0] == "interrupted"
    assert errors.splitlines()[-2:] == [
        f"{run.folder}: the training so far is saved; resume it with `bnreg train --resume {run.final}`",
        "interrupted",
    ]
    assert min(steps_kept(run.folder, index) for index in (0, 1)) > 0
    done = command_line("train", "--resume", run.final, "--no-progress")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, f"{run.final}/")
    assert [path.name for path in tmp_path.iterdir()] == [run.final.name]
    assert results_of(run.final) == results_of(undisturbed)
    assert json.loads((run.final / "run.json").read_text())["attempts"] == 2


@NEEDS_PROC
def test_a_second_signal_ends_the_run_at_once(folder, tmp_path):
    """Even if the workers do not respond."""
    process = start(folder, tmp_path)
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


@NEEDS_PROC
def test_a_run_under_nohup_outlives_its_terminal(folder, tmp_path):
    process = start(folder, tmp_path, ignored=[signal.SIGHUP])
    process.send_signal(signal.SIGHUP)
    assert process.stderr.readline().startswith("epoch ")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=HANGS)
    assert process.returncode == 143


@pytest.fixture(scope="module")
def stopped(folder, tmp_path_factory):
    """An interrupted run that tests only read."""
    root = tmp_path_factory.mktemp("stopped")
    process = start(folder, root)
    process.terminate()
    process.communicate()
    (run,) = unfinished_runs(root)
    return run


def test_changed_settings_are_named_and_nothing_is_trained(stopped):
    def refusal(*arguments, **environment):
        done = command_line("train", *arguments, "--resume", stopped.folder, **environment)
        assert (done.returncode, done.stdout) == (2, "")
        return done.stderr.splitlines()

    where = f"{stopped.folder}: cannot be resumed:"
    assert refusal("optimizer.lr=0.5", "seeds=4") == [
        f"{where} optimizer.lr is 0.5 here but was 0.01",
        f"{where} seeds is 4 here but was 3",
    ]
    (line,) = refusal("data.dataset=mnist", "--data-root", "nowhere", BNREG_MIRROR="http://127.0.0.1:9/")[-1:]
    assert line == f'{where} data.dataset is "mnist" here but was "mnist_5k"'


def test_another_version_is_named(stopped, monkeypatch, bnreg):
    from bnreg.experiment import beginning

    monkeypatch.setattr(beginning, "version", lambda package: "9.9" if package == "torch" else "2.0")
    done = bnreg("train", "--resume", stopped.folder)
    assert done.code == 2
    assert "torch is 9.9 here but was 2." in done.err


def test_other_data_are_named(stopped, monkeypatch, bnreg):
    from bnreg.data import datasets

    monkeypatch.setattr(datasets, "fingerprint_of", lambda _: "sha256:0000")
    monkeypatch.setitem(datasets.DATASETS, "mnist_5k", _without_fingerprint(datasets.DATASETS["mnist_5k"]))
    done = bnreg("train", "--resume", stopped.folder)
    assert done.code == 2
    assert "the data for 'mnist_5k' is mnist_5k with sha256:0000 here but was mnist_5k with sha256:18e7c1ee" in done.err


def _without_fingerprint(source):
    from dataclasses import replace

    return replace(source, fingerprint=None)


def test_a_run_that_is_being_trained_is_not_trained_twice(folder, tmp_path):
    """Nor is it removed."""
    process = start(folder, tmp_path)
    (run,) = unfinished_runs(tmp_path)
    assert run.state()[0] == "running"
    done = resume(tmp_path)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        f"{run.folder}: is being trained by another process (process {process.pid} on {os.uname().nodename})",
    )
    removal = command_line("rm", run.folder, "--runs", tmp_path, "--yes")
    assert (removal.returncode, removal.stderr) == (2, f"{run.folder}: is being trained; stop it first\n")
    process.terminate()
    process.communicate()
    assert run.state()[0] == "interrupted"


def test_training_the_experiment_again_reports_the_stopped_run(stopped, folder, tmp_path):
    shutil.copytree(stopped.folder, tmp_path / stopped.folder.name)
    process = start(folder, tmp_path, until=f"note: {stopped.final.name} is interrupted (0 of 2 shards trained); ")
    process.terminate()
    process.communicate()


def test_compare_leaves_an_interrupted_run_out_and_says_so(stopped, undisturbed):
    done = command_line("compare", stopped.folder, undisturbed)
    assert done.returncode == 0
    assert f"left out: {stopped.folder}: interrupted: 0 of 2 shards trained" in done.stdout.replace("\n", " ")
    alone = command_line("compare", stopped.folder)
    assert (alone.returncode, alone.stderr.count("\n")) == (2, 1)


def test_resuming_a_complete_run_prints_its_comparison(undisturbed):
    done = resume(undisturbed.parent, undisturbed.name)
    assert done.returncode == 0
    assert done.stderr == f"{undisturbed}: already complete\n"
    assert done.stdout.splitlines()[-1] == f"{undisturbed}/"


REMEDY = "to train with other settings, omit --resume"


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        ((), 0, "already complete"),
        (("optimizer.lr=0.001", "seeds=10", "jobs=1"), 0, "already complete, with these settings"),
        (("lift.yaml",), 0, "already complete, with these settings"),
        (
            ("optimizer.lr=0.5", "seeds=4"),
            2,
            f"already complete: optimizer.lr is 0.5 here but was 0.001; seeds is 4 here but was 10; {REMEDY}",
        ),
        (
            ("lift.yaml", "model.dropout=0.5"),
            2,
            f"already complete: model.dropout is 0.5 here but was 0.0; {REMEDY}",
        ),
    ],
)
def test_resuming_a_complete_run_checks_settings_that_are_given_again(bnreg, words, code, line):
    """As for an unfinished run: they must be its own."""
    content = yaml.safe_dump({"name": "lift"} | CONFIG).encode()
    Path("lift.yaml").write_bytes(content)
    make_run("runs", made_name(), files={"config.yaml": content})
    done = bnreg("train", *words[:1], "--resume", made_name(), *words[1:])
    assert (done.code, done.err) == (code, f"runs/{made_name()}: {line}\n")
    assert bool(done.out) is (code == 0)


def test_settings_for_a_complete_run_without_a_config_cannot_be_checked(bnreg):
    make_run("runs", made_name())
    done = bnreg("train", "seeds=4", "--resume", made_name())
    assert (done.code, done.out) == (2, "")
    assert done.err == f"runs/{made_name()}/config.yaml: damaged run: No such file or directory\n"


def test_an_unknown_run_is_refused_with_the_unfinished_runs(stopped, tmp_path):
    done = resume(stopped.folder.parent, "smell")
    line = f"--resume smell: no such run; unfinished runs in {stopped.folder.parent}: {stopped.final.name}\n"
    assert (done.returncode, done.stderr) == (2, line)
    done = resume(tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        f"--resume small: no such run; no unfinished runs in {tmp_path}\n",
    )
    done = command_line("train")
    assert (done.returncode, done.stderr) == (
        2,
        "train: no CONFIG; give a file, such as configs/bn_vs_plain.yaml, or --resume RUN\n",
    )


def test_a_damaged_plan_is_refused(stopped, tmp_path):
    run = UnfinishedRun(tmp_path / stopped.folder.name)
    shutil.copytree(stopped.folder, run.folder)
    (run.folder / "plan.json").write_bytes(b" " + (run.folder / "plan.json").read_bytes())
    done = resume(tmp_path)
    assert done.returncode == 2
    assert "plan.json: damaged run: the file does not match its checksum in manifest.json" in done.stderr
