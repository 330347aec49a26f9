"""The names of run folders: what they contain, and the runs that a typed name refers to."""

import glob
import os
import re
import secrets
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from bnreg.errors import UserError
from bnreg.runs.folder import MANIFEST
from bnreg.wording import natural_order, nearest

RUN, CONFIG, PAGE = "run.json", "config.yaml", "report.html"
UNFINISHED = ".unfinished"
MAX_SHOWN = 4
YEARS = range(1970, 3000)  # in which a run can begin; Windows has no local time for the moments outside
_STARTED = "%Y%m%dT%H%M%SZ"

_NAME = re.compile(r"(?P<experiment>.+)-(?P<started>\d{8}T\d{6}Z)-[0-9a-f]{6}(?:\.unfinished)?")
_HIDDEN = re.compile(r"\.(?P<name>.+?)(?:\.[0-9a-f]{6})?\.(?P<kind>partial|removed)")


def table_file(name: str) -> str:
    """The file in a run folder that holds a table: ``metrics`` → ``metrics.csv``."""
    return f"{name}.csv"


METRICS, SUMMARY, CORRECT = table_file("metrics"), table_file("summary"), "correct.safetensors"


def new_name(experiment: str) -> str:
    """A name for a run that begins now; names differ even within the same second."""
    return f"{experiment}-{datetime.now(UTC).strftime(_STARTED)}-{secrets.token_hex(3)}"


def unfinished_run(name: str) -> str | None:
    """The name of the run whose unfinished folder has this name; None for any other name."""
    return name.removesuffix(UNFINISHED) if name.endswith(UNFINISHED) and experiment_of(name) else None


def experiment_of(name: str) -> str | None:
    """The experiment in the name of a run folder; None for any other name."""
    found = _NAME.fullmatch(name)
    return found["experiment"] if found else None


def started_of(name: str) -> datetime | None:
    """When a run began, by its folder's name or the one that it has until it is complete."""
    found = _NAME.fullmatch(hidden_run(name) or name)
    try:
        moment = datetime.strptime(found["started"], _STARTED).replace(tzinfo=UTC) if found else None
    except ValueError:
        return None
    return moment if moment and moment.year in YEARS else None


def hidden_run(name: str, kind: str = "partial|removed") -> str | None:
    """The run whose hidden folder, used while it is written or removed, has this name; None for any other name.

    Args:
        name: The folder's name.
        kind: Restricts this to folders being written (``partial``) or removed (``removed``).
    """
    found = _HIDDEN.fullmatch(name)
    if found is None or found["kind"] not in kind.split("|") or experiment_of(found["name"]) is None:
        return None
    return found["name"]


def is_run(folder: Path) -> bool:
    """Whether a folder is a run, by its name or its contents; it may be damaged or unfinished."""
    if experiment_of(folder.name) or hidden_run(folder.name):
        return folder.is_dir()
    # Unlike Path.is_file, this returns False where permission is denied.
    return all(os.path.isfile(folder / name) for name in (MANIFEST, RUN))  # noqa: PTH113


def runs_named(argument: str, root: Path) -> list[Path]:
    """The run folders in the root that a name refers to.

    A name is looked up in this order: the full name of a folder, whether the run is finished or not; the name of an
    experiment, which means all of its runs; a prefix of one run's name. A pattern means the runs whose names it
    matches. Only its own full name refers to a hidden folder.

    Returns:
        The folders by name, so those of an experiment are in the order in which they began; empty without a match.

    Raises:
        UserError: If the names of several runs start with the argument.
    """
    if not argument or Path(argument).name != argument or not root.is_dir():
        return []
    paths = sorted(root.iterdir(), key=lambda path: natural_order(path.name))
    if glob.has_magic(argument):
        matches = [path for path in paths if fnmatchcase(path.name, argument)]
        return [path for path in matches if is_run(path) and not path.name.startswith(".")]
    folders = [path for path in paths if path.name.startswith(argument)]
    exact = [path for path in folders if path.name == argument and path.is_dir()]
    exact = exact or [path for path in folders if path.name == argument + UNFINISHED and path.is_dir()]
    experiments = [path for path in folders if experiment_of(path.name) == argument and path.is_dir()]
    if exact or experiments:
        return exact or experiments
    begun = [path for path in folders if is_run(path)]
    if len(begun) > 1:
        shown = ", ".join(path.name for path in begun[:MAX_SHOWN])
        more = f" and {len(begun) - MAX_SHOWN} more" if len(begun) > MAX_SHOWN else ""
        raise UserError(
            f"{argument}: ambiguous: {len(begun)} runs start with this: {shown}{more}; type more of the name"
        )
    return begun


def num_runs_in(folder: Path) -> int:
    """Number of runs directly in a folder that is not a run itself; 0 if it cannot be read."""
    try:
        return 0 if is_run(folder) else sum(is_run(path) for path in folder.iterdir())
    except OSError:
        return 0


def near_run(argument: str, root: Path) -> str | None:
    """The name of an experiment or a run in the root that the user may have meant."""
    names = [path.name for path in root.iterdir() if is_run(path)] if root.is_dir() else []
    return nearest(argument, list(dict.fromkeys([*filter(None, map(experiment_of, names)), *names])))
