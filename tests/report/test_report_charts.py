"""The charts: what they draw, checked in their specification, and their files."""

import math
import re

import pandas as pd
import pytest
from support.made_runs import make_view

from bnreg.errors import UserError
from bnreg.report.charts.curves import MAX_POINTS, draw, lacking
from bnreg.report.charts.drawing import render_chart, save_chart
from bnreg.report.charts.rendering import PROGRAMS
from bnreg.report.charts.style import PALETTE


def panels(view):
    """Each panel's specification, from left to right and top to bottom."""
    return [panel for row in draw(view).to_dict()["vconcat"] for panel in row["hconcat"]]


def means_of(panel):
    """The encoding of the lines, or of the marks of a single evaluation."""
    (found,) = (layer["encoding"] for layer in panel["layer"] if {"strokeDash", "shape"} & {*layer["encoding"]})
    return found


def drawn(view):
    """All rows that the chart of a run without a sweep draws, of both measures."""
    spec = draw(view).to_dict()
    named = [(panel | layer)["data"]["name"] for panel in panels(view) for layer in panel["layer"][:1]]
    return [pd.DataFrame(spec["datasets"][name]) for name in named]


def titles(view):
    title = draw(view).to_dict()["title"]
    return [title["text"], *title["subtitle"]]


def test_the_curves_are_loss_and_accuracy_side_by_side():
    view = make_view()
    assert [means_of(panel)["y"]["title"] for panel in panels(view)] == ["loss", "accuracy, %"]
    for panel in panels(view):
        line = means_of(panel)
        assert line["y"]["scale"]["zero"] is False


@pytest.mark.parametrize("num_epochs", [2, 3, 12])
def test_few_epochs_have_one_tick_each_and_none_in_between(num_epochs):
    for panel in panels(make_view(num_epochs=num_epochs, num_seeds=2)):
        assert means_of(panel)["x"]["axis"]["values"] == [*range(1, num_epochs + 1)]


def test_many_epochs_have_ticks_on_whole_epochs():
    for panel in panels(make_view(num_epochs=13, num_seeds=2)):
        axis = means_of(panel)["x"]["axis"]
        assert axis["tickMinStep"] == 1
        assert "values" not in axis


def test_many_arms_have_one_colour_each():
    assert len(set(PALETTE)) == len(PALETTE) == 20


def test_forty_long_names_are_told_apart_in_the_legend():
    """Each has its own entry and its own colour, although the names differ only in the middle."""
    arms = tuple(f"a_long_name_that_begins_alike_{number:02}_and_ends_alike_{'x' * 20}" for number in range(40))
    view = make_view(arms=arms, baseline=None, num_seeds=1, num_epochs=2)
    entries = re.findall(r"role-legend-label.*?</g>", render_chart(draw(view), "svg").decode(), re.S)
    shown = [text for text in re.findall(r">([^<>]+)</text>", "".join(entries)) if "alike" in text]
    assert (len(shown), len(set(shown))) == (40, 40)
    for panel in panels(view):
        scale = means_of(panel)["color"]["scale"]
        assert {*scale["domain"]} == {*shown}
        assert len(set(scale["range"])) == 40
    assert {*drawn(view)[0]["arm"]} == {*shown}


@pytest.mark.parametrize(("ratio", "scale"), [(10, "linear"), (1e6, "log")])
@pytest.mark.parametrize("num_epochs", [1, 5])
def test_losses_far_apart_have_a_logarithmic_axis(ratio, scale, num_epochs):
    """On a linear one, the smaller would lie on the axis."""
    view = make_view(num_seeds=2, num_epochs=num_epochs)
    of_plain = view.metrics["arm"] == "plain"
    view.metrics.loc[of_plain, ["train_loss", "test_loss"]] *= ratio
    loss, accuracy = (means_of(panel)["y"] for panel in panels(view))
    assert (loss["scale"].get("type", "linear"), "type" in accuracy["scale"]) == (scale, False)
    assert loss["title"] == ("loss, logarithmic" if scale == "log" else "loss")
    if scale == "log":
        assert loss["axis"]["values"] == [10.0**power for power in range(-1, 7)]


def test_a_loss_of_zero_is_drawn_at_the_bottom_of_a_logarithmic_axis():
    view = make_view(num_seeds=2)
    view.metrics["train_loss"] = 0.0
    view.metrics.loc[0, "test_loss"] = 1e6
    loss, _ = drawn(view)
    lowest = loss[loss["split"] == "test"]["mean"].min()
    assert loss[loss["split"] == "train"]["mean"].tolist() == pytest.approx([lowest / 2] * 10, rel=1e-4)


def test_arms_have_the_order_and_colours_of_the_config_in_every_panel():
    view = make_view(arms=("zeta", "alpha", "mid"), baseline=None)
    for panel in panels(view):
        assert means_of(panel)["color"]["scale"]["domain"] == ["zeta", "alpha", "mid"]
        assert means_of(panel)["color"]["scale"]["range"] == PALETTE


@pytest.mark.parametrize("validation", [False, True])
def test_splits_differ_in_their_dashes(validation):
    view = make_view(validation=validation)
    scale = means_of(panels(view)[0])["strokeDash"]["scale"]
    assert scale["domain"] == ["train", *(["validation"] if validation else []), "test"]
    assert len({tuple(dash) for dash in scale["range"]}) == len(scale["domain"])


def test_a_run_without_measurements_has_no_chart():
    view = make_view()
    view.metrics[["train_loss", "train_accuracy", "test_loss", "test_accuracy"]] = math.nan
    assert lacking(view) == "every replica diverged before its first evaluation"


@pytest.mark.parametrize(("num_epochs", "channel"), [(1, "shape"), (5, "strokeDash")])
def test_a_panel_without_values_has_the_splits_of_the_others(num_epochs, channel):
    """They share one legend: if the scale of one panel were empty, all splits would look the same in it."""
    view = make_view(num_epochs=num_epochs)
    view.metrics[["train_loss", "test_loss"]] = math.nan
    domains = [means_of(panel)[channel]["scale"]["domain"] for panel in panels(view)]
    assert domains == [["train", "test"]] * 2


def test_lines_are_means_and_bands_reach_from_the_lowest_to_the_highest_seed():
    view = make_view()
    loss, accuracy = drawn(view)
    at = view.metrics[(view.metrics["arm"] == "bn") & (view.metrics["epoch"] == 3)]
    for frame, column, unit in ((loss, "test_loss", 1), (accuracy, "test_accuracy", 100)):
        row = frame[(frame["arm"] == "bn") & (frame["time"] == 3) & (frame["split"] == "test")].iloc[0]
        expected = [at[column].mean() * unit, at[column].min() * unit, at[column].max() * unit]
        assert row[["mean", "low", "high"]].tolist() == pytest.approx(expected, abs=1e-5)
    assert "mean of 10 seeds; band: lowest to highest seed" in titles(view)


def test_diverged_epochs_are_left_out_and_the_chart_says_so():
    """The mean of the other replicas continues; an arm whose replicas all diverged ends at its last finite epoch."""
    view = make_view(num_seeds=2, diverged=(("bn", 0), ("bn", 1), ("plain", 1)))
    loss, _ = drawn(view)
    assert not loss.isna().any(axis=None)
    assert loss[loss["arm"] == "bn"]["time"].max() == 1
    assert loss[loss["arm"] == "plain"]["time"].max() == 5
    assert "3 diverged replicas: drawn while finite" in titles(view)


@pytest.mark.parametrize("num_epochs", [1, 5, 50])
def test_a_single_measured_epoch_is_marked(num_epochs):
    """A line through one point is invisible, also for one arm of a long run."""
    view = make_view(num_seeds=1, num_epochs=num_epochs, diverged=(("bn", 0),))
    svg = render_chart(draw(view), "svg").decode()
    groups = re.findall(r'<g class="mark-symbol role-mark[^>]*>(.*?)</g>', svg)
    marks = [sum('opacity="0"' not in path for path in group.split("<path")[1:]) for group in groups]
    marks = [number for number in marks if number]
    expected = {1: 4, 5: 2 + 10, 50: 2}[num_epochs]  # per panel: single epochs, and all if there are few
    assert marks == [expected, expected]


def test_a_single_epoch_has_the_arms_side_by_side():
    """Without lines, the splits differ in the shape of their marks instead of in their dashes."""
    for panel in panels(make_view(num_epochs=1)):
        marks = means_of(panel)
        assert marks["xOffset"]["sort"] == ["bn", "plain"]
        assert marks["shape"]["scale"] == {"domain": ["train", "test"], "range": ["square", "circle"]}


def test_a_sweep_has_a_small_panel_of_the_accuracy_for_each_point():
    view = make_view(sweep={"optimizer.lr": [0.1, 0.01], "model.norm": ["batch", None]})
    (grid,) = draw(view).to_dict()["vconcat"]
    assert grid["facet"]["sort"] == [
        "lr=0.1, norm=batch",
        "lr=0.1, norm=null",
        "lr=0.01, norm=batch",
        "lr=0.01, norm=null",
    ]
    assert means_of(grid["spec"])["y"]["title"] == "accuracy, %"


def test_of_a_long_sweep_some_points_are_drawn_and_the_chart_says_so():
    view = make_view(sweep={"optimizer.lr": [k / 100 for k in range(1, 21)]}, num_seeds=2, num_epochs=2)
    (grid,) = draw(view).to_dict()["vconcat"]
    shown = grid["facet"]["sort"]
    assert (len(shown), shown[0], shown[-1]) == (MAX_POINTS, "lr=0.01", "lr=0.2")
    assert "accuracy at 12 of 20 points, evenly chosen; other charts show all of them" in titles(view)
    assert not any("points" in title for title in titles(make_view()))


@pytest.mark.parametrize("num_points", [1, 2, 7, 12, 40])
@pytest.mark.parametrize("num_epochs", [1, 20])
def test_a_sweep_of_any_size_fits_on_a_screen(num_points, num_epochs):
    sweep = {"optimizer.lr": [(k + 1) / 1000 for k in range(num_points)]}
    svg = render_chart(draw(make_view(sweep=sweep, num_seeds=2, num_epochs=num_epochs)), "svg").decode()
    width, height = map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups())
    assert (width <= 1300, height <= 900) == (True, True)


def test_few_seeds_are_drawn_one_by_one_behind_their_mean():
    for num_seeds, expected in ((1, 0), (10, 20), (15, 30), (16, 0)):
        panel = panels(make_view(num_seeds=num_seeds))[0]
        thin = [layer for layer in panel["layer"] if layer["encoding"].get("detail", {}).get("field") == "seed"]
        (data,) = thin or [None]
        spec = draw(make_view(num_seeds=num_seeds)).to_dict()
        rows = pd.DataFrame(spec["datasets"][data["data"]["name"]]) if data else pd.DataFrame(columns=["arm", "seed"])
        assert len(rows[["arm", "seed"]].drop_duplicates()) == expected


@pytest.mark.parametrize("num_arms", [4, 5, 12])
def test_many_arms_have_their_names_beside_their_lines(num_arms):
    view = make_view(arms=tuple(f"arm{number}" for number in range(num_arms)), baseline=None, num_seeds=3)
    for panel in panels(view):
        texts = [layer for layer in panel["layer"] if layer["mark"]["type"] == "text"]
        assert len(texts) == (num_arms > 4)


def test_a_drawing_of_ten_seeds_is_small():
    """The seeds are summarised before they are drawn."""
    assert len(render_chart(draw(make_view(num_epochs=30)), "svg")) < 100_000


@pytest.mark.parametrize(
    ("name", "start"), [("a.svg", b"<svg"), ("a.PNG", b"\x89PNG\r\n"), ("a.html", b"<!DOCTYPE html>")]
)
def test_the_extension_chooses_the_format(tmp_path, name, start):
    path = tmp_path / name
    save_chart(draw(make_view(num_epochs=1)), path)
    assert path.read_bytes().lstrip().startswith(start)
    assert list(tmp_path.iterdir()) == [path]


def test_the_page_works_offline():
    """It loads nothing because it includes the scripts."""
    page = render_chart(draw(make_view(num_epochs=1)), "html").decode()
    assert not re.findall(r"<(?:script|link)[^>]+(?:src|href)=", page)
    assert len(page) > 300_000


def test_no_name_can_end_the_pages_script():
    """Every name is only data; the drawing shows it unchanged."""
    view = make_view(arms=("</script><b>bold", "plain"), num_epochs=1)
    assert "</script><b>" not in render_chart(draw(view), "html").decode()
    assert "&lt;/script&gt;&lt;b&gt;bold" in render_chart(draw(view), "svg").decode()


def test_the_error_for_an_unknown_extension_lists_the_known_ones(tmp_path):
    with pytest.raises(UserError, match=r"curves\.pdf: unknown chart format '\.pdf' \(choices: \.html, \.png, \.svg\)"):
        save_chart(draw(make_view(num_epochs=1)), tmp_path / "curves.pdf")
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(UserError, match=r"folder .*nowhere does not exist; create it first"):
        save_chart(draw(make_view(num_epochs=1)), tmp_path / "nowhere" / "curves.svg")


def test_a_file_is_not_overwritten(tmp_path):
    """Such as the chart of a run folder, which its manifest lists."""
    path = tmp_path / "curves.svg"
    path.write_text("former")
    with pytest.raises(UserError, match=r"curves\.svg: already exists and will not be overwritten"):
        save_chart(draw(make_view(num_epochs=1)), path)
    assert path.read_text() == "former"
    assert list(tmp_path.iterdir()) == [path]


def test_a_chart_that_fails_leaves_no_file(tmp_path, monkeypatch):
    path = tmp_path / "curves.svg"

    def fail(*_):
        raise RuntimeError("no picture")

    monkeypatch.setitem(PROGRAMS, "svg", fail)
    with pytest.raises(RuntimeError, match="no picture"):
        save_chart(draw(make_view(num_epochs=1)), path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_on_request(tmp_path):
    path = tmp_path / "curves.svg"
    path.write_text("former")
    save_chart(draw(make_view(num_epochs=1)), path, force=True)
    assert path.read_text().startswith("<svg")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.symlink_to("elsewhere")])
def test_only_a_file_is_replaced(tmp_path, make):
    path = tmp_path / "curves.svg"
    make(path)
    with pytest.raises(UserError, match=r"curves\.svg: already exists and will not be overwritten"):
        save_chart(draw(make_view(num_epochs=1)), path, force=True)


def test_no_file_of_a_run_is_replaced(tmp_path):
    """Its manifest has the checksum of the chart that is there."""
    (tmp_path / "manifest.json").write_text("{}")
    path = tmp_path / "curves.svg"
    path.write_text("former")
    with pytest.raises(UserError, match=r"curves\.svg: is part of a run and will not be overwritten"):
        save_chart(draw(make_view(num_epochs=1)), path, force=True)
    assert path.read_text() == "former"
