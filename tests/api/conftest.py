"""Shared by the tests of the Python interface."""

import pytest
from support.small_runs import drawing_here, training_here


@pytest.fixture(autouse=True)
def nothing_is_started():
    """Within each test, runs are trained, and charts drawn, in this process; those of other processes are not."""
    with training_here(), drawing_here():
        yield


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(bnreg):
    """The command line in this process, beside the package of the same name as its fixture."""
    return bnreg
