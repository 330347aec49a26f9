"""Shared by the tests of the commands."""

import pytest
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
