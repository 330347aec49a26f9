"""What Windows lacks or does in another way, simulated: signals, locks that are shared, files that move while open."""

import errno
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock
from support.command_line import EXPERIMENT, command_line
from support.made_runs import make_unfinished
from support.small_runs import train_here

from bnreg import signals
from bnreg.executors import machine
from bnreg.executors import processes as workers
from bnreg.experiment import beginning
from bnreg.experiment.plan import plan_experiment
from bnreg.runs import disk
from bnreg.runs.finding import removal
from bnreg.runs.in_training import locks
from bnreg.runs.names import started_of
from bnreg.training.messages import StepsDone

WITHOUT_POSIX = Path(__file__).parent.parent / "support" / "without_posix"
OPEN_FILES = Path("/proc/self/fd")
NAME = "lift-20261101T120000Z-000001"


def as_windows(monkeypatch, *modules):
    """Let these modules think that they are on Windows."""
    for module in modules:
        names = {name: getattr(sys, name) for name in dir(sys)} | {"platform": "win32"}
        monkeypatch.setattr(module, "sys", SimpleNamespace(**names))


def refuse_if_open(path):
    """Raise what Windows says if a path, or something below it, is open in this process."""
    for link in OPEN_FILES.iterdir():
        try:
            opened = link.readlink()
        except OSError:  # the folder of these links itself
            continue
        if opened.is_relative_to(Path(path).resolve()):
            raise PermissionError(errno.EACCES, "The process cannot access the file", str(path))


@pytest.fixture
def windows(monkeypatch):
    """The module ``disk`` on Windows, where nothing that is open is moved, replaced or deleted."""
    if sys.platform == "win32":
        return
    if not OPEN_FILES.is_dir():
        pytest.skip("the files that this process has open are read from /proc, which this system lacks")

    def rename(old, new):
        refuse_if_open(old)
        if os.path.lexists(new):
            raise FileExistsError(errno.EEXIST, "File exists", str(new))
        Path(old).rename(new)

    def replace(old, new):
        refuse_if_open(old)
        refuse_if_open(new)
        Path(old).replace(new)

    def unlink(path):
        refuse_if_open(path)
        Path(path).unlink()

    def fsync(descriptor):
        assert not Path(OPEN_FILES / str(descriptor)).is_dir(), "Windows cannot flush a folder"
        os.fsync(descriptor)

    ours = {"name": "nt", "rename": rename, "replace": replace, "unlink": unlink, "fsync": fsync}
    operations = {name: getattr(os, name) for name in dir(os) if name not in ("O_NONBLOCK", "O_DIRECTORY")}
    monkeypatch.setattr(disk, "os", SimpleNamespace(**operations | ours))
    as_windows(monkeypatch, locks, signals)


@pytest.mark.usefixtures("windows")
def test_a_run_is_trained_and_gets_its_name(tmp_path):
    run = train_here(tmp_path, EXPERIMENT)
    assert [path.name for path in run.parent.iterdir()] == [run.name]
    assert (run / "manifest.json").is_file()


@pytest.mark.usefixtures("windows")
def test_an_unfinished_run_is_removed_though_its_lock_lies_in_it(tmp_path):
    run = make_unfinished(tmp_path, NAME)
    removal.remove_run(run.folder)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.usefixtures("windows")
def test_a_run_that_is_trained_from_the_last_moment_on_is_not_removed(tmp_path, monkeypatch):
    """Its lock is open, so the system does not move its folder."""
    run = make_unfinished(tmp_path, NAME)
    late = FileLock(run.folder / "run.lock")

    def hidden_beside(*arguments):  # called after the lock of the removal is given back
        late.acquire()
        return hidden(*arguments)

    hidden = disk.hidden_beside
    monkeypatch.setattr(disk, "hidden_beside", hidden_beside)
    monkeypatch.setattr(disk, "PATIENCE_SECONDS", 0.0)
    try:
        with pytest.raises(PermissionError):
            removal.remove_run(run.folder)
    finally:
        late.release()
    assert (run.folder / "plan.json").is_file()


@pytest.mark.usefixtures("windows")
def test_a_file_that_is_being_read_is_replaced_a_moment_later(tmp_path, monkeypatch):
    """Such as the last beat of a run, which `bnreg watch` reads."""
    path = tmp_path / "attempt.json"
    path.write_bytes(b"old")
    reader = path.open("rb")
    monkeypatch.setattr(disk, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=lambda _: reader.close()))
    disk.replace(path, b"new")
    assert reader.closed
    assert (path.read_bytes(), [*tmp_path.iterdir()]) == (b"new", [path])


@pytest.mark.usefixtures("windows")
def test_a_file_that_stays_open_is_an_error_and_keeps_its_content(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "PATIENCE_SECONDS", 0.0)
    path = tmp_path / "report.html"
    path.write_bytes(b"old")
    with path.open("rb"), pytest.raises(PermissionError):
        disk.replace(path, b"new")
    assert (path.read_bytes(), [*tmp_path.iterdir()]) == (b"old", [path])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows itself tries again")
def test_where_files_move_while_open_a_refusal_is_final(tmp_path, monkeypatch):
    def rename(*_):
        tries.append(1)
        raise PermissionError(errno.EACCES, "Permission denied")

    tries = []
    monkeypatch.setattr(disk, "os", SimpleNamespace(name="posix", rename=rename))
    with pytest.raises(PermissionError):
        disk.rename(tmp_path / "a", tmp_path / "b")
    assert len(tries) == 1


def test_a_lock_is_asked_for_by_taking_it(tmp_path, monkeypatch):
    as_windows(monkeypatch, locks)
    with locks.held(tmp_path / "lock", 0) as works:
        assert works
        assert locks.is_held(tmp_path / "lock")
    assert locks.is_held(tmp_path / "lock") is False


def test_a_signal_is_held_back_where_none_can_be_blocked(monkeypatch):
    as_windows(monkeypatch, signals)
    reached = []

    def stop_within_the_block():
        with signals.handled(), signals.held_back():
            signal.raise_signal(signal.SIGTERM)
            reached.append(True)

    with pytest.raises(signals.Stopped):
        stop_within_the_block()
    assert reached == [True]


def talk_until_nobody_listens(pipe, *_):
    for _ in range(10**9):
        try:
            pipe.send(StepsDone(0, 1))
        except OSError:
            return


def test_a_worker_that_cannot_be_told_to_stop_notices_its_closed_pipe(monkeypatch):
    """To end it as on other systems would kill it, and lose what it has trained since its last snapshot."""
    monkeypatch.setattr(workers, "CAN_BE_TOLD", False)
    monkeypatch.setattr(workers, "STOP_SECONDS", 60.0)
    monkeypatch.setattr(workers, "_work", talk_until_nobody_listens)
    pool = workers._Processes(lambda: workers._start({}, "torch", "cpu", 30.0))
    pool.start()
    ((connection, process),) = pool._idle.items()
    connection.recv()
    pool.end()
    assert process.exitcode == 0


def test_the_number_of_workers_is_one_that_can_be_waited_for(tmp_path, monkeypatch):
    as_windows(monkeypatch, machine)
    assert machine.memory_bytes(tmp_path) is None
    (tmp_path / "small.yaml").write_text(EXPERIMENT)
    overrides = ["device=cpu", "seeds=100", "jobs=100"]
    plan = plan_experiment(tmp_path / "small.yaml", overrides, data_folder=None, log=lambda _: None)
    assert plan.num_workers == 60


@pytest.mark.parametrize("year", ["3000", "9998"])
def test_a_moment_without_a_local_time_is_none(year):
    assert started_of(f"lift-{year}0101T000000Z-000001") is None
    assert started_of("lift-29991231T000000Z-000001") is not None


@pytest.mark.parametrize(
    ("word", "path"),
    [
        (r"C:\Users\me\pair.yaml", r"C:\Users\me\pair.yaml"),
        ("data.root=D:/data/mnist", "D:/data/mnist"),
        (r"--data-root=\\server\share", r"\\server\share"),
        (r"data={root: 'C:\data', dataset: mnist}", r"C:\data"),
        ("optimizer.lr=0.01", None),
    ],
)
def test_absolute_paths_of_a_command_are_found(word, path):
    """They are shortened, because a run is made to be shared."""
    found = beginning._ABSOLUTE.search(word)
    assert (found[0] if found else None) == path


def test_a_reader_that_has_seen_enough_is_no_error(bnreg, monkeypatch):
    """Windows calls a pipe without a reader an invalid argument."""

    class Gone(io.StringIO):
        def write(self, _):
            raise OSError(errno.EINVAL, "Invalid argument")

        def flush(self):
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(sys, "stdout", Gone())
    done = bnreg("--version")
    assert (done.code, done.err) == (1, "")


def test_every_process_of_a_run_does_without_what_windows_lacks(tmp_path):
    """The command and its workers: a name that only POSIX has would end them; mypy looks for such names, too."""
    (tmp_path / "small.yaml").write_text(EXPERIMENT)
    arguments = ("train", tmp_path / "small.yaml", "--runs", tmp_path / "runs", "--no-progress")
    done = command_line(*arguments, PYTHONPATH=str(WITHOUT_POSIX))
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr


def test_what_is_simulated_reaches_bnreg_and_nothing_else():
    """Otherwise the test above would prove nothing."""
    program = """
import sys, signal
ours = {"__name__": "bnreg.somewhere"}
exec("import sys; seen = sys.platform", ours)
try:
    exec("import fcntl", ours)
except ImportError:
    ours["refused"] = True
import fcntl
print(ours["seen"], ours["refused"], sys.platform != "win32", hasattr(signal, "SIGHUP"))
"""
    environment = os.environ | {"PYTHONPATH": str(WITHOUT_POSIX)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment)
    assert (done.stdout.split(), done.stderr) == (["win32", "True", "True", "False"], "")
