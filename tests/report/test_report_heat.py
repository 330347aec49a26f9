"""The map of a sweep of two settings."""

import pandas as pd
import pytest
from support.made_runs import make_view

from bnreg.analysis.charts.grids import free_keys
from bnreg.report.charts.heat import draw

SWEEP = {"model.activation": ["relu", "tanh"], "optimizer.lr": [10.0, 0.1, 1.0]}


def cells_of(view):
    spec = draw(view).to_dict()
    (values,) = spec["datasets"].values()
    return pd.DataFrame(values), spec


def test_a_cell_is_the_mean_over_the_seeds():
    view = make_view(sweep=SWEEP, num_seeds=3)
    cells, _ = cells_of(view)
    summary = pd.DataFrame(view.summary)
    place = (summary["arm"] == "bn") & (summary["optimizer.lr"] == 0.1) & (summary["model.activation"] == "tanh")
    (cell,) = cells[(cells["panel"] == "bn") & (cells["along"] == "0.1") & (cells["across"] == "tanh")].itertuples()
    mean = 100 * summary[place]["final_test_accuracy"].mean()
    assert (cell.value, cell.text) == (pytest.approx(mean, abs=1e-3), f"{mean:.1f}")
    assert len(cells) == 2 * 6


def test_numbers_are_in_their_order_and_names_in_that_of_the_config():
    _, spec = cells_of(make_view(sweep=SWEEP, num_seeds=2))
    encoding = spec["vconcat"][0]["spec"]["layer"][0]["encoding"]
    assert encoding["x"]["sort"] == ["0.1", "1", "10"]
    assert encoding["y"]["sort"] == ["relu", "tanh"]


@pytest.mark.parametrize("validation", [False, True])
def test_the_best_of_each_arm_is_framed_by_the_validation_split_if_there_is_one(validation):
    view = make_view(sweep=SWEEP, num_seeds=3, validation=validation)
    if validation:
        view.summary["final_test_accuracy"] = [1 - value for value in view.summary["final_test_accuracy"]]
    cells, spec = cells_of(view)
    best = cells[cells["is_best"]]
    assert [*zip(best["panel"], best["across"], best["along"], strict=True)] == [
        ("bn", "relu", "10"),
        ("plain", "relu", "10"),
    ]
    assert ("flatters" in spec["title"]["subtitle"][-1]) is not validation


def test_a_cell_whose_networks_all_diverged_says_so():
    cells, _ = cells_of(make_view(sweep=SWEEP, num_seeds=1, diverged=(("plain", 0),)))
    assert {*cells[cells["panel"] == "plain"]["text"]} == {"div."}
    assert not cells[cells["panel"] == "plain"]["is_best"].any()


def test_further_settings_have_maps_of_their_own():
    cells, _ = cells_of(make_view(sweep={**SWEEP, "data.label_noise": [0.0, 0.2]}, num_seeds=1, num_epochs=1))
    assert [*dict.fromkeys(cells["panel"])] == [
        "bn, label_noise=0",
        "plain, label_noise=0",
        "bn, label_noise=0.2",
        "plain, label_noise=0.2",
    ]


def test_settings_that_vary_together_are_one():
    view = make_view(sweep={"optimizer.lr": [0.1, 1.0], "data.train_size": [100, 200]}, num_seeds=1)
    assert free_keys(view) == ["optimizer.lr", "data.train_size"]
    diagonal = tuple(view.points[index] for index in (0, 3))
    from dataclasses import replace

    assert free_keys(replace(view, info=replace(view.info, points=diagonal))) == ["optimizer.lr"]
