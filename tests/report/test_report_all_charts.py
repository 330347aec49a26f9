"""What holds for every chart of the table: it is drawn, says what was found, and is refused only for a reason."""

import re
from pathlib import Path
from xml.sax.saxutils import quoteattr

import altair as alt
import pytest
from support.charts import SWEEP, suitable_view
from support.made_runs import make_view

from bnreg.analysis.comparison import block_of
from bnreg.analysis.run_view import view_of_run
from bnreg.report.charts.drawing import render_chart
from bnreg.report.charts.style import FADED, NUM_READABLE, PALETTE
from bnreg.report.charts.table import CHARTS, charts_of, default_chart
from bnreg.report.finding import finding
from bnreg.report.page.figure import described
from bnreg.runs import read_run

COMMITTED = sorted((Path(__file__).parent.parent.parent / "runs").glob("**/run.json"))


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_says_what_was_found_also_to_those_who_cannot_see_it(name):
    view = suitable_view(name, dataset="mnist_5k", requested_dataset="mnist", lift=0.01)
    assert CHARTS[name].lacking(view) is None
    chart = CHARTS[name].draw(view)
    spec = chart.to_dict()  # checked against the schema of Vega-Lite
    found = finding(block_of(view))
    assert found.startswith("bn ")
    text = spec["title"]["text"]
    assert (text if isinstance(text, str) else " ".join(text)) == found
    assert spec["title"]["subtitle"][0] == "bn_vs_plain: mnist_5k (requested mnist)"
    assert spec["description"].startswith(f"{found}. ")
    assert len(spec["description"]) > len(found) + 20
    svg = render_chart(chart, "svg").decode()
    assert f"aria-label={quoteattr(spec['description'])}" in svg
    assert not re.search(r">[^<>]*-[0-9][^<>]*</text>", svg), "a minus is U+2212"


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize(("chart_format", "start"), [("png", b"\x89PNG"), ("html", b"<!DOCTYPE html>")])
def test_every_chart_is_drawn_in_every_format(name, chart_format, start):
    chart = CHARTS[name].draw(suitable_view(name, num_epochs=2))
    assert render_chart(chart, chart_format).lstrip().startswith(start)


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_survives_networks_that_diverged(name):
    view = suitable_view(name, diverged=(("bn", 0), ("plain", 1)))
    if CHARTS[name].lacking(view) is None:
        assert "diverged" in CHARTS[name].draw(view).to_dict()["description"]


@pytest.mark.parametrize("folder", COMMITTED, ids=lambda file: file.parent.name)
def test_every_chart_that_a_committed_run_can_have_is_drawn(folder):
    """What a run lacks is known before it is drawn, and one that lacks nothing is drawn and fits on a screen."""
    view = view_of_run(read_run(folder.parent))
    names = charts_of(view)
    assert "curves" in names
    assert default_chart(view) in names
    for name, chart in CHARTS.items():
        if name in names:
            assert described(chart.draw(view))["description"]
        else:
            assert re.fullmatch(r"[a-z][^.\n]+(\.names='\[\w+\]')?", chart.lacking(view)), name


LACKING = {
    "differences": (make_view(baseline=None), "no baseline is declared"),
    "forest": (make_view(), "no setting is swept"),
    "heat": (make_view(sweep={"optimizer.lr": [0.1, 1.0]}), "fewer than two settings are swept"),
    "looks": (make_view(), "all of its seeds were planned before the first look"),
    "saturation": (make_view(), "saturation was not watched; train with diagnostics.names='[saturation]'"),
}


@pytest.mark.parametrize("name", LACKING)
def test_what_a_run_lacks_for_a_chart_is_said(name):
    view, reason = LACKING[name]
    assert CHARTS[name].lacking(view) == reason


def test_too_few_seeds_have_no_interval_that_holds_at_every_look():
    assert CHARTS["looks"].lacking(make_view(num_seeds=6, looks=(3, 6))) == "fewer than 7 pairs of seeds"


def test_the_default_chart_is_the_one_that_fits():
    many = {"optimizer.lr": [number / 100 for number in range(1, 14)]}
    names = {"model.activation": [f"a{number}" for number in range(13)]}
    assert default_chart(make_view()) == "curves"
    assert default_chart(make_view(sweep=SWEEP, num_seeds=2)) == "curves"
    assert default_chart(make_view(sweep=SWEEP, num_seeds=2, num_epochs=1)) == "response"
    assert default_chart(make_view(sweep=many, num_seeds=2)) == "response"
    assert default_chart(make_view(sweep=names, num_seeds=2)) == "forest"
    assert default_chart(make_view(sweep=names, num_seeds=2, baseline=None)) == "curves"


def test_the_helps_are_short_and_distinct():
    helps = [chart.help for chart in CHARTS.values()]
    assert len({*helps}) == len(helps)
    assert all(0 < len(one) <= 70 and "\n" not in one for one in helps)


def test_an_arm_is_chosen_in_the_legend():
    """The others fade, in every panel."""
    spec = CHARTS["curves"].draw(make_view()).to_dict()
    assert [(one["name"], one["bind"]) for one in spec["params"]] == [("chosen", "legend")]
    for panel in spec["vconcat"][0]["hconcat"]:
        lines = [layer for layer in panel["layer"] if layer["mark"]["type"] == "line"]
        for line in lines:
            opacity = line["encoding"]["opacity"]
            assert opacity["condition"]["param"] == "chosen"
            assert opacity["value"] == opacity["condition"]["value"] / FADED


def luminance(color):
    """Relative luminance of WCAG 2, of a colour such as #0072B2."""
    shares = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("page", ["#ffffff", "#16181d"])
@pytest.mark.parametrize("color", PALETTE[:NUM_READABLE])
def test_the_first_colours_are_readable_on_a_white_and_on_a_dark_page(color, page):
    """WCAG 2.1 asks for a contrast of 3 between a graphic and what is beside it."""
    assert contrast(color, page) >= 3


def test_charts_are_vega_lite_of_the_version_that_draws_them():
    assert described(CHARTS["curves"].draw(make_view()))["$schema"] == alt.SCHEMA_URL
