"""The process that draws: without enough memory the drawing engine kills the process that it runs in."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import altair as alt

from bnreg.errors import RunError
from bnreg.report.charts import rendering
from bnreg.search_path import environment_of_children
from bnreg.wording import ended, printable

MAX_SECONDS = 120  # for drawing a chart; the largest take a few
VEGA_LITE = "_".join(alt.SCHEMA_VERSION.split(".")[:2])  # its version
_ready: dict[str, subprocess.Popen[bytes]] = {}  # by format, processes that wait for a chart


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


def draw_in_a_process(description: str, program: str) -> bytes:
    """The answer of one of ``rendering.PROGRAMS`` to a chart's description as JSON.

    Raises:
        RunError: If its process ends without one.
    """
    process = _ready.pop(program, None)
    if process is not None and process.poll() is not None:  # it was killed while it waited
        process.communicate()
        process = None
    with process or _start(program) as process:
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
