"""Paths as users write them in a config, an option or the environment."""

import os
import re
from pathlib import Path

from bnreg.errors import UserError
from bnreg.wording import show

_VARIABLE = re.compile(r"\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


def expanded(text: str, place: str) -> Path:
    """The path that a text stands for: ``~`` is the home folder, ``$NAME`` and ``${NAME}`` are variables.

    Args:
        text: The path as written.
        place: Where it was written, to start a line about it.

    Raises:
        UserError: If a variable is not set, or nothing is known about the home folder.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2] or ""
        if found := os.environ.get(name):
            return found
        # An empty one would lead to the top of the file system: $NAME/data.
        reason = "is empty" if name in os.environ else "is not set"
        raise UserError(f"{place}: variable {show(name)} {reason}")

    try:
        return Path(_VARIABLE.sub(value, text)).expanduser()
    except RuntimeError:
        raise UserError(f"{place}: {show(text)}: home folder unknown; write the full path") from None
