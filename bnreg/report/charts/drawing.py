"""From a chart to its file.

Altair draws a chart from one description, whether as a page or as a picture.
"""

import json
from pathlib import Path

import altair as alt

from bnreg.errors import UserError
from bnreg.report.charts import process
from bnreg.report.charts.rendering import PICTURES
from bnreg.report.page.chart import chart_page
from bnreg.report.page.figure import described
from bnreg.runs.folder import refuse_existing, write_file
from bnreg.wording import unknown

OUTPUT = "--output"  # the option that names a chart's file in commands that have --force
FORMATS = ("html", *PICTURES)


def render_chart(chart: alt.TopLevelMixin, chart_format: str) -> bytes:
    """The content of a chart's file in one of ``FORMATS``; an HTML page works offline.

    Raises:
        RunError: If it cannot be drawn.
    """
    if chart_format == "html":
        return chart_page(chart)
    return process.draw_in_a_process(json.dumps(described(chart)), chart_format)


def check_chart_path(path: Path, *, option: str = OUTPUT, force: bool = False) -> None:
    """Check that a chart can be written there, before computing anything for it.

    Args:
        path: The file.
        option: The option that names it.
        force: Whether a file that is there is replaced.

    Raises:
        UserError: If the extension is not a known format, the folder does not exist, or the file does.
    """
    if path.suffix.lower().removeprefix(".") not in FORMATS:
        raise UserError(f"{path}: {unknown('chart format', path.suffix, [f'.{name}' for name in FORMATS])}")
    if not path.parent.is_dir():
        raise UserError(f"{path}: folder {path.parent} does not exist; create it first")
    may_replace = option == OUTPUT and not force
    refuse_existing(path, f"{option}, or replace it with --force" if may_replace else option, force=force)


def save_chart(chart: alt.TopLevelMixin, path: Path, *, option: str = OUTPUT, force: bool = False) -> None:
    """Write a chart in the format that the path's extension names.

    Args:
        chart: The chart.
        path: The file.
        option: The option that names it.
        force: Whether a file that is there is replaced.

    Raises:
        UserError: As ``check_chart_path``, or if the file cannot be written there.
    """
    check_chart_path(path, option=option, force=force)
    write_file(path, render_chart(chart, path.suffix.lower().removeprefix(".")), option=option, force=force)
