"""What all charts share: colours, fonts and file formats.

Altair draws a chart from one description, whether as a page or as a picture.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import altair as alt

from bnreg.analysis.run_view import RunView
from bnreg.config.key_paths import Point
from bnreg.errors import RunError, UserError
from bnreg.metrics import METRICS
from bnreg.report.charts import rendering
from bnreg.report.charts.rendering import RENDERERS
from bnreg.runs.folder import refuse_existing, write_file
from bnreg.search_path import environment_of_children
from bnreg.wording import counted, ended, point_label, printable, unknown

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
MAX_SECONDS = 120  # for drawing a chart; the largest take a few
VEGA_LITE = "_".join(alt.SCHEMA_VERSION.split(".")[:2])  # its version
_ready: dict[str, subprocess.Popen[bytes]] = {}  # by format, processes that wait for a chart

FONT = "Helvetica, Arial, sans-serif"


def row_of(panels: Iterable[alt.LayerChart | alt.FacetChart], point: Point, *, spacing: int) -> alt.HConcatChart:
    """Panels side by side, under the point of a sweep that they show, if there is one."""
    row = alt.hconcat(*panels, spacing=spacing)
    if point:
        row.title = alt.TitleParams(point_label(point), anchor="start", fontSize=14)
    return row


def measure_title(measure: str) -> str:
    """The title of an axis: a measure with its unit."""
    unit = METRICS[measure].unit
    return f"{measure}, {unit}" if unit else measure


def split_dash(scale: alt.Scale) -> alt.StrokeDash:
    """The line of each split, and its legend."""
    return alt.StrokeDash("split:N", scale=scale, legend=alt.Legend(symbolSize=350))


def reading_notes(view: RunView, band: str, *, diverged: str) -> list[str]:
    """How to read a chart: over how many seeds its lines are averaged, and what becomes of diverged networks.

    Args:
        view: The run.
        band: What the band is, after the number of seeds, if there are several.
        diverged: What the chart does with diverged networks.
    """
    notes = ["one seed"] if view.num_seeds == 1 else [f"mean of {view.num_seeds} seeds{band}"]
    num_diverged = view.summary["status"].count("diverged")
    return [*notes, *([f"{counted(num_diverged, 'diverged replica')}: {diverged}"] if num_diverged else [])]


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


def render_chart(chart: alt.TopLevelMixin, chart_format: str) -> bytes:
    """The content of a chart's file in one of the formats of ``RENDERERS``; an HTML page works offline.

    Raises:
        RunError: If it cannot be drawn.
    """
    with alt.data_transformers.enable("default"), alt.data_transformers.disable_max_rows():
        description = json.dumps(chart.to_dict(context={"pre_transform": False}))
    return draw_in_a_process(description, chart_format)


@contextmanager
def ready_to_draw(chart_format: str) -> Iterator[None]:
    """Within this block, a process waits that draws the next chart in this format; it is ready in most of a second."""
    with suppress(OSError):  # it is tried again, and fails, when there is something to draw
        _ready[chart_format] = _start(chart_format)
    try:
        yield
    finally:
        if process := _ready.pop(chart_format, None):
            process.kill()
            process.communicate()


def _start(chart_format: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", rendering.__file__, chart_format, VEGA_LITE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | environment_of_children(),
    )


def draw_in_a_process(description: str, chart_format: str) -> bytes:
    """Draw in another process, because without enough memory the drawing engine kills the process that it runs in."""
    process = _ready.pop(chart_format, None)
    if process is not None and process.poll() is not None:  # it was killed while it waited
        process.communicate()
        process = None
    with process or _start(chart_format) as process:
        try:
            content, errors = process.communicate(description.encode(), timeout=MAX_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise RunError(f"drawing a chart took more than {MAX_SECONDS} seconds") from error
        finally:
            process.kill()
    if not process.returncode:
        return content
    reason = "; the usual cause is a limit on memory, such as `ulimit -v`"
    if process.returncode > 0:
        lines = errors.decode(errors="replace").splitlines()
        reason = f": {printable(lines[-1])}" if lines else ""
    raise RunError(f"the process that draws charts {ended(process.returncode)}{reason}")


def check_chart_path(path: Path) -> None:
    """Check that a chart can be written there, before computing anything for it.

    Raises:
        UserError: If the extension is not a known format, the folder does not exist, or the file does.
    """
    if path.suffix.lower().removeprefix(".") not in RENDERERS:
        raise UserError(f"{path}: {unknown('chart format', path.suffix, [f'.{name}' for name in RENDERERS])}")
    if not path.parent.is_dir():
        raise UserError(f"{path}: folder {path.parent} does not exist; create it first")
    refuse_existing(path, "--output")


def save_chart(chart: alt.TopLevelMixin, path: Path, *, option: str = "--output") -> None:
    """Write a chart in the format that the path's extension names, into a new file.

    Args:
        chart: The chart.
        path: The new file.
        option: The option that names it.

    Raises:
        UserError: As ``check_chart_path``, or if the file cannot be written there.
    """
    check_chart_path(path)
    write_file(path, render_chart(chart, path.suffix.lower().removeprefix(".")), option=option)
