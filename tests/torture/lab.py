"""The lab for the faults: a tiny experiment on made-up images, in processes that are forked with the engines loaded.

The processes run the command line, except that they have their own data set, draw no chart and fork their workers, so
that a run takes one second instead of ten.
"""

import contextlib
import functools
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path
from typing import cast

import numpy as np
import torch

from bnreg import cli
from bnreg.analysis import comparison
from bnreg.api import watching
from bnreg.cli.comparing import compare
from bnreg.data.dataset import Arrays
from bnreg.data.datasets import DATASETS
from bnreg.executors import processes
from bnreg.executors.table import EXECUTORS
from bnreg.experiment import story
from bnreg.report import progress
from bnreg.report.charts import process as drawing_process
from bnreg.report.comparison import tables
from bnreg.runs import UnfinishedRun, unfinished_runs
from bnreg.runs.finding.listing import list_runs
from bnreg.runs.folder import checked_files
from bnreg.training import frame
from bnreg.training.compiled.preparation import prepare_process

sys.path.append(str(Path(__file__).parent.parent))
from support.made_runs import steps_kept
from support.small_runs import in_this_process

# What commands and workers load lazily; all of it is already loaded when a process is forked.
PRELOADED = (compare, comparison, progress, story, tables)
prepare_process()

CONFIG = """\
name: lab
data: {dataset: tiny, batch_size: 20}
model: {hidden: [8], activation: relu, dropout: 0.1}
optimizer: {lr: 0.01}
training: {epochs: {epochs}, weights: last}
arms:
  bn: {model: {norm: batch, dropout_placement: last_layer, inference_statistics: population}}
  plain: {}
baseline: plain
seeds: 4
jobs: 2
device: cpu
engine: {engine}
snapshot_seconds: 0.02
report: false
"""
EPOCHS = {"torch": 12, "compiled": 120}  # in about the same time
STARTED = "started"  # a process's file that says that it has its own group and signals
HANGING = 60.0  # seconds before a process counts as hanging; without faults it takes one or two

Setup = Callable[[], None]


@dataclass
class Ended:
    """The result of a process.

    Attributes:
        code: Its exit code, or minus the signal that killed it.
        out: Its output to stdout.
        err: Its output to stderr.
    """

    code: int
    out: str
    err: str


class Bnreg:
    """A process that runs the command line.

    Args:
        arguments: Its arguments.
        folder: The folder for its output and temporary files.
        setup: Called in the process before the command, to inject the fault.
        wait_for: A file; the command starts once it exists.
    """

    def __init__(
        self, *arguments: object, folder: Path, setup: Setup | None = None, wait_for: Path | None = None
    ) -> None:
        self._output = Path(tempfile.mkdtemp(prefix="output-", dir=folder))
        for name in ("out", "err"):  # here, because the process may be killed before it opens them
            (self._output / name).touch()
        self.process = _context().Process(
            target=_child, args=(list(map(str, arguments)), str(self._output), setup, wait_for), daemon=False
        )
        self.process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.process.pid is not None
        return self.process.pid

    def send(self, number: int) -> None:
        """Send it a signal, if it is still running."""
        self._wait_for_its_start()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self, seconds: float = HANGING) -> Ended:
        """Wait for the process to end; a hanging process is killed and fails the case."""
        self.process.join(seconds)
        hangs = self.process.is_alive()
        if hangs:
            self.kill_group()
            self.process.join()
        out, err = ((self._output / name).read_text(errors="replace") for name in ("out", "err"))
        shutil.rmtree(self._output, ignore_errors=True)
        code = self.process.exitcode
        assert not hangs, f"still running after {seconds:.0f} s: {err}"
        assert "Traceback" not in err, err
        assert code is not None
        return Ended(code, out, err)

    def kill_group(self) -> None:
        """Kill it and its workers."""
        self._wait_for_its_start()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def _wait_for_its_start(self) -> None:
        """Until then a signal would end Python's own start, which prints where nobody reads, or miss the group."""
        while self.process.is_alive() and not (self._output / STARTED).exists():
            time.sleep(0.001)


class Lab:
    """The experiment, and its results without any fault.

    Args:
        engine: The engine, a name in ``EPOCHS``.
        share: How long it trains, as a multiple of the engine's ``EPOCHS``.
        is_timed: Whether time limits are checked; otherwise a command only has to end.
    """

    def __init__(self, engine: str = "torch", *, share: float = 1.0, is_timed: bool = False) -> None:
        self._is_timed = is_timed
        self.folder = Path(tempfile.mkdtemp(prefix="bnreg-lab-"))
        self._processes: list[Bnreg] = []
        self.config = self.folder / "lab.yaml"
        self.epochs = round(EPOCHS[engine] * share)
        self.config.write_text(CONFIG.replace("{engine}", engine).replace("{epochs}", str(self.epochs)))
        self.call("--version").wait()  # the first process waits until everything is loaded, which is not timed
        start = time.monotonic()
        self.root = self.folder / "undisturbed"
        ended = self.train(self.root).wait()
        assert ended.code == 0, ended.err
        self.seconds = time.monotonic() - start
        (self.run,) = self.root.iterdir()
        self.results = results_of(self.run)
        self._number = 0

    def __enter__(self) -> "Lab":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill_group()  # orphaned workers; some of the forked ones wait forever
        shutil.rmtree(self.folder, ignore_errors=True)

    def within(self, seconds: float) -> float:
        """The time limit for something that is promised to take at most this many seconds."""
        return seconds if self._is_timed else HANGING

    def new_root(self) -> Path:
        """A new folder of runs."""
        self._number += 1
        return self.folder / f"runs-{self._number}"

    def call(self, *arguments: object, setup: Setup | None = None, wait_for: Path | None = None) -> Bnreg:
        """Start a command."""
        process = Bnreg(*arguments, setup=setup, wait_for=wait_for, folder=self.folder)
        self._processes.append(process)
        return process

    def train(self, root: Path, *options: object, setup: Setup | None = None, wait_for: Path | None = None) -> Bnreg:
        """Start to train the experiment."""
        return self.call(
            "train", self.config, "--runs", root, "--no-progress", *options, setup=setup, wait_for=wait_for
        )

    def resume(self, run: UnfinishedRun, *, setup: Setup | None = None) -> Bnreg:
        """Start to resume a run."""
        return self.call("train", "--resume", run.final, "--no-progress", setup=setup)

    def stopped(self) -> UnfinishedRun:
        """A run that was interrupted halfway, in its own root."""
        root = self.new_root()
        process = self.train(root)
        while not (runs := unfinished_runs(root)) or not steps_kept(runs[0].folder, 0):
            assert process.process.is_alive()
            time.sleep(0.005)
        process.send(signal.SIGTERM)
        assert process.wait().code == 143
        return runs[0]

    def assert_nothing_is_lost(self, root: Path, at_least: int = 0) -> None:
        """Check that each run is complete and correct, or resumes with the correct results, and nothing else exists.

        Args:
            root: The folder of runs.
            at_least: The minimum number of runs.
        """
        for listed in list_runs(root) if root.is_dir() else []:
            assert listed.state not in ("damaged", "newer", "running"), (listed.state, listed.reason)
        for run in unfinished_runs(root):
            ended = self.resume(run).wait()
            assert ended.code == 0, ended.err
        visible = [path for path in root.iterdir() if not path.name.startswith(".")] if root.is_dir() else []
        assert len(visible) >= at_least
        for path in visible:
            assert results_of(path) == self.results, f"{path.name} has other results"


def results_of(run: Path) -> dict[str, object]:
    """A run's results, except the seconds; each file is checked against its checksum."""
    assert all(file["state"] == "whole" for file in checked_files(run))
    files = {path.name: path.read_bytes() for path in [*run.glob("metrics.csv"), *(run / "weights").iterdir()]}
    lines = (run / "summary.csv").read_text().splitlines()
    place = lines[0].split(",").index("seconds")
    summary = [[cell for i, cell in enumerate(line.split(",")) if i != place] for line in lines]
    return files | {"summary": summary, "correct": (run / "correct.safetensors").read_bytes()}


def train_in_this_process() -> None:
    """A setup: the coordinator trains the shards itself, one after another, so that everything is in one process."""
    EXECUTORS["processes"] = in_this_process


class Forking:
    """Forks workers that, as spawned ones, have no end of a pipe but their own: they notice a dead coordinator."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("fork")
        self._ends: list[Connection] = []
        self.Process = self._context.Process
        os.register_at_fork(after_in_child=self._close)

    def Pipe(self) -> tuple[Connection, Connection]:  # noqa: N802 # as multiprocessing calls it
        """The coordinator's end of a pipe, and the worker's."""
        ours, theirs = self._context.Pipe()
        self._ends.append(ours)
        return ours, theirs

    def _close(self) -> None:
        for end in self._ends:
            end.close()


@functools.cache
def _context() -> ForkServerContext:
    """A context that forks a process which has imported everything that a command needs and done nothing else."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lab"])
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(Path(__file__).parent), before)))
    try:
        forkserver.ensure_running()  # until Python 3.13 it has its own search path
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
    return context


def _child(arguments: list[str], output: str, setup: Setup | None, wait_for: Path | None) -> None:
    """Run the command line."""
    tempfile.tempdir = output
    os.setsid()  # so that it and its workers can be killed together
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    Path(output, STARTED).touch()
    for name, stream in (("out", sys.stdout), ("err", sys.stderr)):
        os.dup2(os.open(f"{output}/{name}", os.O_WRONLY), stream.fileno())
    while wait_for is not None and not wait_for.exists():
        time.sleep(0.002)

    torch.set_num_threads(1)
    DATASETS["tiny"] = replace(DATASETS["mnist_5k"], num_train=200, num_test=100, read=tiny, fingerprint=None)
    watching._draw_curves = lambda _: {"curves.svg": b"<svg/>"}
    drawing_process.ready_to_draw = lambda _: contextlib.nullcontext()
    frame.REPORT_SECONDS = 0.0
    processes.CONTEXT = cast("SpawnContext", Forking())
    if setup is not None:
        setup()
    sys.argv = ["bnreg", *arguments]
    cli.main()


def tiny(source, root):  # noqa: ARG001 # the signature of a data set's reader
    """A small data set of noisy grey images, brighter for each label."""
    random = np.random.default_rng(0)
    labels = np.arange(300, dtype=np.int64) % 10
    images = (random.random((300, 28, 28)) * 60 + 18 * labels[:, None, None]).astype(np.uint8)
    return Arrays(images[:200], labels[:200], images[200:], labels[200:])
