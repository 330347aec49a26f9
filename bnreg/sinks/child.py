"""The program of a sink's process: it reads a run from stdin and writes a line about it to stdout."""

import json
import os
import pickle
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import shorten

MAX_REASON = 400  # characters
_CREDENTIALS = re.compile(r"//[^/@\s]*@")  # in an address


def main(name: str) -> None:
    """Send the run on stdin; write the line, and whether it is about a failure, as JSON to stdout."""
    from bnreg.sinks.table import SINKS

    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answer:
        os.dup2(2, 1)  # what a library prints is no part of the answer
        run, folder = pickle.load(sys.stdin.buffer)
        try:
            told, failed = SINKS[name].send(run, folder), False
        except Exception as error:
            told, failed = reason(error), True
        json.dump([told, failed], answer)


def reason(error: BaseException) -> str:
    """Why something failed, in a line: what the system said, where libraries wrapped it, else what the error says."""
    lines = str(error).splitlines()
    why = lines[0] if lines else type(error).__name__
    for cause in _causes(error):  # the last is the first that happened
        if isinstance(cause, TimeoutError):
            why = "no answer in time"
        elif isinstance(cause, OSError) and cause.strerror:
            why = f"{cause.strerror}: {cause.filename}" if cause.filename else cause.strerror
    shown = [shorten(why, MAX_REASON, placeholder="…"), *getattr(error, "__notes__", ())]
    return _CREDENTIALS.sub("//", " ".join(shown))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what led to it."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[2]))  # last, as ``search_path`` has it
    main(sys.argv[1])
