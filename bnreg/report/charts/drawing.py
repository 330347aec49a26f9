"""What all charts share: colours, fonts and file formats.

Altair draws a chart from one description, whether as a page or as a picture.
"""

import json
import os
from collections.abc import Callable, Sequence
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, TypeVar

import altair as alt

from bnreg.errors import UserError
from bnreg.wording import unknown

Figure = TypeVar("Figure", alt.VConcatChart, alt.HConcatChart, alt.ConcatChart)

# First Okabe & Ito's palette, which colour-blind readers can distinguish too; its yellow is last because it is pale on
# white. Then twelve more colours, all distinct, for the many arms of a survey.
PALETTE = [
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442"),
    *("#882255", "#808080", "#7A4A1E", "#7CB518", "#6A3DC8", "#E6194B", "#1B2A6B", "#8F8B2E"),
    *("#FF9DA7", "#1DE0D0", "#BFB5E8", "#0B4F3A"),
]


def arm_color(arms: Sequence[str]) -> alt.Color:
    """The colour of each arm and its legend, which lists all arms in the config's order.

    Args:
        arms: As in the column ``arm``: see ``told_apart``.
    """
    return alt.Color(
        "arm:N",
        sort=None,
        scale=alt.Scale(
            domain=list(arms), range=[*PALETTE, *map(_paler, PALETTE)] if len(arms) > len(PALETTE) else PALETTE
        ),
        legend=alt.Legend(
            symbolType="stroke",
            symbolOpacity=1,
            symbolStrokeWidth=4,
            symbolLimit=0,
            columns=-(-len(arms) // MAX_LEGEND_ROWS),
        ),
    )


def _paler(color: str) -> str:
    """The colour mixed with as much white, for arms beyond the palette."""
    return "#" + "".join(f"{(int(color[i : i + 2], 16) + 255) // 2:02X}" for i in (1, 3, 5))


# The style of each split, in every chart that shows it.
DASHES: dict[str, list[float]] = {"train": [5, 4], "validation": [1.5, 2.5], "test": [1, 0]}
SHAPES = {"train": "square", "validation": "triangle-up", "test": "circle"}

MAX_LEGEND_ROWS = 25  # longer legends have columns
FONT = "Helvetica, Arial, sans-serif"


def themed(figure: Figure, title: str, subtitle: Sequence[str]) -> Figure:
    """The figure with its heading, in the common style of all figures.

    Args:
        figure: Panels, not yet configured.
        title: What is drawn, in one line.
        subtitle: How to read it, one line each.
    """
    heading = alt.TitleParams(
        title, subtitle=list(subtitle), anchor="start", fontSize=17, subtitleFontSize=13, offset=14
    )
    config = alt.Config(
        font=FONT,
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(labelFontSize=12, titleFontSize=13, titleFontWeight="normal", gridColor="#e4e4e4"),
        axisY=alt.AxisConfig(titlePadding=10),
        legend=alt.LegendConfig(
            labelFontSize=13, titleFontSize=13, titleFontWeight="normal", labelLimit=0, symbolStrokeWidth=2
        ),
    )
    return figure.properties(title=heading, background="white", padding=16, config=config)


class _ScriptSafe(json.JSONEncoder):
    """JSON that is safe inside a page's script: no name in it can end the script."""

    def encode(self, o: Any) -> str:
        return super().encode(o).replace("<", "\\u003c")


def _html(chart: alt.TopLevelMixin) -> bytes:
    page = StringIO()
    # Inline: the page includes the libraries, so it works offline.
    chart.save(page, format="html", inline=True, json_kwds={"cls": _ScriptSafe})
    return page.getvalue().encode()


def _png(chart: alt.TopLevelMixin) -> bytes:
    picture = BytesIO()
    chart.save(picture, format="png", scale_factor=2)
    return picture.getvalue()


def _svg(chart: alt.TopLevelMixin) -> bytes:
    drawing = StringIO()
    chart.save(drawing, format="svg")
    return drawing.getvalue().encode()


CHART_FORMATS: dict[str, Callable[[alt.TopLevelMixin], bytes]] = {"html": _html, "png": _png, "svg": _svg}


def render_chart(chart: alt.TopLevelMixin, chart_format: str) -> bytes:
    """The content of a chart's file in one of the ``CHART_FORMATS``; an HTML page works offline."""
    return CHART_FORMATS[chart_format](chart)


def check_chart_path(path: Path) -> None:
    """Check that a chart can be written there, before computing anything for it.

    Raises:
        UserError: If the extension is not a known format, or the folder does not exist.
    """
    if path.suffix.lower().removeprefix(".") not in CHART_FORMATS:
        raise UserError(f"{path}: {unknown('chart format', path.suffix, [f'.{name}' for name in CHART_FORMATS])}")
    if not path.parent.is_dir():
        raise UserError(f"{path}: folder {path.parent} does not exist; create it first")


def save_chart(chart: alt.TopLevelMixin, path: Path) -> None:
    """Write a chart in the format that the path's extension names; the file appears complete or not at all.

    Raises:
        UserError: If the extension is not a known format, or the file cannot be written there.
    """
    check_chart_path(path)
    content = render_chart(chart, path.suffix.lower().removeprefix("."))
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)
