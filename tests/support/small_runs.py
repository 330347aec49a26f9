"""Runs that are trained and drawn in this process, which saves the start of other processes."""

import warnings
from contextlib import contextmanager, nullcontext

import pytest

from bnreg.errors import RunError
from bnreg.executors.table import DEFAULT_EXECUTOR, EXECUTORS, ExecutorKind
from bnreg.experiment.beginning import describe_beginning
from bnreg.experiment.plan import plan_experiment
from bnreg.experiment.story import begin_experiment, run_experiment
from bnreg.report.charts import process
from bnreg.report.charts.rendering import PROGRAMS
from bnreg.sinks import process as process_of_a_sink
from bnreg.sinks.child import reason
from bnreg.sinks.table import SINKS
from bnreg.training.shard_job import train_and_keep


def _in_this_process(jobs, datasets, *, engine, device, snapshot_seconds, log, **_):
    """An executor without its own processes."""
    for shard, place in jobs:
        dataset = datasets[shard.settings.data.dataset]
        options = {"engine": engine, "device": device, "snapshot_seconds": snapshot_seconds, "log": log}
        yield from train_and_keep(shard, place, dataset, **options)


in_this_process = ExecutorKind(_in_this_process)


@contextmanager
def training_here():
    """Within it, runs are trained in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EXECUTORS, DEFAULT_EXECUTOR, in_this_process)
        yield


@contextmanager
def drawing_here():
    """Within it, charts are drawn in this process: the drawing engine takes most of a second to start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "draw_in_a_process", lambda chart, name: PROGRAMS[name](chart, process.VEGA_LITE))
        patch.setattr(process, "ready_to_draw", lambda _: nullcontext())
        yield


def send_here(name, run, folder):
    """Send a run to a sink without another process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in the sink's process
        try:
            return SINKS[name].send(run, folder)
        except Exception as error:
            raise RunError(reason(error)) from error


@contextmanager
def sending_here():
    """Within it, runs are sent in this process: another one would import each tool again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process_of_a_sink, "send_in_a_process", send_here)
        for name, value in SINKS["mlflow"].environment.items():
            patch.setenv(name, value)
        yield


def train_plan(plan, root, *, watch=lambda _: None, log=print):
    """Begin a run in a folder and train it, without charts; return the run folder."""
    beginning = describe_beginning(plan, command=["bnreg", "train"], data_folder=None)
    run = begin_experiment(plan, beginning, root)
    options = {"watch": lambda _: nullcontext(watch), "look": pytest.fail, "draw": lambda _: {}, "log": log}
    return run_experiment(plan, run, **options)


def plan_of(folder, text):
    """The plan of an experiment, with its data."""
    config = folder / "small.yaml"
    config.write_text(text)
    return plan_experiment(config, ["device=cpu"], data_folder=None, log=pytest.fail, load_data=True)


def train_here(folder, text):
    """Train an experiment in this process, without charts; return the run folder."""
    with training_here():
        return train_plan(plan_of(folder, text), folder / "runs", log=pytest.fail)
