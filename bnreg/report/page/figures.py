"""Charts as a page holds them: their words as text of the page, and their description in the colours of the page."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
from markupsafe import Markup

from bnreg.analysis.charts.clocks import by_clock, clocks
from bnreg.analysis.run_view import RunView
from bnreg.report.charts.table import CHARTS, charts_of

# The charts that answer a question, the most telling first.
MAIN_CHARTS = ("response", "heat", "distributions", "differences", "curves")
# What a chart has of a picture's own, and a page replaces: its heading is text, its colours follow light and dark.
_OF_A_PICTURE = ("$schema", "config", "background", "padding", "title", "usermeta")


@dataclass(frozen=True)
class Figure:
    """A chart in a page.

    Attributes:
        name: Its name in ``CHARTS``.
        title: What it shows.
        finding: What was found.
        notes: How to read it.
        alt: The same in words, for those who do not see it.
        descriptions: What Vega-Lite draws, as JSON that may stand in a script; of several, by what they are drawn
            against, one is shown.
    """

    name: str
    title: str
    finding: str
    notes: tuple[str, ...]
    alt: str
    descriptions: Mapping[str, Markup]


def figures(view: RunView) -> list[Figure]:
    """The charts that a run can have."""
    return [_figure_of(name, view) for name in charts_of(view)]


def main_figure(view: RunView) -> Figure | None:
    """The chart that says most about a run, None if it can have none of them."""
    possible = charts_of(view)
    name = next((name for name in MAIN_CHARTS if name in possible), None)
    return _figure_of(name, view) if name else None


def _figure_of(name: str, view: RunView) -> Figure:
    chart = CHARTS[name]
    views = [by_clock(view, clock) for clock in clocks(view)] if name == "curves" else [view]
    drawn = {one.clock: chart.draw(one) for one in views}
    return figure(name, f"{chart.help[0].upper()}{chart.help[1:]}", drawn)


def figure(name: str, title: str, drawn: Mapping[str, alt.TopLevelMixin]) -> Figure:
    """A chart as a page holds it.

    Args:
        name: Its name in ``CHARTS``, or that of another one.
        title: What it shows.
        drawn: The chart; of several, by what they are drawn against, the first is shown at first.
    """
    with alt.data_transformers.enable("default"), alt.data_transformers.disable_max_rows():
        described = {key: chart.to_dict(context={"pre_transform": False}) for key, chart in drawn.items()}
    first = next(iter(described.values()))
    heading = first.get("title") or {}
    text = heading.get("text", name)
    finding = text if isinstance(text, str) else " ".join(text)
    return Figure(
        name=name,
        title=title,
        finding=finding,
        notes=tuple(heading.get("subtitle", ())),
        alt=str(first.get("description", finding)),
        descriptions={
            key: script_json({name: part for name, part in one.items() if name not in _OF_A_PICTURE})
            for key, one in described.items()
        },
    )


def script_json(content: Any) -> Markup:
    """JSON that may stand in a script: nothing in it can end the script, or begin a comment."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))
