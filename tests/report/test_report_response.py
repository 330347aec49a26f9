"""The chart of final results against a swept number."""

from dataclasses import replace

import pandas as pd
import pytest
from support.made_runs import make_view

from bnreg.report.charts.response import draw, lacking


def rows_of(view):
    """For each row of panels: its title, and what its panel of accuracy draws."""
    spec = draw(view).to_dict()
    rows = []
    for row in spec["vconcat"]:
        panel = row["hconcat"][1]
        name = panel["layer"][0].get("data", panel.get("data"))["name"]
        rows.append((row.get("title", {}).get("text", ""), pd.DataFrame(spec["datasets"][name])))
    return rows


def test_a_line_is_the_mean_over_the_seeds_and_its_band_their_range():
    view = make_view(sweep={"optimizer.lr": [0.1, 1.0]}, num_seeds=3)
    ((title, drawn),) = rows_of(view)
    assert title == ""
    assert {*zip(drawn["arm"], drawn["split"], drawn["x"], strict=True)} == {
        (arm, split, x) for arm in ("bn", "plain") for split in ("train", "test") for x in (0.1, 1.0)
    }
    summary = pd.DataFrame(view.summary)
    chosen = (summary["arm"] == "bn") & (summary["optimizer.lr"].astype(float) == 1.0)
    values = 100 * summary[chosen]["final_test_accuracy"].astype(float)
    line = drawn[(drawn["arm"] == "bn") & (drawn["split"] == "test") & (drawn["x"] == 1.0)]
    found = line[["mean", "low", "high"]].iloc[0].tolist()
    assert found == pytest.approx([values.mean(), values.min(), values.max()], abs=1e-4)


def test_the_axis_is_the_key_with_the_most_numbers_and_the_others_have_a_row_each():
    view = make_view(sweep={"data.label_noise": [0.0, 0.2], "model.hidden": [[4], [8, 8], [32]]}, num_seeds=2)
    rows = rows_of(view)
    assert [title for title, _ in rows] == ["label_noise=0", "label_noise=0.2"]
    assert all(sorted({*drawn["x"]}) == [4, 16, 32] for _, drawn in rows)


def test_of_many_combinations_the_accuracy_of_the_first_six_is_drawn():
    view = make_view(sweep={"optimizer.lr": [0.1, 1.0], "model.activation": [*"abcdefgh"]}, num_seeds=1)
    spec = draw(view).to_dict()
    panels = spec["vconcat"][0]["concat"]
    assert [panel["title"]["text"] for panel in panels] == [f"activation={name}" for name in "abcdef"]
    assert {panel["layer"][1]["encoding"]["y"]["title"] for panel in panels} == {"accuracy, %"}
    assert spec["title"]["subtitle"][-1] == "the first 6 of 8 combinations of the other settings"


@pytest.mark.parametrize(("validation", "lift"), [(False, 0.01), (True, 0.01)])
def test_the_best_value_of_each_arm_is_marked_and_the_chart_says_by_which_split(validation, lift):
    """With a validation split the test split chooses nothing."""
    view = make_view(sweep={"optimizer.lr": [0.1, 1.0, 2.0]}, num_seeds=3, validation=validation, lift=lift)
    accuracy = view.summary["final_test_accuracy"]
    if validation:  # so that both splits have another best
        view.summary["final_test_accuracy"] = [1 - value for value in accuracy]
    ((_, drawn),) = rows_of(view)
    best = drawn[drawn["is_best"]]
    assert {*zip(best["arm"], best["split"], best["x"], strict=True)} == {("bn", "test", 0.1), ("plain", "test", 0.1)}
    note = draw(view).to_dict()["title"]["subtitle"][-1]
    assert note.startswith(f"diamond: the best by {'validation' if validation else 'test'} accuracy")
    assert ("flatters" in note) is not validation


@pytest.mark.parametrize(
    "sweep",
    [
        {},
        {"model.norm": ["none", "batch"]},
        {"model.activation": [True, 1.0]},
        {"optimizer.lr": [0.1]},
        {"data.train_size": [100, 300, None]},
        {"model.hidden": [[64], [32, 32], [128]]},  # as sums, two of them would be one
    ],
)
def test_without_distinct_swept_numbers_there_is_no_draw(sweep):
    assert lacking(make_view(sweep=sweep)) == "no setting is swept over distinct numbers"


def test_settings_that_are_zipped_with_the_key_make_no_rows():
    view = make_view(sweep={"optimizer.lr": [0.1, 1.0, 2.0], "data.train_size": [100]}, num_seeds=1)
    points = tuple(point | {"data.train_size": 100 * size} for size, point in enumerate(view.points, 1))
    view = replace(view, info=replace(view.info, points=points))
    ((title, drawn),) = rows_of(view)
    assert (title, sorted({*drawn["x"]})) == ("", [0.1, 1.0, 2.0])


def test_diverged_networks_are_left_out_and_counted():
    sweep = {"optimizer.lr": [0.1, 1.0]}
    view = make_view(sweep=sweep, num_seeds=3, diverged=(("bn", 1),))
    ((_, drawn),) = rows_of(view)
    assert drawn["low"].min() > 50  # a guess is right in 10 of 100 cases
    assert draw(view).to_dict()["title"]["subtitle"][-2] == "2 diverged replicas: left out"
    view = make_view(arms=("bn",), baseline=None, sweep=sweep, num_seeds=1, diverged=(("bn", 0),))
    assert lacking(view) == "every replica diverged"


def test_the_axis_is_logarithmic_where_a_linear_one_would_crowd_the_values():
    for values, kind in (
        ([1, 19], None),
        ([1, 20], "log"),
        ([0, 20], None),
        ([0, 1, 20], "symlog"),
        ([-1, 1, 20], None),
    ):
        spec = draw(make_view(sweep={"optimizer.lr": values}, num_seeds=1)).to_dict()
        axis = spec["vconcat"][0]["hconcat"][0]["layer"][0]["encoding"]["x"]
        assert (axis["scale"].get("type"), axis["axis"]["values"]) == (kind, values)
