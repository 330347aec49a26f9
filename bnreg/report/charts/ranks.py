"""The critical difference diagram: arms by their average rank, and bars through those that are not told apart."""

from typing import Any, Literal

import altair as alt

from bnreg.foreign.judging import Judgement
from bnreg.report.charts.style import themed
from bnreg.report.comparison.numbers import number, p_text
from bnreg.wording import counted, told_apart

_STEP = 0.6  # between two arms' lines, where the axis is at 0 and downwards is negative
_BAR_STEP = 0.3
_ROOM = 0.35  # beside the axis for names, as a share of its length
_PIXELS = 55


def rank_diagram(judgement: Judgement) -> alt.VConcatChart:
    """Demšar's diagram of a judgement that has a ranking.

    References:
        Demšar, Statistical Comparisons of Classifiers over Multiple Data Sets, Journal of Machine Learning Research 7
        (2006), figure 1
    """
    ranking = judgement.ranking
    assert ranking is not None
    order = sorted(range(len(ranking.ranks)), key=ranking.ranks.__getitem__)
    names = told_apart(judgement.ranked)
    last = len(order)
    room = _ROOM * (last - 1)
    top = -_BAR_STEP * (len(ranking.cliques) + 1)
    left = (last + 1) // 2
    lines: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    for place, arm in enumerate(order):
        is_left = place < left
        y = top - _STEP * (place if is_left else last - 1 - place)
        edge = 1 - room / 8 if is_left else last + room / 8
        rank = ranking.ranks[arm]
        corners = ((rank, 0.0), (rank, y), (edge, y))
        lines += [{"x": x, "y": y_, "of": names[arm], "at": at} for at, (x, y_) in enumerate(corners)]
        labels.append({"x": edge, "y": y, "text": f"{names[arm]} {number(rank, 2)}", "left": is_left})
    bars = [
        {"x": ranking.ranks[clique[0]], "x2": ranking.ranks[clique[-1]], "y": -_BAR_STEP * (level + 1)}
        for level, clique in enumerate(ranking.cliques)
    ]
    critical = [{"x": 1, "x2": 1 + ranking.critical_difference, "y": 1.0}]
    ticks = [{"x": rank, "y": 0.0, "text": str(rank)} for rank in range(1, last + 1)]
    low = min(label["y"] for label in labels) - _STEP

    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[1 - room, last + room], nice=False))
    y_axis = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[low, 1.6], nice=False))

    def drawn(rows: list[dict[str, Any]]) -> alt.Chart:
        return alt.Chart(alt.InlineData(values=rows)).encode(x, y_axis)

    def text(
        rows: list[dict[str, Any]], align: Literal["left", "center", "right"], dx: int = 0, dy: int = 0
    ) -> alt.Chart:
        chart: alt.Chart = drawn(rows).mark_text(align=align, fontSize=13, dx=dx, dy=dy).encode(text="text:N")
        return chart

    layers = [
        drawn([{"x": 1, "x2": last, "y": 0.0}]).mark_rule(strokeWidth=1.5).encode(x2="x2:Q"),
        drawn(ticks).mark_tick(orient="vertical", size=8, color="black"),
        text(ticks, "center", dy=-12),
        drawn(lines).mark_line(color="black", strokeWidth=1).encode(detail="of:N", order="at:O"),
        text([one for one in labels if one["left"]], "right", dx=-5),
        text([one for one in labels if not one["left"]], "left", dx=5),
        drawn(bars).mark_rule(strokeWidth=5, color="#0072B2").encode(x2="x2:Q"),
        drawn(critical).mark_rule(strokeWidth=2).encode(x2="x2:Q"),
        text(
            [{"x": 1, "y": 1.0, "text": f"critical difference {number(ranking.critical_difference, 2)}"}], "left", dy=-9
        ),
    ]
    figure = alt.vconcat(alt.layer(*layers).properties(width=640, height=_PIXELS * (1.6 - low)))
    title = f"Average ranks by {judgement.columns.metric}, 1 is best"
    notes = [
        f"over {counted(ranking.num_data_sets, 'data set')}; Friedman's test: p {p_text(ranking.p_value)}",
        "bars join arms that Nemenyi's test does not tell apart at 5 %",
    ]
    return themed(figure, title, notes)
