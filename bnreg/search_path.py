"""Where Python looks for modules: never in the current folder, where a file may have the name of any module.

This runs before the current folder is off the path, so it imports only what Python itself has loaded by then.
"""

import os
import sys

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH120, PTH100 # see above


def leave_current_folder() -> None:
    """Take the current folder off this process's path. If bnreg itself lies in it, it is searched last."""
    sys.path[:] = _without_current_folder(sys.path)
    if _is_current_folder(HOME):
        sys.path.append(HOME)


def environment_of_children() -> dict[str, str]:
    """The variables that keep the current folder off the path of Python processes that this one starts.

    Python puts it there for ``-c``, as multiprocessing starts its processes, and for empty parts of PYTHONPATH.
    """
    entries = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return {"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(_without_current_folder(entries))}


def _without_current_folder(entries: list[str]) -> list[str]:
    return [entry for entry in entries if not _is_current_folder(entry)]


def _is_current_folder(entry: str) -> bool:
    try:
        return not entry or os.path.samefile(entry, os.curdir)  # noqa: PTH121 # see above
    except OSError:  # there is no such folder
        return False
