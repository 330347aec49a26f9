"""The points of a sweep, read from a frame of replicas, are as the config wrote them."""

import subprocess
import sys

import pandas as pd

from bnreg.statistics.points import each_point


def test_points_hold_plain_values_and_null():
    """JSON has no numpy types, and a missing swept value is the null of the config."""
    frame = pd.DataFrame({"a": [1, 1, 2], "b": ["x", None, "x"], "c": [True, True, False]})
    points = [point for point, _ in each_point(frame, ["a", "b", "c"])]
    assert points == [{"a": 1, "b": "x", "c": True}, {"a": 1, "b": None, "c": True}, {"a": 2, "b": "x", "c": False}]
    assert [type(value) for value in points[0].values()] == [int, str, bool]


def test_without_a_sweep_the_whole_frame_is_one_point():
    frame = pd.DataFrame({"arm": ["bn", "plain"]})
    ((point, rows),) = each_point(frame, [])
    assert point == {}
    assert rows is frame


def test_the_statistics_need_neither_scipy_nor_torch():
    """Each would more than double the time that ``bnreg compare`` takes to start."""
    code = "import sys, bnreg.statistics.points; print({'scipy', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
