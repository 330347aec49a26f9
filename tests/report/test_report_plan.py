"""The plan that ``bnreg train --dry-run`` shows."""

import io

import pytest
from rich.console import Console

from bnreg.report.plan import plan_table
from bnreg.wording import as_written


def render(points, num_seeds=10):
    arms = ["bn", "plain"] if num_seeds > 1 else ["plain"]
    cells = [
        {"point": point, "arm": arm, "data": "mnist", "layers": ["784", "32", "10"], "num_parameters": 25450}
        for point in points
        for arm in arms
    ]
    plan = {
        "name": "small",
        "num_points": len(points),
        "arms": arms,
        "baseline": "plain",
        "seeds": list(range(num_seeds)),
        "num_replicas": len(cells) * num_seeds,
        "device": "cpu",
        "num_workers": 1,
        "memory_bytes": 1_340_000_000,
        "shards": [{"replicas": len(cells) * num_seeds, "steps": 1200}],
        "cells": cells,
    }
    console = Console(file=io.StringIO(), width=80, highlight=False)
    console.print(plan_table(plan))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_plan_shows_the_replicas_and_the_resources_they_need():
    lines = render([{"optimizer.lr": 0.1}, {"optimizer.lr": 0.01}])
    assert lines[0] == "small: 2 points × 2 arms × 10 seeds = 40 replicas"
    assert [line.split() for line in lines if "25,450" in line] == [
        ["0.1", "bn", "mnist", "784-32-10", "25,450"],
        ["0.1", "plain", "(baseline)", "mnist", "784-32-10", "25,450"],
        ["0.01", "bn", "mnist", "784-32-10", "25,450"],
        ["0.01", "plain", "(baseline)", "mnist", "784-32-10", "25,450"],
    ]
    assert lines[-2:] == [
        "1 shard of up to 40 replicas, 1,200 steps in all",
        "1 worker on cpu, about 1.3 GB of memory",
    ]


def test_one_is_counted_as_one():
    lines = render([{}], num_seeds=1)
    assert lines[0] == "small: 1 point × 1 arm × 1 seed = 1 replica"
    assert lines[-2] == "1 shard of up to 1 replica, 1,200 steps in all"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1e-05, "1e-05"),
        (32, "32"),
        ("batch", "batch"),
        ([32, 32], "[32, 32]"),
        ((32, None), "[32, null]"),
        ({"scheme": "orthogonal", "gain": 2.0}, "{scheme: orthogonal, gain: 2}"),
    ],
)
def test_a_swept_value_reads_as_in_the_config(value, text):
    assert as_written(value) == text
    assert any(line.startswith(f"{text}  ") for line in render([{"model.value": value}]))
