"""Training on Ray: the figures are those of local processes, whatever dies meanwhile, and nothing is left behind."""

import csv
import importlib.util
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, nullcontext
from multiprocessing import Pipe
from types import SimpleNamespace

import pytest
from support.cells import make_cell, make_tiny

from bnreg import stopping
from bnreg.errors import RunError, UserError
from bnreg.executors.pool import Died, Failed, Warned
from bnreg.executors.ray import driver
from bnreg.executors.ray import pool as ray_pool
from bnreg.executors.ray.messages import Committed, Noted, Refused, Saved, Task, Unusable
from bnreg.executors.ray.versions import mismatch, versions_here
from bnreg.executors.ray.worker import Worker
from bnreg.experiment.plan import plan_experiment
from bnreg.training.messages import EngineState, ShardDone, ShardResult
from bnreg.training.shards import Shard

if importlib.util.find_spec("ray") and os.name == "posix":
    from support import ray_cluster
    from support.small_runs import train_plan

needs_ray = pytest.mark.skipif(
    not importlib.util.find_spec("ray") or os.name != "posix", reason="Ray is not installed here, or this is Windows"
)

# Long enough that something dies in the middle of a shard.
EXPERIMENT = """\
name: small
data: {dataset: mnist_5k, batch_size: 50, train_size: 500}
model: {hidden: [16]}
training: {epochs: 200}
snapshot_seconds: 0.2
arms: {bn: {model: {norm: batch}}, plain: {}}
baseline: plain
seeds: 2
jobs: 2
report: false
"""
OVERRIDES = {"compiled": ["engine=compiled"], "torch": ["engine=torch", "training.epochs=3", "jobs=1"]}


def train(folder, *overrides, watch=lambda _: None):
    """Train the experiment; return the run folder and what was logged."""
    config = folder / "small.yaml"
    config.write_text(EXPERIMENT)
    logged = []
    plan = plan_experiment(config, ["device=cpu", *overrides], data_folder=None, log=logged.append)
    return train_plan(plan, folder / "runs", watch=watch, log=logged.append), logged


def figures(run):
    """All results of a run, except the seconds."""
    with (run / "summary.csv").open() as file:
        summary = [{key: cell for key, cell in row.items() if "seconds" not in key} for row in csv.DictReader(file)]
    return summary, (run / "metrics.csv").read_bytes(), (run / "correct.safetensors").read_bytes()


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The figures of an engine in local processes."""
    found = {}

    def figures_of(engine):
        if engine not in found:
            run, logged = train(tmp_path_factory.mktemp("local"), *OVERRIDES[engine])
            assert not logged
            found[engine] = figures(run)
        return found[engine]

    return figures_of


@pytest.fixture(scope="module")
def cluster():
    with ray_cluster.cluster_of(1, 1) as (cluster, nodes):
        yield SimpleNamespace(options=["executor=ray", f"address={cluster.address}"], cluster=cluster, nodes=nodes)


def after_the_first_snapshot(folder, act):
    """A function that acts with the first message after a state was kept."""
    acted = []

    def watch(_message):
        if not acted and list(folder.glob("runs/*.unfinished/shard-*-step-*")):
            acted.append(True)
            act()

    watch.acted = acted
    return watch


@needs_ray
@pytest.mark.parametrize("engine", OVERRIDES)
def test_the_figures_are_those_of_local_processes(engine, local, cluster, tmp_path):
    """To the bit; and a worker with the compiled engine never loads torch."""
    loaded = set()

    def look(_message):
        workers = [worker for node in cluster.nodes for worker in ray_cluster.workers_of(node)]
        loaded.update(ray_cluster.loads(worker, "libtorch") for worker in workers)

    watch = after_the_first_snapshot(tmp_path, lambda: look(None)) if engine == "compiled" else lambda _: None
    run, logged = train(tmp_path, *OVERRIDES[engine], *cluster.options, watch=watch)
    assert figures(run) == local(engine)
    assert not logged
    assert True not in loaded


@needs_ray
def test_shards_whose_workers_die_are_resumed(local, cluster, tmp_path):
    def act():
        for worker in ray_cluster.workers_of(cluster.nodes[0]):
            ray_cluster.killed(worker)

    watch = after_the_first_snapshot(tmp_path, act)
    run, logged = train(tmp_path, *OVERRIDES["compiled"], *cluster.options, watch=watch)
    assert watch.acted
    assert figures(run) == local("compiled")
    assert all(line.endswith("another worker resumes from the last snapshot") for line in logged)


@needs_ray
def test_shards_of_a_machine_that_dies_are_resumed_on_another(local, cluster, tmp_path):
    """There are then more shards than CPUs: they wait for each other."""
    watch = after_the_first_snapshot(
        tmp_path, lambda: cluster.cluster.remove_node(cluster.nodes.pop(), allow_graceful=False)
    )
    run, logged = train(tmp_path, *OVERRIDES["compiled"], *cluster.options, watch=watch)
    assert watch.acted
    assert figures(run) == local("compiled")
    assert all(line.endswith("another worker resumes from the last snapshot") for line in logged)


@contextmanager
def training(folder, *arguments):
    """A command that trains, in its own process group, once a further state was kept."""
    before = set(folder.glob("runs/*.unfinished/shard-*-step-*"))
    log = (folder / "stderr").open("w+")
    command = [sys.executable, "-m", "bnreg", "train", *arguments, "--runs", folder / "runs"]
    process = subprocess.Popen(
        [*map(str, command)], stdout=subprocess.DEVNULL, stderr=log, cwd=folder, start_new_session=True
    )
    try:
        deadline = time.monotonic() + ray_cluster.DEADLINE
        while not set(folder.glob("runs/*.unfinished/shard-*-step-*")) - before:
            assert process.poll() is None, (folder / "stderr").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield process
    finally:
        log.close()
        if process.poll() is None:
            process.kill()
        process.wait()


@needs_ray
def test_a_run_on_a_cluster_of_its_own_is_stopped_killed_and_resumed(local, tmp_path):
    """It is reached from this machine alone; no process of it and no folder outlives the command, however it ends."""
    folders = ray_cluster.folders()
    (tmp_path / "numpy.py").write_text("raise RuntimeError('a module of the current folder')")
    (tmp_path / "small.yaml").write_text(EXPERIMENT)
    with training(
        tmp_path, "small.yaml", "engine=compiled", "device=cpu", "--executor", "ray", "--no-progress"
    ) as process:
        family = ray_cluster.family(process.pid)
        assert any(map(ray_cluster.is_worker, family))
        assert ray_cluster.listening(family) == {"127.0.0.1"}
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(ray_cluster.DEADLINE) == 130
        assert ray_cluster.are_gone(family)
    said = (tmp_path / "stderr").read_text().splitlines()
    ours = ("note: ", str(begun := next(tmp_path.glob("runs/*.unfinished"))))
    assert [line for line in said if not line.startswith(ours)] == ["interrupted"]
    assert ray_cluster.folders() == folders

    with training(tmp_path, "--resume", begun.name, "--no-progress") as process:
        family = ray_cluster.family(process.pid)
        process.kill()
        process.wait()
        assert ray_cluster.are_gone(family)
    assert ray_cluster.folders() == folders

    command = ["-m", "bnreg", "train", "--resume", begun.name, "--executor", "processes", "--runs", tmp_path / "runs"]
    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    (resumed,) = tmp_path.glob("runs/small-*")
    assert figures(resumed) == local("compiled")


def test_without_ray_the_remedy_is_said_and_nothing_is_written(bnreg, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_pool.importlib.util, "find_spec", lambda _: None)
    (tmp_path / "small.yaml").write_text(EXPERIMENT)
    done = bnreg("train", "small.yaml", "--executor", "ray")
    assert (done.code, done.err) == (
        2,
        "override 'executor=ray': Ray is not installed; install it with `pip install 'bnreg[ray]'`\n",
    )
    assert not (tmp_path / "runs").exists()


def test_an_address_needs_an_executor_that_takes_one(bnreg, tmp_path):
    (tmp_path / "small.yaml").write_text(EXPERIMENT)
    for command in ("train", "extend"):
        done = bnreg(command, "small.yaml", "--address", "there:6379")
        assert (done.code, done.err) == (2, "--address: only with --executor ray\n")
    done = bnreg("train", "small.yaml", "--executor", "processes", "--address", "there:6379")
    assert done.code == 2
    assert "takes no address; use executor=ray, or address=null" in done.err


def answer_nothing(connection, folder, address):
    assert (folder.is_dir(), address) == (True, "there:6379")
    connection.recv()


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("look", "reason"),
    [(answer_nothing, "it did not answer within 0 seconds"), (die, "the process that asked it was killed by signal 9")],
)
def test_a_cluster_that_cannot_be_used_is_one_line(monkeypatch, look, reason):
    monkeypatch.setattr(ray_pool.importlib.util, "find_spec", lambda _: True)
    monkeypatch.setattr(ray_pool, "look", look)
    monkeypatch.setattr(ray_pool, "ANSWER_SECONDS", 0.0 if look is answer_nothing else 60.0)
    with pytest.raises(UserError) as refused:
        ray_pool.machines("x.yaml:1: executor", "there:6379")
    assert str(refused.value) == f"x.yaml:1: executor: the Ray cluster there:6379 cannot be used: {reason}"


def test_a_driver_that_dies_ends_the_training_in_one_line(monkeypatch):
    monkeypatch.setattr(ray_pool, "drive", die)
    jobs = [(Shard(0, (0,), (), drop_single=False), Kept())]
    options = {"engine": "torch", "device": "cpu", "num_workers": 1, "snapshot_seconds": 30.0, "log": pytest.fail}
    with pytest.raises(
        RunError, match=r"^Ray's driver was killed by signal 9; the usual cause is that the cluster has ended$"
    ):
        list(ray_pool.train_shards(jobs, {}, **options))
    assert not jobs[0][1].is_locked


def test_data_of_ones_own_are_shared_in_the_folder_for_it(monkeypatch, tmp_path):
    """Their name is a path, which a folder below another would not contain."""
    given = {}

    def share_all(_, folders):
        given.update(folders)
        raise RunError("enough")

    monkeypatch.setattr(ray_pool, "sharing_folder", lambda: nullcontext(tmp_path))
    monkeypatch.setattr(ray_pool, "share_all", share_all)
    jobs = [(Shard(0, (0,), (), drop_single=False), Kept())]
    options = {"engine": "torch", "device": "cpu", "num_workers": 1, "snapshot_seconds": 30.0, "log": pytest.fail}
    with pytest.raises(RunError, match=r"^enough$"):
        list(ray_pool.train_shards(jobs, {"/etc/x.npz": make_tiny()}, **options))
    assert given["/etc/x.npz"].parent == tmp_path


def test_other_versions_on_a_worker_are_one_line():
    here = {"bnreg": "1.0", "python": "3.11.7", "numba": "0.68.1"}
    assert mismatch(here, here, "there") is None
    assert mismatch(here, here | {"numba": None, "python": "3.13.0"}, "there") == (
        "python is 3.13.0 on there but 3.11.7 here; numba is missing on there but 0.68.1 here; "
        "install the same on all machines of the Ray cluster"
    )
    assert versions_here("torch").keys() == {"bnreg", "python", "numpy", "torch"}


class Kept:
    """A store in memory."""

    def __init__(self, *states):
        self.kept = list(states)
        self.result = None
        self.notes = []
        self.is_locked = False
        self.error = None

    @contextmanager
    def locked(self):
        self.is_locked = True
        yield
        self.is_locked = False

    def is_done(self, _log):
        return self.result is not None

    def states(self, _log):
        while self.kept:
            yield self.kept[0]
            del self.kept[0]

    def save(self, _steps, state):
        if self.error:
            raise self.error
        self.kept.insert(0, state)

    def commit(self, result):
        if self.error:
            raise self.error
        self.result = result

    def note(self, note):
        self.notes.append(note)

    def noted(self):
        return self.notes[-1] if self.notes else None


NEW, OLD = EngineState({}, {"is": "new"}), EngineState({}, {"is": "old"})
SHARD = Shard(3, (0,), ((make_cell(),),), drop_single=False)


@pytest.fixture
def told():
    """A pool whose driver is this test: it is told what the pool sends, and tells it letters."""
    ours, theirs = Pipe()
    logged = []
    pool = ray_pool._RayPool(ours, None, logged.append)

    def tell(*letters):
        theirs.send((SHARD.index, letters))
        return [message for _, message in pool.listen()]

    with ours, theirs:
        yield SimpleNamespace(pool=pool, tell=tell, driver=theirs, logged=logged)


def test_the_coordinator_keeps_what_a_worker_sends_while_it_holds_the_lock(told):
    store = Kept(NEW)
    told.pool.assign((SHARD, store))
    assert told.driver.recv() == Task(SHARD, NEW, None)
    assert store.is_locked
    assert told.tell(Saved(5, OLD), Noted("a note"), Warned("a warning")) == [Warned("a warning")]
    assert (store.kept, store.notes) == ([OLD, NEW], ["a note"])
    assert told.tell(Committed(ShardResult()), ShardDone(3)) == [ShardDone(3)]
    assert store.result == ShardResult()
    assert not store.is_locked


def test_a_state_that_cannot_be_continued_is_followed_by_an_earlier_one(told):
    store = Kept(NEW, OLD)
    told.pool.assign((SHARD, store))
    assert [told.tell(Unusable()), told.tell(Unusable())] == [[], []]
    assert [told.driver.recv().state for _ in range(3)] == [NEW, OLD, None]


def test_results_that_cannot_be_kept_fail_their_shard_once(told):
    store = Kept()
    told.pool.assign((SHARD, store))
    store.error = RunError("no space")
    assert told.tell(Saved(5, NEW)) == []
    assert told.logged == ["warning: no space; nothing is lost but the training since the last snapshot"]
    assert told.tell(Committed(ShardResult()), ShardDone(3)) == [Failed("no space", "")]
    assert not store.is_locked


def test_a_shard_that_is_done_is_not_handed_out(told):
    store = Kept()
    store.result = ShardResult()
    told.pool.assign((SHARD, store))
    assert list(told.pool.listen()) == [(3, ShardDone(3))]
    assert not told.driver.poll(0)


def test_a_shard_whose_worker_died_is_released(told):
    store = Kept()
    told.pool.assign((SHARD, store))
    assert told.tell(Died("it died")) == [Died("it died")]
    assert not store.is_locked


def test_nothing_is_trained_on_other_versions(told):
    told.pool.assign((SHARD, Kept()))
    with pytest.raises(RunError, match=r"^numba is older there$"):
        told.tell(Refused("numba is older there"))


def test_the_last_states_are_kept_when_the_training_ends(told):
    store = Kept()
    told.pool.assign((SHARD, store))
    told.driver.send((3, [Saved(5, NEW)]))
    told.driver.close()
    told.pool.end()
    assert (store.kept, store.is_locked) == ([NEW], False)


@pytest.fixture
def worker(monkeypatch):
    """A worker in this process, whose training can be stopped."""
    monkeypatch.setattr(stopping, "_requested", threading.Event())
    worker = Worker("torch", "cpu", 1e9, {})
    monkeypatch.setattr(worker, "_dataset", lambda _: make_tiny())
    return worker


def letters_of(posts):
    return [letter for post in posts for letter in post]


def test_two_sides_that_send_much_at_once_do_not_wait_for_each_other():
    """Each message is larger than a pipe; neither side reads before it has sent its own."""
    ours, theirs = Pipe()
    inbox = driver.Inbox(theirs)
    much = b"x" * (1 << 20)
    with pytest.raises(queue.Empty):
        inbox.take(0.0)
    answer, task = (threading.Thread(target=side.send, args=(much,), daemon=True) for side in (theirs, ours))
    answer.start()  # it ends when we read
    task.start()  # it ends although nobody asks the inbox
    task.join(60.0)
    assert not task.is_alive()
    assert ours.recv() == inbox.take(60.0) == much
    answer.join()
    ours.close()
    with pytest.raises((EOFError, OSError)):
        inbox.take(60.0)


def unreadable():
    raise AttributeError("written by another version")


class Unreadable:
    def __reduce__(self):
        return unreadable, ()


def test_what_cannot_be_read_is_raised_and_not_waited_for():
    ours, theirs = Pipe()
    ours.send(Unreadable())
    with pytest.raises(AttributeError, match="another version"):
        driver.Inbox(theirs).take(60.0)


def test_a_worker_sends_its_results_before_it_is_done(worker):
    *_, committed, noted_or_done = letters_of(worker.train(Task(SHARD, None, None)))
    assert isinstance(committed, Committed)
    assert noted_or_done == ShardDone(SHARD.index)


def test_a_worker_that_is_stopped_sends_its_state_from_which_it_continues(worker):
    whole = letters_of(worker.train(Task(SHARD, None, None)))
    posts = worker.train(Task(SHARD, None, None))
    worker.stop()
    (saved,) = [letter for letter in letters_of(posts) if isinstance(letter, Saved)]
    stopping._requested.clear()
    rest = letters_of(worker.train(Task(SHARD, saved.state, None)))
    (ours,), (theirs,) = ([one.result for one in letters if isinstance(one, Committed)] for letters in (rest, whole))
    assert ours.tables["metrics"] == theirs.tables["metrics"]


def test_a_worker_refuses_a_state_of_another_shard_and_reports_an_error(worker, monkeypatch):
    *_, last = letters_of(worker.train(Task(SHARD, NEW, None)))
    assert last == Unusable()
    monkeypatch.setattr(worker, "_dataset", lambda name: {}[name])
    (failed,) = letters_of(worker.train(Task(SHARD, None, None)))
    assert failed.line.startswith("KeyError")
    assert "Traceback" in failed.traceback
