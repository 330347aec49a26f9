"""Shared by the tests of the commands."""

import pytest
from support.made_runs import write_run
from support.small_runs import drawing_here, training_here


@pytest.fixture
def without_workers():
    """Within the test, runs are trained in this process: starting workers, which import torch, takes seconds."""
    with training_here():
        yield


@pytest.fixture(autouse=True)
def charts_drawn_here():
    """Within each test, charts are drawn in this process."""
    with drawing_here():
        yield


@pytest.fixture
def make_run(tmp_path, monkeypatch):
    """Write a run folder with two arms into the test's folder: ``make_run("name")`` returns its path."""
    monkeypatch.chdir(tmp_path)
    return write_run


@pytest.fixture
def rates(make_run):
    """Three runs of the same arms at three learning rates."""
    for name, lr, lift in (("a", 0.1, 0.01), ("b", 0.001, 0.02), ("c", 0.01, 0.03)):
        make_run(name, lift=lift, settings={"optimizer.lr": lr})
