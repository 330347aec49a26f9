"""A chart as a page holds it: its words as text of the page, and its description in the colours of the page."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
from markupsafe import Markup

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


def figure(name: str, title: str, drawn: Mapping[str, alt.TopLevelMixin]) -> Figure:
    """A chart as a page holds it.

    Args:
        name: Its name in ``CHARTS``, or that of another one.
        title: What it shows.
        drawn: The chart; of several, by what they are drawn against, the first is shown at first.
    """
    descriptions = {key: described(chart) for key, chart in drawn.items()}
    first = next(iter(descriptions.values()))
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
            for key, one in descriptions.items()
        },
    )


def script_json(content: Any) -> Markup:
    """JSON that may stand in a script: nothing in it can end the script, or begin a comment."""
    return Markup(json.dumps(content, separators=(",", ":")).replace("<", "\\u003c"))


def described(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """The chart as Vega-Lite describes it, not checked against its schema, which takes longer than all the rest."""
    with alt.data_transformers.enable("default"), alt.data_transformers.disable_max_rows():
        return chart.to_dict(validate=False, context={"pre_transform": False})
