"""A page of its own: a template with the style, the script and the libraries that draw charts."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bnreg import __version__
from bnreg.report.page.libraries import libraries
from bnreg.report.page.summary import STYLE

FOLDER = Path(__file__).parent


def rendered(template: str, content: Mapping[str, Any]) -> bytes:
    """The page.

    Args:
        template: A file in this folder that extends ``frame.html``.
        content: What the template shows.

    Raises:
        RunError: If the libraries cannot be put together.
    """
    return (
        _environment()
        .get_template(template)
        .render(
            content,
            version=__version__,
            style=Markup(f"{STYLE}\n{(FOLDER / 'page.css').read_text(encoding='utf-8')}"),
            script=Markup((FOLDER / "page.js").read_text(encoding="utf-8")),
            libraries=Markup(libraries()),
        )
        .encode()
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
