"""Shared by the tests of the report."""

import pytest
from support.small_runs import drawing_here


@pytest.fixture(autouse=True)
def charts_drawn_here():
    """Within each test, charts are drawn in this process."""
    with drawing_here():
        yield
