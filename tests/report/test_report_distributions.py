"""The chart of what layers read while they train."""

import pandas as pd
from support.made_runs import make_view, watched_view

from bnreg.report.charts.distributions import draw, lacking


def rows_of(view):
    """For each row of panels: each panel's heading and what it draws."""
    spec = draw(view).to_dict()
    rows = [pd.DataFrame(spec["datasets"][(spec | row)["data"]["name"]]) for row in spec["vconcat"]]
    headings = [row["facet"]["sort"] for row in spec["vconcat"]]
    return [
        {name: data[data["layer"] == name].drop(columns="layer") for name in names}
        for names, data in zip(headings, rows, strict=True)
    ]


def layers_of(view):
    """The layers of the first row's panels."""
    return draw(view).to_dict()["vconcat"][0]["spec"]["layer"]


def test_each_layer_has_the_mean_percentiles_of_each_arm():
    (row,) = rows_of(watched_view(num_seeds=3))
    assert [*row] == ["layer 1", "layer 2"]
    second = row["layer 2"].set_index(["arm", "step"])
    assert len(second) == 2 * 3
    assert second.loc[("bn", 10)].to_dict() == {"low": 18.0, "middle": 53.0, "high": 88.0}  # p + 2 + the mean seed
    assert second.loc[("plain", 20)].to_dict() == {"low": 28.0, "middle": 63.0, "high": 98.0}


def test_of_many_layers_the_first_the_last_and_four_between_are_drawn():
    (row,) = rows_of(watched_view(num_layers=20, num_seeds=1))
    assert [*row] == [f"layer {number}" for number in (1, 5, 9, 12, 16, 20)]


def test_of_many_points_the_first_three_are_drawn():
    view = watched_view(sweep={"optimizer.lr": [1, 2, 3, 4, 5]}, num_seeds=1)
    assert len(rows_of(view)) == 3
    assert draw(view).to_dict()["title"]["subtitle"][-1] == "the first 3 of 5 rows"


def test_looks_that_grow_are_drawn_on_a_logarithmic_axis():
    for steps, kind in (((0, 10, 20, 30), "linear"), ((0, 1, 10, 100), "symlog"), ((0,), "linear")):
        assert layers_of(watched_view(steps=steps, num_seeds=1))[0]["encoding"]["x"]["scale"]["type"] == kind


def test_a_single_look_is_a_point():
    layers = layers_of(watched_view(steps=(0,), num_seeds=1))
    assert [layer["mark"].get("point") for layer in layers] == [None, True, None]


def test_a_run_that_watched_nothing_is_refused_with_the_remedy():
    remedy = "pre_activations was not watched; train with diagnostics.names='[pre_activations]'"
    assert lacking(make_view()) == remedy
    assert lacking(watched_view()) is None
