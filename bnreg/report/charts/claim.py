"""The tests of a claim: in each, the difference of every seed, their mean with its interval, and what would matter."""

from typing import Any

import altair as alt

from bnreg.claims.verdict import Decided, Tested
from bnreg.report.charts.style import GREY, PALETTE, themed
from bnreg.report.claims import effect_text
from bnreg.wording import as_written

HEIGHT = 34


def claim_chart(decided: Decided) -> alt.VConcatChart:
    """A row for each test of a claim.

    A factor's axis is logarithmic: its differences are those of logarithms.
    """
    rows = [_row(one) for one in decided.tested]
    notes = ["dots: seeds; bar: their mean with its 95 % interval; grey: less than what matters"]
    found = "; ".join(effect_text(one) for one in decided.tested)
    return themed(alt.vconcat(*rows, spacing=14), f"{decided.claim.id}: {decided.word}", notes).properties(
        description=f"{decided.claim.statement} {decided.word}: {found}."
    )


def test_label(tested: Tested) -> str:
    """``time_to: plain against bn``."""
    test = tested.test
    against = f" against {' or '.join(test.against)}" if test.against else ""
    return f"{test.name}: {' or '.join(test.arms)}{against}"


def _row(tested: Tested) -> alt.LayerChart:
    scale = 100.0 if tested.test.unit == "pp" else 1.0
    evidence, edge = tested.evidence, tested.test.smallest_effect * scale
    seeds = zip(evidence.pairs.seeds, evidence.pairs.differences, strict=True) if evidence.pairs else ()
    x = alt.X("x:Q", title=None, axis=alt.Axis(tickCount=6, **_labels(tested.test.unit)))
    shade = _layer({"x": -edge, "x2": edge}).mark_rect(color=GREY, opacity=0.18).encode(x=x, x2="x2:Q")
    zero = _layer({"x": 0}).mark_rule(color=GREY, strokeWidth=1.5).encode(x=x)
    dots = _layer(*({"x": round(value * scale, 6), "seed": seed} for seed, value in seeds)).mark_circle(
        size=34, opacity=0.45, color=PALETTE[0]
    )
    layers = [shade, zero, dots.encode(x=x, tooltip=["seed:N"])]
    if evidence.interval:
        low, high = (end * scale for end in evidence.interval)
        layers.append(_layer({"x": low, "x2": high}).mark_rule(strokeWidth=3, color=PALETTE[0]).encode(x=x, x2="x2:Q"))
    mean = _layer({"x": evidence.difference * scale}).mark_tick(thickness=3, size=18, color=PALETTE[0])
    options = ", ".join(f"{key}={as_written(value)}" for key, value in tested.test.options.items())
    below = [text for text in (options, effect_text(tested)) if text]
    heading = alt.TitleParams(test_label(tested), subtitle=below, anchor="start", fontSize=12)
    return alt.LayerChart(layer=[*layers, mean.encode(x=x)], width=420, height=HEIGHT, title=heading)


def _layer(*values: dict[str, float]) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=list(values)))


def _labels(unit: str) -> dict[str, Any]:
    """The labels of an axis: factors in place of their logarithms, or the number with its unit."""
    if unit == "x":
        return {"labelExpr": "format(pow(2, datum.value), '.2~g') + '×'"}
    return {"labelExpr": f"datum.label + ' {unit}'"} if unit else {}
