"""Under- and overfitting on polynomials, as a figure, as a table and as plain data."""

from typing import Any

import altair as alt
import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from bnreg.lecture.polynomial import DEGREES, PolynomialStudy, curve, true_function
from bnreg.report.charts.style import DASHES, PALETTE, SHAPES, themed

WIDTH, HEIGHT = 380, 280
TRUE = "sin 2πx"
GUIDE = "#777777"
LEGEND = alt.Legend(orient="top", symbolSize=350, columns=2)

# The left panel's margin beyond the samples and the true function; a fit that swings farther is cut off.
MARGIN = 0.5

# An error this small is rounding. Smaller errors are drawn here, because zero has no logarithm.
SMALLEST = 1e-16


def polynomial_figure(study: PolynomialStudy, seed: int, noise: float) -> alt.HConcatChart:
    """The lecture's picture: a few fits over the samples, and the errors by degree beside them.

    Args:
        study: What to draw.
        seed: The samples' seed, for the heading.
        noise: Standard deviation of the samples' noise: a fit's error on new samples can only be smaller by luck.
    """
    panels = alt.hconcat(_fits(study), _errors(study, noise), spacing=40)
    figure: alt.HConcatChart = panels.resolve_scale(color="independent", strokeDash="independent", shape="independent")
    notes = [f"{len(study.train.x)} samples of {TRUE} with noise of standard deviation {noise:g}; seed {seed}"]
    return themed(figure, "Under- and overfitting: polynomials of degrees 1 to 12", notes)


def _fits(study: PolynomialStudy) -> alt.LayerChart | alt.FacetChart:
    """The fits of the lowest, the best and the highest degree over the samples, and the true function."""
    curves = {TRUE: curve(true_function)}
    for degree in study.drawn_degrees:
        curves[_fit_label(degree, study.best_degree)] = curve(study.fits[degree])
    frame = pd.concat(pd.DataFrame({"curve": name, **one._asdict()}) for name, one in curves.items()).round(4)
    samples = pd.DataFrame(study.train._asdict()).round(4)

    names = list(curves)
    colors = [PALETTE[6], *PALETTE[: len(names) - 1]]
    dashes: list[list[float]] = [[1.5, 2.5], [7, 3], [1, 0], [3, 2]]
    y_scale = alt.Scale(domain=[min(-1, samples["y"].min()) - MARGIN, max(1, samples["y"].max()) + MARGIN], nice=False)
    at = {"x": alt.X("x:Q", title="x"), "y": alt.Y("y:Q", title="y", scale=y_scale)}
    lines = (
        alt.Chart(frame)
        .mark_line(strokeWidth=2, clip=True)
        .encode(
            **at,
            color=alt.Color("curve:N", title=None, legend=LEGEND, scale=alt.Scale(domain=names, range=colors)),
            strokeDash=alt.StrokeDash(
                "curve:N", title=None, legend=LEGEND, scale=alt.Scale(domain=names, range=dashes)
            ),
        )
    )
    marks = alt.Chart(samples).mark_circle(size=45, color="#555555", opacity=0.8).encode(**at)
    return alt.layer(marks, lines).properties(width=WIDTH, height=HEIGHT)


def _fit_label(degree: int, best_degree: int) -> str:
    if degree == best_degree:
        return f"degree {degree}: best on new samples"
    return f"degree {degree}: {'underfits' if degree < best_degree else 'overfits'}"


def _errors(study: PolynomialStudy, noise: float) -> alt.LayerChart | alt.FacetChart:
    """Train and test error by degree, with the best degree and the noise as marks to read them by."""
    errors = pd.DataFrame(study.errors).melt("degree", var_name="split", value_name="error")
    errors["split"] = errors["split"].str.removesuffix("_error")
    errors["error"] = errors["error"].clip(lower=SMALLEST).map(lambda error: float(f"{error:.5g}"))
    splits = ["train", "test"]
    dashes, shapes = [DASHES[split] for split in splits], [SHAPES[split] for split in splits]
    legend = alt.Legend(orient="top", symbolSize=80, symbolStrokeWidth=0)
    color = alt.Color("split:N", title=None, legend=legend, scale=alt.Scale(domain=splits, range=PALETTE[:2]))
    shape = alt.Shape("split:N", title=None, legend=legend, scale=alt.Scale(domain=splits, range=shapes))
    dash = alt.StrokeDash("split:N", legend=None, scale=alt.Scale(domain=splits, range=dashes))

    x = alt.X(
        "degree:Q",
        axis=alt.Axis(values=list(DEGREES), format="d", grid=False),
        scale=alt.Scale(domain=[DEGREES[0], DEGREES[-1]], nice=False, padding=10),
    )
    y = alt.Y(
        "error:Q",
        title="root-mean-square error",
        axis=alt.Axis(format="~g", tickCount=6),
        scale=alt.Scale(type="log", domain=[errors["error"].min() / 1.3, errors["error"].max() * 1.3], nice=False),
    )
    chart = alt.Chart(errors).encode(x=x, y=y)
    lines = chart.mark_line(strokeWidth=2).encode(color=color, strokeDash=dash)
    marks = chart.mark_point(filled=True, opacity=1, size=45).encode(color=color, shape=shape)
    guides = _guides(study.best_degree, noise, x, y)
    return alt.layer(*guides, lines, marks).properties(width=WIDTH, height=HEIGHT)


def _guides(best_degree: int, noise: float, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """A labelled line at the best degree and, if there is noise, one at the size of the noise."""
    best = alt.Chart(pd.DataFrame({"degree": [best_degree], "label": [f"best: degree {best_degree}"]}))
    label = best.mark_text(align="left", dx=5, baseline="top", fontSize=12)
    if best_degree > DEGREES[-1] / 2:  # there is more room on the other side
        label = best.mark_text(align="right", dx=-5, baseline="top", fontSize=12)
    guides = [
        best.mark_rule(color=GUIDE, strokeDash=[2, 2]).encode(x=x),
        label.encode(x=x, y=alt.value(4), text="label:N"),
    ]
    if noise:
        floor = alt.Chart(pd.DataFrame({"error": [noise], "label": [f"noise: {noise:g}"]}))
        label = floor.mark_text(align="right", baseline="bottom", dy=-3, fontSize=12, clip=True)
        guides += [
            floor.mark_rule(color=GUIDE, clip=True).encode(y=y),
            label.encode(x=alt.value(WIDTH - 2), y=y, text="label:N"),
        ]
    return guides


def polynomial_table(study: PolynomialStudy) -> Table:
    """Train and test error of each degree, for the terminal."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for header in ("degree", "train error", "test error"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("")
    for degree, train_error, test_error in study.errors:
        remark = "best on new samples" if degree == study.best_degree else ""
        table.add_row(*map(Text, (str(degree), f"{train_error:#.3g}", f"{test_error:#.3g}", remark)))
    return table


def polynomial_records(study: PolynomialStudy) -> dict[str, Any]:
    """The table as plain data for JSON."""
    return {"best_degree": study.best_degree, "degrees": [error._asdict() for error in study.errors]}
