"""The panels of the activation functions, checked in the chart's specification, and the table."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from bnreg.lecture.activations import ActivationView, activation_views
from bnreg.report.charts.style import PALETTE
from bnreg.report.lecture.activations import (
    activation_figure,
    activation_note,
    activation_records,
    activation_table,
    saturation_text,
)

INFINITY = math.inf
EVERYWHERE = [(-INFINITY, INFINITY)]
BOTH_SIDES = [(-INFINITY, -4.3565), (4.3565, INFINITY)]


def make_view(name="sigmoid", regions=BOTH_SIDES, values=None, **about):
    z = np.linspace(-6, 6, 25)
    function = 1 / (1 + np.exp(-z)) if values is None else values(z)
    return ActivationView(name, z, function, np.gradient(function, z), 0.25, regions, **about)


def panels(*views):
    return activation_figure(views).to_dict()["concat"]


def data_of(layer, views):
    return pd.DataFrame(activation_figure(views).to_dict()["datasets"][layer["data"]["name"]])


def test_each_function_has_a_panel_with_its_name():
    views = [make_view("first"), make_view("second"), make_view("third")]
    assert [panel["title"]["text"] for panel in panels(*views)] == ["first", "second", "third"]


def test_function_and_derivative_differ_in_colour_and_in_dashes():
    line = panels(make_view())[0]["layer"][1]["encoding"]
    names = ["function τ(z)", "derivative τ′(z)"]
    assert line["color"]["scale"] == {"domain": names, "range": PALETTE[:2]}
    assert line["strokeDash"]["scale"] == {"domain": names, "range": [[1, 0], [5, 3]]}


def test_the_lines_are_the_values_and_the_slopes():
    view = make_view()
    drawn = data_of(panels(view)[0]["layer"][1], [view])
    for name, expected in (("function τ(z)", view.values), ("derivative τ′(z)", view.slopes)):
        curve = drawn[drawn["curve"] == name]
        assert curve["z"].tolist() == pytest.approx(view.z)
        assert curve["y"].tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("regions", "bands"),
    [(BOTH_SIDES, [(-6, -4.3565), (4.3565, 6)]), (EVERYWHERE, [(-6, 6)]), ([(-INFINITY, 0.0)], [(-6, 0)]), ([], [])],
)
def test_saturation_is_shaded_up_to_the_panels_edge(regions, bands):
    view = make_view(regions=regions)
    rows = data_of(panels(view)[0]["layer"][0], [view])
    assert [(row["low"], row["high"]) for _, row in rows.iterrows()] == bands


def test_unbounded_functions_are_cut_so_that_their_bend_stays_visible():
    bounded, unbounded = panels(make_view(), make_view(values=lambda z: z))
    low, high = (unbounded["layer"][1]["encoding"]["y"]["scale"]["domain"][end] for end in (0, 1))
    assert (low, high) == (-2, 3)
    assert bounded["layer"][1]["encoding"]["y"]["scale"]["domain"] == pytest.approx([0, 1], abs=0.01)
    assert unbounded["layer"][1]["mark"]["clip"] is True


def test_a_panel_says_where_the_function_saturates_or_what_the_curves_do_not_show():
    titles = [panel["title"]["subtitle"] for panel in panels(make_view(), make_view(learnt_slope=0.25))]
    assert titles == ["saturates: |z| > 4.36", "α learnt, starts at 0.25"]


@pytest.mark.parametrize(
    ("regions", "text"),
    [
        ([], "nowhere"),
        (EVERYWHERE, "everywhere"),
        (BOTH_SIDES, "|z| > 4.36"),
        ([(-INFINITY, 0.0)], "z < 0"),
        ([(-INFINITY, -2.944)], "z < -2.94"),
        ([(1.5, INFINITY)], "z > 1.50"),
        ([(-INFINITY, -1.0), (2.0, INFINITY)], "z < -1.00 or z > 2.00"),
    ],
)
def test_regions_in_words(regions, text):
    assert saturation_text(regions) == text


def test_only_functions_that_need_a_note_have_one():
    notes = {view.name: activation_note(view) for view in activation_views()}
    assert {name: note for name, note in notes.items() if note} == {
        "step": "drawn only: no gradient to train with",
        "prelu": "α learnt, starts at 0.25",
    }


def test_the_table_fits_a_terminal():
    """The longest name and the longest note fit in 80 columns without being cut or wrapped."""
    view = make_view("leaky_relu", EVERYWHERE, trainable=False)
    console = Console(width=80)
    with console.capture() as capture:
        console.print(activation_table([view]))
    (row,) = [line for line in capture.get().splitlines() if "leaky" in line]
    assert " ".join(row.split()) == "leaky_relu everywhere 0.25 drawn only: no gradient to train with"


def test_the_records_are_json_with_null_for_an_unbounded_end():
    first, second = json.loads(
        json.dumps(activation_records([make_view(), make_view("x", [], learnt_slope=0.5)]), allow_nan=False)
    )
    assert first == {
        "name": "sigmoid",
        "saturated": [[None, -4.3565], [4.3565, None]],
        "largest_slope": 0.25,
        "note": None,
    }
    assert (second["saturated"], second["note"]) == ([], "α learnt, starts at 0.5")
