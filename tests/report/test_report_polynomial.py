"""The picture of under- and overfitting, checked in its specification."""

import pandas as pd
import pytest

from bnreg.lecture.polynomial import DegreeErrors, study_polynomials
from bnreg.report.charts.drawing import render_chart
from bnreg.report.lecture.polynomial import polynomial_figure, polynomial_records


@pytest.fixture(scope="module")
def study():
    return study_polynomials(seed=0, num_train=20, noise=0.25)


def datasets(figure, layer):
    return pd.DataFrame(figure["datasets"][layer["data"]["name"]])


def marks(panel, kind):
    return [layer for layer in panel["layer"] if layer["mark"]["type"] == kind]


def drawn_curves(study, noise=0.25):
    return marks(polynomial_figure(study, 0, noise).to_dict()["hconcat"][0], "line")[0]["encoding"]


@pytest.mark.parametrize(
    ("best", "names"),
    [
        (6, ["degree 1: underfits", "degree 6: best on new samples", "degree 12: overfits"]),
        (1, ["degree 1: best on new samples", "degree 12: overfits"]),
        (12, ["degree 1: underfits", "degree 12: best on new samples"]),
    ],
)
def test_the_lowest_the_best_and_the_highest_degree_are_drawn_over_the_true_function(study, best, names):
    curves = drawn_curves(study._replace(best_degree=best))
    assert curves["color"]["scale"]["domain"] == ["sin 2πx", *names]


def test_the_curves_differ_in_colour_and_in_dashes(study):
    curves = drawn_curves(study)
    assert len(set(curves["color"]["scale"]["range"])) == 4
    assert len({tuple(dash) for dash in curves["strokeDash"]["scale"]["range"]}) == 4


def test_the_samples_and_the_errors_are_the_studys(study):
    figure = polynomial_figure(study, 0, 0.25).to_dict()
    left, right = figure["hconcat"]
    samples = datasets(figure, marks(left, "circle")[0])
    assert samples["x"].tolist() == pytest.approx(study.train.x, abs=1e-4)
    assert samples["y"].tolist() == pytest.approx(study.train.y, abs=1e-4)
    errors = datasets(figure, marks(right, "line")[0]).pivot_table(index="degree", columns="split", values="error")
    assert errors["train"].tolist() == pytest.approx([error.train_error for error in study.errors], rel=1e-4)
    assert errors["test"].tolist() == pytest.approx([error.test_error for error in study.errors], rel=1e-4)
    assert marks(right, "line")[0]["encoding"]["y"]["scale"]["type"] == "log"


def test_the_best_degree_and_the_noise_are_marked(study):
    svg = render_chart(polynomial_figure(study, 7, 0.25), "svg").decode()
    assert "best: degree 6" in svg
    assert "noise: 0.25" in svg
    assert "20 samples of sin 2πx with noise of standard deviation 0.25; seed 7" in svg


@pytest.mark.parametrize(("best", "side"), [(1, "left"), (6, "left"), (7, "right"), (12, "right")])
def test_the_best_degree_is_marked_inside_the_axes(study, best, side):
    """Its name is on the side with more room: at the last degree, it would otherwise lie outside the panel."""
    figure = polynomial_figure(study._replace(best_degree=best), 0, 0.25).to_dict()
    right = figure["hconcat"][1]
    rule, label = marks(right, "rule")[0], marks(right, "text")[0]
    low, high = rule["encoding"]["x"]["scale"]["domain"]
    assert low <= datasets(figure, rule)["degree"].item() == best <= high
    assert (label["mark"]["align"], label["mark"]["dx"] > 0) == (side, side == "left")


def test_without_noise_there_is_no_line_for_it(study):
    right = polynomial_figure(study, 0, 0).to_dict()["hconcat"][1]
    assert len(marks(right, "rule")) == 1


def test_an_error_of_zero_is_drawn_too(study):
    """Zero has no logarithm."""
    exact = study._replace(errors=[DegreeErrors(error.degree, 0.0, error.test_error) for error in study.errors])
    figure = polynomial_figure(exact, 0, 0.25)
    right = figure.to_dict()["hconcat"][1]
    assert datasets(figure.to_dict(), marks(right, "line")[0])["error"].min() > 0
    assert "NaN" not in render_chart(figure, "svg").decode()


def test_the_records_are_the_studys_errors(study):
    records = polynomial_records(study)
    assert records["best_degree"] == study.best_degree
    assert records["degrees"][3] == {
        "degree": 4,
        "train_error": study.errors[3].train_error,
        "test_error": study.errors[3].test_error,
    }
