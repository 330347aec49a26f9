"""Call commands in this process, for faults that do not need a separate process."""

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from torture import FOLDER

sys.path.append(str(FOLDER.parent))


@dataclass
class Done:
    """The result of a command: its exit code and output."""

    code: int
    out: str
    err: str


def bnreg(*arguments: object) -> Done:
    """Call the command line."""
    from bnreg.cli import main

    out, err = io.StringIO(), io.StringIO()
    before, code = sys.argv, 0
    sys.argv = ["bnreg", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        sys.argv = before
    return Done(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def empty_folder() -> Iterator[Path]:
    """Run this block in a new, empty folder."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            os.chdir(before)
