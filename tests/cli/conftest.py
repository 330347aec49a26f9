"""Shared by the tests of the commands."""

import pytest
from support.small_runs import training_here


@pytest.fixture
def without_workers():
    """Within the test, runs are trained in this process: starting workers, which import torch, takes seconds."""
    with training_here():
        yield
