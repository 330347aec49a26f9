"""The table and the chart of the modes."""

import pandas as pd
import pytest
from rich.console import Console

from bnreg.report.charts.drawing import render_chart
from bnreg.report.charts.style import PALETTE
from bnreg.report.lecture.modes import MAX_POINTS, modes_chart, modes_tables

SIZES = [2, 8, 32, 128, 512, "all"]


def spread(mean, num_seeds):
    return {"mean": mean, "lowest": mean - 0.01, "highest": mean + 0.01, "accuracies": [mean] * num_seeds}


def record(arm="bn", *, num_seeds=10, point=None, point_index=0, missing=()):
    """A record in which train mode is worst for small batches, and worse for sorted ones."""
    train = [
        {"order": order, "batch_size": size} | spread(0.3 + 0.1 * place - 0.2 * (order == "sorted"), num_seeds)
        for order in ("shuffled", "sorted")
        for place, size in enumerate(SIZES)
    ]
    return {
        "point_index": point_index,
        "point": point or {},
        "arm": arm,
        "seeds": [*range(num_seeds)],
        "missing_seeds": list(missing),
        "eval": spread(0.957, num_seeds),
        "train": train,
    }


def printed(records, width=80):
    console = Console(width=width)
    with console.capture() as capture:
        console.print(modes_tables(records), crop=False)
    return capture.get()


def drawn(records):
    """The chart of a run without a sweep, and the rows that its panel draws."""
    spec = modes_chart(records, "title").to_dict()
    return spec, pd.DataFrame(spec["datasets"][spec["concat"][0]["layer"][1]["data"]["name"]])


def test_two_arms_fit_in_eighty_columns():
    lines = printed([record("bn"), record("plain")]).splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 80
    assert lines[0] == "test accuracy in %: mean of 10 seeds (lowest–highest)"
    rows = [line.split() for line in lines if "(" in line][1:]
    labels = [row[0] for row in rows]
    assert labels == ["eval", "train", "8", "32", "128", "512", "all"]
    cell = ["95.7", "(94.7–96.7)"]
    assert rows[0] == ["eval", *cell * 4]
    assert rows[1] == ["train", "2", *["30.0", "(29.0–31.0)", "10.0", "(9.0–11.0)"] * 2]


def test_more_arms_are_below_each_other():
    text = printed([record(f"arm{index}") for index in range(5)])
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    assert text.count("eval") == 3
    assert all(f"arm{index}" in text for index in range(5))


def test_one_seed_has_no_spread():
    text = printed([record(num_seeds=1)])
    assert text.startswith("test accuracy in %: one seed")
    assert "95.7" in text
    assert "(95" not in text


def test_a_sweep_has_a_table_for_each_point():
    text = printed([record(point={"optimizer.lr": lr}, point_index=i) for i, lr in enumerate([0.1, 0.01])])
    assert text.index("lr=0.1\n") < text.index("lr=0.01\n")


def test_the_table_and_the_chart_mention_diverged_networks():
    records = [record("bn", missing=[3, 4])]
    note = "bn: 2 diverged networks left out"
    assert note in printed(records)
    assert note in modes_chart(records, "title").to_dict()["title"]["subtitle"]


def test_the_chart_draws_each_arms_modes():
    spec, rows = drawn([record("bn"), record("plain")])
    color = spec["concat"][0]["layer"][1]["encoding"]["color"]["scale"]
    assert (color["domain"], color["range"]) == (["bn", "plain"], PALETTE)
    dash = spec["concat"][0]["layer"][1]["encoding"]["strokeDash"]["scale"]
    assert set(rows["curve"]) == set(dash["domain"])
    assert len({tuple(value) for value in dash["range"]}) == 3
    assert len(rows) == 2 * 3 * len(SIZES)
    bn = rows[rows["arm"] == "bn"]
    assert (bn.loc[bn["curve"] == "eval mode", "mean"] == 95.7).all()
    assert list(bn.loc[bn["curve"] == "train mode, shuffled", "mean"]) == pytest.approx([30, 40, 50, 60, 70, 80])


def test_the_whole_test_set_is_the_last_tick():
    spec, rows = drawn([record()])
    x = spec["concat"][0]["layer"][1]["encoding"]["x"]
    assert x["scale"]["type"] == "log"
    assert x["axis"]["values"] == [2, 8, 32, 128, 512, 2048]
    assert set(rows.loc[rows["place"] == 2048, "batch size"]) == {"all"}
    svg = render_chart(modes_chart([record()], "title"), "svg").decode()
    assert ">all</text>" in svg
    assert ">2048</text>" not in svg


def test_a_sweep_has_a_panel_for_each_of_the_first_points():
    records = [record(point={"optimizer.lr": 0.1**i}, point_index=i) for i in range(MAX_POINTS + 1)]
    spec = modes_chart(records, "title").to_dict()
    assert len(spec["concat"]) == MAX_POINTS
    assert f"the first {MAX_POINTS} of {MAX_POINTS + 1} points" in spec["title"]["subtitle"]
