"""``bnreg watch``: a run in training, seen from outside."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock
from rich.console import Console
from support.command_line import EXPERIMENT
from support.made_runs import flip, made_name, make_run, make_unfinished
from support.made_training import NUM_STEPS, finish, note
from support.small_runs import plan_of, train_plan, training_here

from bnreg.analysis.live.watcher import Watcher
from bnreg.cli.finding import watch
from bnreg.runs import UnfinishedRun, disk, unfinished_runs
from bnreg.runs.folder import MANIFEST
from bnreg.training import frame, noting


@pytest.fixture
def run():
    """A run that was started in the folder ``runs`` of the test, with one shard trained and one in training."""

    def make(number=0, name="lift"):
        run = make_unfinished("runs", made_name(name, number), num_steps=(NUM_STEPS, NUM_STEPS))
        finish(run, 0)
        note(run, 1, epoch=1, steps=4)
        return run

    return make


def end(run, ended):
    """Let the run's last process have ended."""
    attempt = f'{{"number": 1, "machine": "m", "process": 1, "beat": 1.0, "seconds": 1.0, "ended": "{ended}"}}'
    (run.folder / "attempt.json").write_text(attempt)


def training(run):
    """Within it, the run is held as if it were being trained."""
    return FileLock(run.folder / "run.lock")


def everything_in(folder):
    return {path: (path.lstat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in folder.rglob("*")}


def test_a_run_in_training_is_shown_once_without_a_terminal(bnreg, run):
    with training(run()):
        done = bnreg("watch")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == f"{made_name()}: running"
    assert lines[1].endswith("83 % of 24 steps, 2 of 4 networks done")
    assert "provisional: test accuracy of 1 of 2 seeds, trained to the end" in lines
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("ended", "line"),
    [
        (None, "created"),
        ("interrupted", "interrupted"),
        ("failed: out of memory", "failed: out of memory"),
    ],
)
def test_a_run_that_is_not_trained_says_how_to_resume_it(bnreg, run, ended, line):
    made = run()
    if ended:
        end(made, ended)
    done = bnreg("watch", "lift", "--once")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0] == f"{made_name()}: {line.partition(':')[0]}"
    assert done.out.endswith(f"\n{line}; resume with `bnreg train --resume {made_name()}`\n")


def test_a_complete_run_says_so(bnreg):
    make_run("runs", made_name())
    done = bnreg("watch", "lift")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"complete: runs/{made_name()}/\nits verdicts: bnreg compare runs/{made_name()}\n"


def test_damage_is_one_line(bnreg, run):
    flip(make_run("runs", made_name("rise")) / "summary.csv")
    flip(run().folder / "plan.json")
    for name, file in (("rise", "summary.csv: damaged run: "), ("lift", "plan.json: ")):
        done = bnreg("watch", name)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert file in done.err


def test_a_run_that_is_missing_is_one_line(bnreg, run):
    run()
    done = bnreg("watch", "lfit")
    assert (done.code, done.out, done.err) == (2, "", "lfit: no such run; did you mean 'lift'?\n")
    done = bnreg("watch")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "runs: no run is being trained; train one with `bnreg train bn_vs_plain`, or name a run: `bnreg watch RUN`\n"
    )


def test_of_several_runs_in_training_the_newest_is_shown(bnreg):
    old, new = (make_unfinished("runs", made_name("lift", day=day)) for day in (1, 2))
    with training(old), training(new):
        done = bnreg("watch")
        assert done.err == f"note: 2 runs are being trained; this is the newest, {new.final.name}\n"
        assert done.out.startswith(f"{new.final.name}: running\n")
        assert bnreg("watch", old.final.name).out.startswith(f"{old.final.name}: running\n")
    with training(old):
        assert bnreg("watch", "lift").out.startswith(f"{old.final.name}: running\n")
    newest = f"{new.final.name}, {old.final.name}"
    assert bnreg("watch", "lift").err == f"lift: matches 2 runs, newest first: {newest}; give one to watch\n"


def test_latest_is_the_newest_run_that_is_not_complete(bnreg):
    """It need not be running."""
    make_run("runs", made_name(day=3))
    assert bnreg("watch", "latest").out.startswith(f"complete: runs/{made_name(day=3)}/\n")
    old, new = (make_unfinished("runs", made_name("lift", day=day)) for day in (1, 2))
    assert bnreg("watch", "latest").out.startswith(f"{new.final.name}: created\n")
    assert bnreg("watch", "latest~1").out.startswith(f"{old.final.name}: created\n")


def test_watching_changes_nothing(bnreg, run):
    run()
    with training(run(1, "rise")):
        before = everything_in(Path("runs"))
        bnreg("watch")
        bnreg("watch", "lift")
        assert everything_in(Path("runs")) == before


def test_watching_never_imports_torch(tmp_path, monkeypatch, run):
    """It would take seconds and memory from the training."""
    monkeypatch.chdir(tmp_path)
    run()
    program = (
        "import sys; from bnreg.cli import main; sys.argv = ['bnreg', 'watch', 'lift', '--once']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "provisional" in done.stdout
    assert not {"torch", "altair", "numba"} & set(done.stderr.split())


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 80 × 24 that keeps what is written, in place of the console."""
    file = io.StringIO()
    make = lambda **_: Console(file=file, force_terminal=True, width=80, height=24, color_system=None, highlight=False)  # noqa: E731
    monkeypatch.setattr("rich.console.Console", make)
    monkeypatch.setenv("TERM", "xterm")
    return file


def after_each_look(monkeypatch, *events):
    """Let something happen while the command waits for its next look; it must not look more often than that."""
    left = list(events)
    monkeypatch.setattr(watch, "time", SimpleNamespace(sleep=lambda _: left.pop(0)()))
    return left


def test_a_run_is_followed_until_it_is_complete(bnreg, run, terminal, monkeypatch):
    made = run()
    left = after_each_look(
        monkeypatch,
        lambda: finish(made, 1),
        lambda: (made.folder.rename("runs/hidden"), make_run("runs", made_name())),
    )
    with training(made):
        done = bnreg("watch")
    assert (done.code, done.err, left) == (0, "", [])
    text = terminal.getvalue()
    assert 0 < text.index("83 % of 24 steps") < text.index("100 % of 24 steps")
    assert done.out == f"complete: runs/{made_name()}/\nits verdicts: bnreg compare runs/{made_name()}\n"


def test_a_run_is_followed_until_it_stops(bnreg, run, terminal, monkeypatch):
    made, lock = run(), training(run(1, "rise"))
    lock = training(made)
    lock.acquire()
    left = after_each_look(monkeypatch, lambda: (end(made, "interrupted"), lock.release()))
    done = bnreg("watch", "lift")
    assert (done.code, left) == (0, [])
    assert "interrupted" in terminal.getvalue()
    assert done.out == f"interrupted; resume with `bnreg train --resume {made_name()}`\n"


def test_ctrl_c_ends_the_watching_alone(bnreg, run, terminal, monkeypatch):
    made = run()
    after_each_look(monkeypatch, lambda: signal.raise_signal(signal.SIGINT))
    with training(made):
        before = everything_in(made.folder)
        done = bnreg("watch")
        assert everything_in(made.folder) == before
    assert (done.code, done.err) == (130, "interrupted\n")
    assert terminal.getvalue().endswith("\x1b[?25h")  # the cursor is visible again


class Onlooker:
    """Looks at the run in a folder, as a person who watches it from its first moment to its last.

    Attributes:
        steps: The steps done at each look.
    """

    def __init__(self, root):
        self._root, self._watcher, self.run = root, None, None
        self.steps, self.seeds, self.has_seen_the_end = [], [], False

    def __call__(self, *_):
        if self._watcher is None:
            if not (runs := unfinished_runs(self._root)):
                return
            self.run = runs[0]
            self._watcher = Watcher(self.run)
        glance = self._watcher.look()
        if glance is None:
            self.has_seen_the_end = True
        else:
            assert not self.has_seen_the_end
            self.steps.append(glance.standing.progress.steps)
            self.seeds.append(glance.so_far.num_seeds)


class Seen:
    """``os``, with a look before and after each operation that changes the disk."""

    def __init__(self, look):
        self._look = look

    def __getattr__(self, name):
        real = getattr(os, name)
        if name not in ("open", "write", "fsync", "mkdir", "rename", "replace", "unlink", "link"):
            return real

        def call(*arguments):
            if name == "open" and not arguments[1] & os.O_CREAT:
                return real(*arguments)
            self._look()
            try:
                return real(*arguments)
            finally:
                self._look()

        return call


@pytest.fixture
def busy(monkeypatch):
    """Training that reports each step, takes a snapshot after each, and leaves a note with each message."""
    monkeypatch.setattr(frame, "REPORT_SECONDS", -1.0)
    monkeypatch.setattr(noting, "NOTE_SECONDS", 0.0)
    monkeypatch.setattr(noting, "PATIENCE", 0)
    return EXPERIMENT.replace("epochs: 2", "epochs: 2, weights: last") + "snapshot_seconds: 0.001\nengine: torch\n"


def test_a_look_beside_each_disk_operation_never_fails(tmp_path, busy, monkeypatch):
    """From the first file of a run to its last, and when its folder is renamed and removed at the end."""
    look = Onlooker(tmp_path / "runs")
    plan = plan_of(tmp_path, busy)
    with training_here(), monkeypatch.context() as patch:
        patch.setattr(disk, "os", Seen(look))
        finished = train_plan(plan, tmp_path / "runs", log=pytest.fail)
    assert look.has_seen_the_end
    assert (finished / MANIFEST).is_file()
    assert look.steps == sorted(look.steps)
    assert (look.steps[0], look.steps[-1]) == (0, 120)
    assert len(set(look.steps)) > 20
    assert look.seeds[-1] == 3


def test_progress_goes_on_where_a_stopped_run_was(tmp_path, busy):
    """As the messages of the training say it."""
    look = Onlooker(tmp_path / "runs")
    plan = plan_of(tmp_path, busy)

    def stop(message):
        look()
        if getattr(message, "steps", 0) == 13:
            raise KeyboardInterrupt

    with training_here(), pytest.raises(KeyboardInterrupt):
        train_plan(plan, tmp_path / "runs", watch=stop, log=pytest.fail)
    (run,) = unfinished_runs(tmp_path / "runs")
    assert run.progress().steps == look.steps[-1] > 0
    glance = Watcher(UnfinishedRun(run.folder)).look()
    assert glance.standing.state == "interrupted"
    assert glance.so_far.curves["bn"].keys() == {1}
