"""From a chart to its file.

Altair draws a chart from one description, whether as a page or as a picture.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import altair as alt

from bnreg.errors import RunError, UserError
from bnreg.report.charts import rendering
from bnreg.report.charts.rendering import RENDERERS
from bnreg.runs.folder import refuse_existing, write_file
from bnreg.search_path import environment_of_children
from bnreg.wording import ended, printable, unknown

OUTPUT = "--output"  # the option that names a chart's file in commands that have --force
MAX_SECONDS = 120  # for drawing a chart; the largest take a few
VEGA_LITE = "_".join(alt.SCHEMA_VERSION.split(".")[:2])  # its version
_ready: dict[str, subprocess.Popen[bytes]] = {}  # by format, processes that wait for a chart


def render_chart(chart: alt.TopLevelMixin, chart_format: str) -> bytes:
    """The content of a chart's file in one of the formats of ``RENDERERS``; an HTML page works offline.

    Raises:
        RunError: If it cannot be drawn.
    """
    return draw_in_a_process(json.dumps(described(chart)), chart_format)


def described(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """The chart as Vega-Lite describes it, not checked against its schema, which takes longer than all the rest."""
    with alt.data_transformers.enable("default"), alt.data_transformers.disable_max_rows():
        return chart.to_dict(validate=False, context={"pre_transform": False})


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


def check_chart_path(path: Path, *, option: str = OUTPUT, force: bool = False) -> None:
    """Check that a chart can be written there, before computing anything for it.

    Args:
        path: The file.
        option: The option that names it.
        force: Whether a file that is there is replaced.

    Raises:
        UserError: If the extension is not a known format, the folder does not exist, or the file does.
    """
    if path.suffix.lower().removeprefix(".") not in RENDERERS:
        raise UserError(f"{path}: {unknown('chart format', path.suffix, [f'.{name}' for name in RENDERERS])}")
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
