"""From replicas to arms: what is averaged, what is counted, what is compared with what."""

import math
import statistics
import subprocess
import sys

import pandas as pd
import pytest

from bnreg.statistics.paired import compare_pairs
from bnreg.statistics.summarise import compare_arms, each_point, summarise_arms

METRIC = "final_test_accuracy"


@pytest.fixture
def summary():
    """Two learning rates, the larger one first; ``bn`` has no second seed at 0.01 and ``extra`` only one replica."""
    rows = [
        (0.1, "plain", 0, "ok", 0.90, 1.0),
        (0.1, "plain", 1, "diverged", 0.10, 1.5),
        (0.1, "bn", 0, "ok", 0.94, 2.0),
        (0.1, "bn", 1, "ok", 0.95, 2.0),
        (0.01, "plain", 0, "ok", 0.80, 1.0),
        (0.01, "plain", 1, "ok", 0.82, 1.0),
        (0.01, "bn", 0, "ok", 0.85, 2.0),
        (0.01, "extra", 0, "ok", 0.70, 2.0),
    ]
    return pd.DataFrame(rows, columns=["optimizer.lr", "arm", "seed", "status", METRIC, "seconds"])


def test_each_arm_has_one_row_per_point_in_the_order_of_run_and_config(summary):
    arms = summarise_arms(summary, ["optimizer.lr"], ["bn", "plain", "extra"], [METRIC])
    order = list(zip(arms["optimizer.lr"], arms["arm"], strict=True))
    assert order == [(0.1, "bn"), (0.1, "plain"), (0.01, "bn"), (0.01, "plain"), (0.01, "extra")]


def test_mean_and_spread_are_over_the_seeds_and_chance_values_count(summary):
    plain = summarise_arms(summary, ["optimizer.lr"], ["plain"], [METRIC]).iloc[0]
    assert plain[f"{METRIC}_mean"] == pytest.approx(0.5)
    assert plain[f"{METRIC}_std"] == pytest.approx(statistics.stdev([0.9, 0.1]))
    assert (plain["num_seeds"], plain["num_diverged"], plain["seconds"]) == (2, 1, 2.5)


def test_a_single_seed_has_no_spread(summary):
    extra = summarise_arms(summary, ["optimizer.lr"], ["extra"], [METRIC]).iloc[0]
    assert extra["num_seeds"] == 1
    assert math.isnan(extra[f"{METRIC}_std"])


def test_without_a_sweep_the_whole_frame_is_one_point(summary):
    frame = summary.drop(columns="optimizer.lr")
    assert [point for point, _ in each_point(frame, [])] == [{}]
    assert list(summarise_arms(frame, [], ["plain"], [METRIC])["num_seeds"]) == [4]


def test_points_hold_plain_values_and_null():
    """JSON knows no numpy, and a missing swept value is the null of the config."""
    frame = pd.DataFrame({"a": [1, 1, 2], "b": ["x", None, "x"], "c": [True, True, False]})
    points = [point for point, _ in each_point(frame, ["a", "b", "c"])]
    assert points == [{"a": 1, "b": "x", "c": True}, {"a": 1, "b": None, "c": True}, {"a": 2, "b": "x", "c": False}]
    assert [type(value) for value in points[0].values()] == [int, str, bool]


def test_arms_are_compared_with_the_baseline_of_their_own_point(summary):
    comparisons = compare_arms(summary, ["optimizer.lr"], ["bn", "plain", "extra"], "plain", METRIC, True)
    assert [(one.point["optimizer.lr"], one.arm) for one in comparisons] == [(0.1, "bn"), (0.01, "bn"), (0.01, "extra")]
    expected = compare_pairs(
        pd.Series([0.94, 0.95], index=[0, 1]), pd.Series([0.90, 0.10], index=[0, 1]), higher_is_better=True
    )
    assert comparisons[0].comparison == expected
    assert comparisons[1].comparison.unmatched_seeds == (1,)


def test_a_point_without_the_baseline_has_nothing_to_compare_with(summary):
    frame = summary[(summary["optimizer.lr"] == 0.1) | (summary["arm"] != "plain")]
    comparisons = compare_arms(frame, ["optimizer.lr"], ["bn", "plain", "extra"], "plain", METRIC, True)
    assert [one.point["optimizer.lr"] for one in comparisons] == [0.1]


def test_the_statistics_need_neither_scipy_nor_torch():
    """Each would more than double the time that ``bnreg compare`` takes to start."""
    code = "import sys, bnreg.statistics.summarise; print({'scipy', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
