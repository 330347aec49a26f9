"""A tiny experiment that is trained in this process, for faults that need no other process.

Its shards are trained in turns, a message each, so that the same things are on the disk after the same messages.
"""

import contextlib
import itertools
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import Done, bnreg
from lab import results_of, tiny

from bnreg.api import watching
from bnreg.data.datasets import DATASETS
from bnreg.executors.table import DEFAULT_EXECUTOR, EXECUTORS, ExecutorKind
from bnreg.runs import UnfinishedRun, unfinished_runs
from bnreg.training import frame
from bnreg.training.compiled import program
from bnreg.training.messages import Progressed, ShardDone
from bnreg.training.shard_job import train_and_keep

CONFIG = """\
name: here
data: {dataset: tiny, batch_size: 30, train_size: 80, validation_size: 40}
model: {hidden: [8], activation: relu}
optimizer: {lr: 0.01}
training: {epochs: 3, weights: best, early_stopping: {patience: 1, metric: validation_loss}}
arms:
  bn: {model: {norm: batch, dropout: 0.3, dropout_placement: last_layer}}
  plain: {}
baseline: plain
seeds: 4
jobs: 2
device: cpu
snapshot_seconds: 0.001
report: false
"""
IN_SECOND_EPOCH = 14  # messages: two shards, each after two of the three steps of its second epoch

Watch = Callable[[int, Progressed], None]


class Here:
    """The experiment and its results without any fault; commands that train in this process.

    Attributes:
        folder: The folder that holds everything.
        run: The undisturbed run.
        results: Its results.
        num_messages: The number of messages of its training.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bnreg-here-"))
        self._roots = itertools.count()
        self._stack = ExitStack()
        self._watch: Watch = lambda *_: None
        self.num_messages = 0

    def __enter__(self) -> "Here":
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self._stack.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(1)  # as in a worker
        patch = self._stack.enter_context(pytest.MonkeyPatch.context())
        small = replace(DATASETS["mnist_5k"], num_train=200, num_test=100, read=tiny, fingerprint=None)
        patch.setitem(DATASETS, "tiny", small)
        patch.setitem(EXECUTORS, DEFAULT_EXECUTOR, ExecutorKind(self._in_turns))
        patch.setattr(frame, "REPORT_SECONDS", -1.0)  # a message after each step
        patch.setattr(program, "PRODUCTS_BETWEEN_REPORTS", 0)
        patch.setattr(watching, "_draw_curves", lambda _: {"curves.svg": b"<svg/>"})
        root = self.new_root()
        ended = self.train(root, watch=self._count)
        assert ended.code == 0, ended
        (self.run,) = root.iterdir()
        self.results = everything_of(self.run)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def new_root(self) -> Path:
        """A new folder of runs."""
        root = self.folder / f"runs-{next(self._roots)}"
        root.mkdir()
        return root

    def train(self, root: Path, text: str = CONFIG, *, watch: Watch | None = None) -> Done:
        """Train the experiment, or another one."""
        config = root.with_suffix(".yaml")
        config.write_text(text)
        with self._watched(watch):
            return bnreg("train", config, "--runs", root, "--no-progress")

    def resume(self, run: UnfinishedRun, *, watch: Watch | None = None) -> Done:
        """Resume a run."""
        with self._watched(watch):
            return bnreg("train", "--resume", run.final, "--no-progress")

    def stopped(self, text: str = CONFIG, *, shards_done: int | None = None) -> UnfinishedRun:
        """A run that was interrupted in the second epoch of both shards, or when so many shards were done."""
        root, num_done = self.new_root(), itertools.count(1)

        def stop(number: int, message: Progressed) -> None:
            is_time = number == IN_SECOND_EPOCH
            if shards_done is not None:
                is_time = isinstance(message, ShardDone) and next(num_done) == shards_done
            if is_time:
                raise KeyboardInterrupt

        ended = self.train(root, text, watch=stop)
        (run,) = unfinished_runs(root)
        assert run.state()[0] == "interrupted", ended
        return run

    def copy(self, run: UnfinishedRun) -> UnfinishedRun:
        """The same run in its own root."""
        copy = UnfinishedRun(self.new_root() / run.folder.name)
        shutil.copytree(run.folder, copy.folder)
        return copy

    def _count(self, number: int, _: Progressed) -> None:
        self.num_messages = number

    @contextlib.contextmanager
    def _watched(self, watch: Watch | None) -> Iterator[None]:
        before, self._watch = self._watch, watch or (lambda *_: None)
        try:
            yield
        finally:
            self._watch = before

    def _in_turns(
        self, jobs: Any, datasets: Any, *, engine: str, device: str, snapshot_seconds: float, log: Any, **_: Any
    ) -> Iterator[Progressed]:
        """An executor without its own processes."""
        options = {"engine": engine, "device": device, "snapshot_seconds": snapshot_seconds, "log": log}
        with ExitStack() as stack:
            training = [
                stack.enter_context(
                    closing(train_and_keep(shard, place, datasets[shard.settings.data.dataset], **options))
                )
                for shard, place in jobs
            ]
            in_turns = filter(None, itertools.chain.from_iterable(itertools.zip_longest(*training)))
            for number, message in enumerate(in_turns, 1):
                self._watch(number, message)
                yield message


def everything_of(run: Path) -> dict[str, object]:
    """The results of a run, and the proof of what it was trained from."""
    return results_of(run) | {"pairing": json.loads((run / "run.json").read_text())["pairing"]}


def is_one_line(ended: Done) -> bool:
    """Whether a command was refused with one line."""
    return ended.code in (1, 2) and ended.out == "" and len(ended.err.splitlines()) == 1
