"""The charts of differences: by seed, by point of a sweep, and by the number of seeds."""

import math

import pytest
from support.made_runs import make_view

from bnreg.analysis.charts.looks import MAX_TIMES, evidence_by_seeds
from bnreg.analysis.comparison import block_of
from bnreg.report.charts import differences, forest, looks

LRS = {"optimizer.lr": [1.0, 0.1, 10.0]}


def layers_of(spec, mark):
    return [layer for layer in spec["layer"] if layer["mark"]["type"] == mark]


def values_of(layer, spec):
    return spec["datasets"][layer["data"]["name"]]


def test_each_seed_is_a_dot_and_zero_and_equivalence_are_drawn():
    view = make_view(num_seeds=6, lift=0.01)
    spec = differences.draw(view).to_dict()
    (judged,) = block_of(view).judged
    (dots,) = layers_of(spec, "circle")
    shown = {row["seed"]: row["difference"] for row in values_of(dots, spec)}
    assert shown == pytest.approx({seed: 100 * value for seed, value in judged.by_seed.items()})
    zero, _ = layers_of(spec, "rule")
    assert values_of(zero, spec) == [{"x": 0}]
    (shade,) = layers_of(spec, "rect")
    assert values_of(shade, spec) == [{"x": -0.2, "x2": 0.2}]
    assert "grey: equivalent, less than 0.2 pp apart" in spec["title"]["subtitle"]


def test_the_mean_and_its_interval_are_those_of_the_verdict():
    view = make_view(num_seeds=6, lift=0.01)
    (judged,) = block_of(view).judged
    spec = differences.draw(view).to_dict()
    (mean,) = layers_of(spec, "tick")
    (row,) = values_of(mean, spec)
    expected = [100 * number for number in (judged.evidence.difference, *judged.evidence.interval)]
    assert [row["mean"], row["low"], row["high"]] == pytest.approx(expected)
    assert row["verdict"] == "helped"


def test_an_interval_without_ends_is_not_drawn():
    view = make_view(num_seeds=4, looks=(2, 4))
    assert math.isinf(block_of(view).judged[0].evidence.interval[0])
    spec = differences.draw(view).to_dict()
    (mean,) = layers_of(spec, "tick")
    assert [(row["low"], row["high"]) for row in values_of(mean, spec)] == [(None, None)]


def test_a_forest_has_a_row_for_each_point_in_their_order():
    spec = forest.draw(make_view(sweep=LRS, num_seeds=4)).to_dict()
    (mean,) = layers_of(spec, "tick")
    assert mean["encoding"]["y"]["sort"] == ["lr=0.1", "lr=1", "lr=10"]


def test_a_forest_has_at_most_forty_rows_and_says_so():
    view = make_view(sweep={"optimizer.lr": [1 + number / 100 for number in range(50)]}, num_seeds=2, num_epochs=1)
    spec = forest.draw(view).to_dict()
    (mean,) = layers_of(spec, "tick")
    assert len(values_of(mean, spec)) == 40
    assert "40 of 50 comparisons, evenly chosen" in spec["title"]["subtitle"]


def test_the_evidence_after_the_last_seed_is_that_of_the_run():
    block = block_of(make_view(num_seeds=12, looks=(4, 8, 12), lift=0.01))
    numbers, judged = zip(*evidence_by_seeds(block), strict=True)
    assert numbers == tuple(range(7, 13))
    (last,) = judged[-1]
    assert (last.evidence.interval, last.evidence.verdict) == (
        block.judged[0].evidence.interval,
        block.judged[0].evidence.verdict,
    )


def test_the_evidence_never_loses_ground():
    """The interval only shrinks where nothing but the seeds varies, and p only falls: both hold at every look."""
    found = evidence_by_seeds(block_of(make_view(num_seeds=20, looks=(10, 20), lift=0.01)))
    p_values = [one.evidence.p_value for _, (one,) in found]
    assert p_values == sorted(p_values, reverse=True)
    assert p_values[-1] < p_values[0]


def test_many_seeds_are_judged_at_some_numbers_with_all_looks_among_them():
    found = [number for number, _ in evidence_by_seeds(block_of(make_view(num_seeds=150, looks=(11, 150))))]
    assert len(found) <= MAX_TIMES + 3
    assert {7, 11, 150} <= {*found}


def test_looks_are_marked_and_those_that_were_taken_are_named():
    spec = looks.draw(make_view(num_seeds=12, looks=(4, 8, 12))).to_dict()
    rows = spec["datasets"].values() if "datasets" in spec else [spec["data"]["values"]]
    marked = {row["seeds"] for values in rows for row in values if row.get("look")}
    assert marked == {8, 12}
    assert "looked at with 4, 8, 12 seeds" in " ".join(spec["title"]["subtitle"])
