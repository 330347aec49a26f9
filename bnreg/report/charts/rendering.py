"""From a chart's description to the content of its file. This is also the program of the process that draws charts.

It gets ready before it waits for the description: what draws takes most of a second for its first chart.
"""

import json
import sys
from collections.abc import Callable
from xml.sax.saxutils import quoteattr

import vl_convert


def _png(description: str, version: str) -> bytes:
    return vl_convert.vegalite_to_png(description, vl_version=version, scale=2)


def _svg(description: str, version: str) -> bytes:
    drawn = vl_convert.vegalite_to_svg(description, vl_version=version)
    text = json.loads(description).get("description")
    return (drawn.replace("<svg ", f'<svg role="img" aria-label={quoteattr(text)} ', 1) if text else drawn).encode()


def _libraries(_description: str, version: str) -> bytes:
    return vl_convert.javascript_bundle(vl_version=version).encode()  # type: ignore[call-arg] # the snippet is optional


Program = Callable[[str, str], bytes]
# Format of a file → function that draws: a Vega-Lite description as JSON, and the version of Vega-Lite → content.
PICTURES: dict[str, Program] = {"png": _png, "svg": _svg}
# Also the JavaScript that draws in a page.
PROGRAMS: dict[str, Program] = PICTURES | {"libraries": _libraries}


if __name__ == "__main__":
    if sys.argv[1] in PICTURES:
        _svg('{"mark": "point"}', sys.argv[2])
    sys.stdout.buffer.write(PROGRAMS[sys.argv[1]](sys.stdin.buffer.read().decode(), sys.argv[2]))
