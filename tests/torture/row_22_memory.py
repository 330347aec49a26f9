"""A limit on the address space, as batch systems set it, for a command and all its processes."""

import functools
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lab import results_of
from support.command_line import EXPERIMENT
from support.made_runs import make_run
from support.small_runs import plan_of
from torture import Case

import bnreg
from bnreg.experiment.beginning import describe_beginning
from bnreg.experiment.story import begin_experiment
from bnreg.runs import unfinished_runs

TITLE = "train, --resume, plot and compare with an address space of 2 to 12 GB"
PROMISE = (
    "Under any limit on memory a command ends with its result, perhaps without a chart, or with one line; what was "
    "trained is kept, and the run can be completed without the limit."
)

SIZES = (2, 3, 4, 6, 8, 12)  # GB
# Notes, and what Python itself says when it has no memory left to say it.
ASIDE = ("note: ", "warning: ", "Exception ignored on building sys.unraisablehook arguments", "MemoryError")
MAX_LINES = 3  # a line for each of the two shards, and how to resume
HOME = Path(bnreg.__file__).parent.parent
CONFIG = EXPERIMENT.replace("training: {epochs: 2}", "training: {epochs: 2, weights: last}")


def cases(full: bool) -> Iterator[Case]:
    """Each limit on each command."""
    with tempfile.TemporaryDirectory(prefix="bnreg-memory-") as folder:
        here = Path(folder)
        (here / "small.yaml").write_text(CONFIG)
        made = make_run(here, "lift-20261101T120000Z-000000")
        for size in SIZES if full else (6,):
            yield f"plot with {size} GB", functools.partial(_plot, made, size)
        for size in SIZES if full else ():
            yield f"compare with {size} GB", functools.partial(_compare, made, size)
        if full:
            undisturbed = _undisturbed(here / "undisturbed")
            for size in SIZES:
                yield f"train with {size} GB", functools.partial(_train, here / f"train-{size}", size, undisturbed)
                yield f"--resume with {size} GB", functools.partial(_resume, here / f"resume-{size}", size, undisturbed)


def _undisturbed(root: Path) -> dict[str, object]:
    done = _started(root, None)
    assert done.returncode == 0, done.stderr
    (run,) = root.iterdir()
    return results_of(run)


def _plot(run: Path, size: int) -> None:
    drawn = run.parent / f"drawn-{size}.svg"
    done = _call(run.parent, "plot", run, "-o", drawn, size=size)
    _assert_plain(done)
    assert drawn.exists() == (done.returncode == 0)


def _compare(run: Path, size: int) -> None:
    _assert_plain(_call(run.parent, "compare", run, size=size))


def _train(root: Path, size: int, undisturbed: dict[str, object]) -> None:
    _assert_completed(root, _started(root, size), undisturbed)


def _resume(root: Path, size: int, undisturbed: dict[str, object]) -> None:
    """Of a run that no process has trained so far."""
    plan = plan_of(root.parent, CONFIG)
    run = begin_experiment(plan, describe_beginning(plan, command=["bnreg", "train"], data_folder=None), root)
    _assert_completed(root, _call(root.parent, "train", "--resume", run.final, "--no-progress", size=size), undisturbed)


def _assert_completed(root: Path, done: "subprocess.CompletedProcess[str]", undisturbed: dict[str, object]) -> None:
    """Check that it has completed the run, or that the same can be done without a limit."""
    _assert_plain(done)
    if done.returncode != 0:
        for run in unfinished_runs(root):
            resumed = _call(root.parent, "train", "--resume", run.final, "--no-progress", size=None)
            assert resumed.returncode == 0, resumed.stderr
    for run in root.iterdir() if root.is_dir() else ():
        assert results_of(run) == undisturbed
    shutil.rmtree(root, ignore_errors=True)


def _assert_plain(done: "subprocess.CompletedProcess[str]") -> None:
    """Check that a command ended with its result, or with a line for each thing that failed."""
    assert done.returncode in (0, 1, 2), done
    assert "Traceback" not in done.stderr, done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith(ASIDE)]
    assert done.returncode == 0 or lines, done.stderr
    assert len(lines) <= MAX_LINES, done.stderr


def _started(root: Path, size: int | None) -> "subprocess.CompletedProcess[str]":
    return _call(root.parent, "train", "small.yaml", "device=cpu", "--no-progress", "--runs", root, size=size)


def _call(folder: Path, *arguments: object, size: int | None) -> "subprocess.CompletedProcess[str]":
    """Run the command line with a limit on the address space in GB."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if size is not None:
            resource.setrlimit(resource.RLIMIT_AS, (size << 30, size << 30))

    return subprocess.run(
        [sys.executable, "-P", "-m", "bnreg", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(HOME)},
        preexec_fn=limit,
    )
