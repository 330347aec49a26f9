"""From a chart's description to the content of its file. This is also the program of the process that draws charts.

It gets ready before it waits for the description: what draws takes most of a second for its first chart.
"""

import json
import sys
from collections.abc import Callable
from xml.sax.saxutils import quoteattr

import vl_convert

# The page includes the libraries, so it works offline.
PAGE = """\
<!DOCTYPE html>
<html>
<head>
<meta charset="UTF-8">
<style>
  #chart.vega-embed { width: 100%; display: flex; }
  #chart.vega-embed details, #chart.vega-embed details summary { position: relative; }
</style>
"""


def _html(description: str, version: str) -> bytes:
    safe = description.replace("<", "\\u003c")  # no name in it can end the script
    draw = f'vegaEmbed("#chart", {safe}, {{mode: "vega-lite"}}).catch(console.error);'
    libraries = vl_convert.javascript_bundle(vl_version=version)  # type: ignore[call-arg] # the snippet is optional
    head = f"{PAGE}<script>{libraries}</script>\n</head>\n"
    return f'{head}<body>\n<div id="chart"></div>\n<script>{draw}</script>\n</body>\n</html>\n'.encode()


def _png(description: str, version: str) -> bytes:
    return vl_convert.vegalite_to_png(description, vl_version=version, scale=2)


def _svg(description: str, version: str) -> bytes:
    drawn = vl_convert.vegalite_to_svg(description, vl_version=version)
    text = json.loads(description).get("description")
    return (drawn.replace("<svg ", f'<svg role="img" aria-label={quoteattr(text)} ', 1) if text else drawn).encode()


# Format of a file → function that draws: a Vega-Lite description as JSON, and the version of Vega-Lite → content.
RENDERERS: dict[str, Callable[[str, str], bytes]] = {"html": _html, "png": _png, "svg": _svg}


def _libraries(_description: str, version: str) -> bytes:
    return vl_convert.javascript_bundle(vl_version=version).encode()  # type: ignore[call-arg] # the snippet is optional


if __name__ == "__main__":
    if sys.argv[1] in RENDERERS:
        _svg('{"mark": "point"}', sys.argv[2])
    program = (RENDERERS | {"libraries": _libraries})[sys.argv[1]]
    sys.stdout.buffer.write(program(sys.stdin.buffer.read().decode(), sys.argv[2]))
