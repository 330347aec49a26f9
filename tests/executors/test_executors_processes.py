"""Worker processes that die at awkward moments: no finished work is lost, and the others continue."""

import errno
import multiprocessing
import os
import signal
import struct
import threading
from contextlib import nullcontext

import pytest
from support.cells import make_cell, make_tiny

from bnreg import signals
from bnreg.errors import RunError
from bnreg.executors import pool
from bnreg.executors import processes as workers
from bnreg.training.engines import EngineKind
from bnreg.training.messages import ShardDone, StepsDone
from bnreg.training.shards import Shard

pytestmark = pytest.mark.posix


class Nowhere:
    """A store that saves nothing."""

    def locked(self):
        return nullcontext()

    def is_done(self, _log):
        return False

    def states(self, _log):
        return iter(())

    def note(self, _note):
        pass

    def noted(self):
        return None


JOBS = [(Shard(index, (index,), (), drop_single=False), Nowhere()) for index in range(3)]


def train(jobs, *, num_workers=1, log=pytest.fail):
    return workers.train_shards(
        jobs, {}, engine="torch", device="cpu", num_workers=num_workers, snapshot_seconds=30.0, log=log
    )


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def die_in_the_middle_of_a_message(pipe, *_):
    pipe.recv()
    os.write(pipe.fileno(), struct.pack("!i", 100_000) + b"only the beginning")
    die()


def die_after_the_first_shard(pipe, *_):
    shard, _ = pipe.recv()
    pipe.send(ShardDone(shard.index))
    die()


def die_of_one_shard(pipe, *_):
    while (job := pipe.recv()) is not None:
        if job[0].index == 1:
            die()
        pipe.send(ShardDone(job[0].index))


def talk_without_end(pipe, *_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        pipe.send(StepsDone(0, 1))


@pytest.mark.parametrize("work", [die, die_in_the_middle_of_a_message])
def test_a_shard_whose_worker_dies_is_tried_again_a_few_times(monkeypatch, work):
    monkeypatch.setattr(workers, "_work", work)
    warnings = []
    with pytest.raises(RunError, match=r"^the worker process that trained seed 0 was killed by signal 9; .*attempt 3$"):
        list(train(JOBS[:1], log=warnings.append))
    assert len(warnings) == 2
    assert all(line.endswith("another worker resumes from the last snapshot") for line in warnings)


def test_the_other_shards_continue_when_one_is_lost(monkeypatch):
    monkeypatch.setattr(workers, "_work", die_of_one_shard)
    said = []
    with pytest.raises(RunError, match="seed 1"):
        said.extend(message.shard for message in train(JOBS, log=lambda _: None))
    assert sorted(said) == [0, 2]


def test_a_worker_that_dies_after_its_last_shard_loses_nothing(monkeypatch):
    monkeypatch.setattr(workers, "_work", die_after_the_first_shard)
    assert list(train(JOBS[:1])) == [ShardDone(0)]


def test_a_worker_that_dies_between_two_shards_loses_neither(monkeypatch):
    monkeypatch.setattr(workers, "_work", die_after_the_first_shard)
    assert sorted(message.shard for message in train(JOBS, log=lambda _: None)) == [0, 1, 2]


class TellsItsEnd:
    def __del__(self, write=os.write):
        write(1, b" taken apart")


def leave_something_behind(*_):
    print("printed", end="")
    globals()["left"] = TellsItsEnd()


def test_a_worker_that_is_done_leaves_without_taking_its_modules_apart(monkeypatch, capfd):
    """That takes torch half a second; what it printed is not lost."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    monkeypatch.setattr(workers, "_work", leave_something_behind)
    _, process = workers._start({}, "torch", "cpu", 30.0)
    process.join()
    assert (process.exitcode, capfd.readouterr().out) == (0, "printed")


def fail(*_):
    raise ZeroDivisionError


def test_a_worker_that_an_error_ends_says_so(monkeypatch, capfd):
    monkeypatch.setattr(workers, "_work", fail)
    _, process = workers._start({}, "torch", "cpu", 30.0)
    process.join()
    assert process.exitcode == 1
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_an_unexpected_error_in_a_worker_comes_with_its_traceback():
    with pytest.raises(RunError, match=r"(?s)Traceback.*training of seed 0 failed: IndexError"):
        list(train(JOBS[:1]))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        ImportError("libtorch_cpu.so: failed to map segment"),
    ],
)
def test_a_lack_of_memory_is_reported_in_one_line(error):
    failure = pool.failure(error, is_loaded=True)
    assert failure.traceback == ""
    assert failure.line == "not enough memory; try a smaller jobs=N, model.hidden or data.batch_size"


def test_an_engine_that_cannot_be_loaded_is_reported_in_one_line():
    """Without memory, the import of torch may fail with any error."""
    failure = pool.failure(OSError("could not get source code"), is_loaded=False)
    assert failure.traceback == ""
    assert failure.line == (
        "its engine cannot be loaded (OSError: could not get source code); "
        "the usual causes are a limit on memory, such as `ulimit -v`, and a broken installation"
    )


@pytest.mark.parametrize("work", [die_after_the_first_shard, talk_without_end])
def test_no_worker_outlives_a_coordinator_that_stops_listening(monkeypatch, work):
    monkeypatch.setattr(workers, "_work", work)
    monkeypatch.setattr(workers, "STOP_SECONDS", 0.2)
    said = train(JOBS, num_workers=2, log=lambda _: None)
    next(said)
    said.close()
    assert not multiprocessing.active_children()


def test_a_signal_that_arrives_while_a_worker_starts_leaves_none_behind(monkeypatch):
    """The signal takes effect once the worker is registered, so the worker is ended too."""

    def start(*arguments):
        started = real(*arguments)
        os.kill(os.getpid(), signal.SIGTERM)
        return started

    real = workers._start
    monkeypatch.setattr(workers, "_start", start)
    monkeypatch.setattr(workers, "_work", die_after_the_first_shard)
    with pytest.raises(signals.Stopped), signals.handled():
        list(train(JOBS))
    assert not multiprocessing.active_children()


def test_a_worker_without_a_shard_obeys_a_stop_request(monkeypatch):
    monkeypatch.setattr(workers, "IDLE_SECONDS", 0.01)
    monkeypatch.setattr(workers.stopping._requested, "is_set", lambda: True)
    ours, theirs = multiprocessing.Pipe()
    with ours, theirs, pytest.raises(workers.stopping.StoppedError):
        workers._next_job(theirs)


def test_workers_load_their_engine_while_the_data_are_shared_and_none_outlives_a_failure(monkeypatch, tiny):
    def share(*_):
        seen.append(len(multiprocessing.active_children()))
        raise OSError(errno.ENOSPC, "No space left on device")

    seen = []
    monkeypatch.setattr(pool, "share", share)
    monkeypatch.setattr(workers, "_work", talk_without_end)
    monkeypatch.setattr(workers, "STOP_SECONDS", 0.2)
    options = {"engine": "torch", "device": "cpu", "num_workers": 2, "snapshot_seconds": 30.0, "log": pytest.fail}
    with pytest.raises(
        RunError, match="the data cannot be shared with the workers: No space left on device; set TMPDIR"
    ):
        list(workers.train_shards(JOBS, {"tiny": tiny}, **options))
    assert seen == [2]
    assert not multiprocessing.active_children()
    assert list(workers.train_shards([], {"tiny": tiny}, **options)) == []  # nothing is shared if nothing is to be done
    assert seen == [2]


def spend_all_cpu_time(pipe, *_):
    """Do as a worker does, and receive the signal of the kernel in it."""
    pipe.recv()
    signal.signal(signal.SIGXCPU, workers._pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGXCPU})
    os.kill(os.getpid(), signal.SIGXCPU)
    pipe.recv()


def test_a_limit_on_the_cpu_time_of_a_worker_ends_the_run(monkeypatch):
    monkeypatch.setattr(workers, "_work", spend_all_cpu_time)
    with pytest.raises(signals.Stopped) as stopped, signals.handled():
        list(train(JOBS[:1]))
    assert stopped.value.number == signal.SIGXCPU
    assert not multiprocessing.active_children()


def test_a_worker_that_cannot_be_started_is_one_line(monkeypatch, tmp_path):
    """For example because the current folder was deleted after the command began."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(RunError, match=r"^no worker process can be started: No such file or directory$"):
        list(train(JOBS[:1]))


@pytest.fixture
def as_a_worker(monkeypatch):
    """Within the test, this process may do the work of a worker: its signals and requests are restored."""
    before = {number: signal.getsignal(number) for number in signals.SIGNALS}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, set())
    monkeypatch.setattr(workers.stopping, "_requested", threading.Event())
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@pytest.mark.usefixtures("as_a_worker")
def test_a_worker_that_is_stopped_in_a_long_epoch_keeps_its_state_at_the_next_message(monkeypatch):
    """It does not wait for the end of the epoch, after which it would be killed."""

    class Slow:
        num_steps = 0

        def train(self):
            for self.num_steps in range(1, 20):  # few enough for the pipe, which is read later
                if self.num_steps == 3:
                    os.kill(os.getpid(), signal.SIGTERM)
                yield StepsDone(0, self.num_steps)

        def state(self):
            return f"after {self.num_steps} steps"

    class Kept(Nowhere):
        def save(self, steps, state):
            saved.append((steps, state))

    saved = []
    kind = EngineKind(prepare_process=lambda: None, make=lambda *_: Slow())
    monkeypatch.setitem(workers.ENGINES, "slow", kind)
    monkeypatch.setattr(workers, "attach", lambda _: make_tiny())
    job = Shard(0, (0,), ((make_cell(),),), drop_single=False), Kept()
    monkeypatch.setattr(workers, "_next_job", lambda _: job)
    ours, theirs = multiprocessing.Pipe()
    with ours, theirs:
        workers._work(theirs, {"tiny": None}, "slow", "cpu", 1e9)
        theirs.close()
        messages = [ours.recv() for _ in range(3)]
        assert not isinstance(messages[-1], pool.Failed), messages[-1]
    assert saved == [(3, "after 3 steps")]


def test_no_name_of_data_leads_out_of_the_folder_that_the_workers_share(tmp_path):
    """Data of one's own are named by their path."""
    folders = pool.folders_for(["mnist", "/etc/x.npz", "../../x.npz", "a/x.npz"], tmp_path)
    assert len({*folders.values()}) == 4
    assert {folder.parent for folder in folders.values()} == {tmp_path}
