"""A display within the output of a notebook's cell, replaced as it changes; rich's own needs widgets."""

import io
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console, RenderableType

SECONDS = 0.25  # between two refreshes
WIDTH = 100
_PAGE = '<pre style="margin: 0; line-height: 1.4; font-family: monospace">{code}</pre>'


class NotebookLive:
    """Shows what it is given until it is stopped, then nothing.

    Args:
        get_renderable: What to show now.
    """

    def __init__(self, get_renderable: Callable[[], RenderableType]) -> None:
        self._get_renderable = get_renderable
        self._due = 0.0
        self._place: Any = None

    def start(self) -> None:
        """Show it for the first time."""
        from IPython.display import HTML, display

        self._place = display(HTML(self._html()), display_id=True)

    def refresh(self) -> None:
        """Show what has changed, unless it was refreshed a moment ago."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + SECONDS
            self._put(self._html())

    def stop(self) -> None:
        """Remove it."""
        if self._place is not None:
            self._put("")

    def _put(self, content: str) -> None:
        from IPython.display import HTML

        self._place.update(HTML(content))

    def _html(self) -> str:
        console = Console(
            record=True, file=io.StringIO(), width=WIDTH, force_terminal=True, force_jupyter=False, highlight=False
        )
        console.print(self._get_renderable())
        return console.export_html(inline_styles=True, code_format=_PAGE)
