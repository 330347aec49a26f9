"""The names of run folders: what they contain, and the runs that a typed name refers to."""

import glob
import os
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from bnreg.errors import UserError
from bnreg.names import NAME
from bnreg.runs import disk
from bnreg.runs.folder import MANIFEST
from bnreg.runs.strict_json import parse_json
from bnreg.wording import did_you_mean, natural_order, nearest, printable

RUN, CONFIG, PAGE = "run.json", "config.yaml", "report.html"
UNFINISHED = ".unfinished"
LATEST = "latest"
MARKS = ".marks"  # the folder of tags and notes, among the runs
MAX_SHOWN = 4
YEARS = range(1970, 3000)  # in which a run can begin; Windows has no local time for the moments outside
_STARTED = "%Y%m%dT%H%M%SZ"

MAX_RUN_BYTES = 64 << 20

_NAME = re.compile(r"(?P<experiment>.+)-(?P<started>\d{8}T\d{6}Z)-[0-9a-f]{6}(?:\.unfinished)?")
_HIDDEN = re.compile(r"\.(?P<name>.+?)(?:\.[0-9a-f]{6})?\.(?P<kind>partial|removed)")
_LATEST = re.compile(rf"{LATEST}(?::(?P<experiment>[^~]+))?(?:~(?P<back>[0-9]{{1,6}}))?")


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


def recorded_id(folder: Path) -> str:
    """The id of a run, which it keeps when its folder is renamed; if nothing there says it, the folder's name.

    Nothing is verified, so it may only be used to find something about the run.
    """
    name = folder.absolute().name
    if run := unfinished_run(name) or hidden_run(name):
        return run
    try:
        found = parse_json(disk.read(folder / RUN, MAX_RUN_BYTES))["id"]
        is_id = isinstance(found, str) and NAME.fullmatch(experiment_of(found) or "") and not unfinished_run(found)
    except (OSError, ValueError, LookupError, TypeError):
        return name
    return found if is_id else name


def newest_first(folders: Sequence[Path]) -> list[Path]:
    """Runs by their start and their names; those of which nobody knows when they began are last."""

    def began(folder: Path) -> tuple[str, tuple[int, object, str]]:
        return str(started_of(_first_name(folder)) or ""), natural_order(folder.name)

    return sorted(folders, key=began, reverse=True)


def _first_name(folder: Path) -> str:
    """The name with which a run began, which is read only if its folder has been renamed."""
    return folder.name if experiment_of(folder.name) else recorded_id(folder)


def named(folders: Sequence[Path]) -> str:
    """The names of several runs, newest first, at most ``MAX_SHOWN``; that of an unfinished run as it will be."""
    names = [unfinished_run(path.name) or path.name for path in newest_first(folders)]
    more = f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
    return ", ".join(map(printable, names[:MAX_SHOWN])) + more


def is_latest(argument: str) -> bool:
    """Whether an argument has the form ``latest``, ``latest~N`` or ``latest:EXPERIMENT``."""
    return _LATEST.fullmatch(argument) is not None


def latest_of(argument: str, folders: Sequence[Path], what: str) -> Path:
    """The run among some that ``latest`` means.

    Args:
        argument: ``latest``, perhaps with the name of an experiment after a colon; ``~N`` at its end goes back N runs.
        folders: The runs.
        what: What they are: ``complete run``.

    Raises:
        UserError: If there are not so many.
    """
    found = _LATEST.fullmatch(argument)
    assert found
    hint = ""
    if experiment := found["experiment"]:
        experiments = {folder: experiment_of(_first_name(folder)) or "" for folder in folders}
        folders = [folder for folder in folders if experiments[folder] == experiment]
        hint = "" if folders else did_you_mean(experiment, [*filter(None, experiments.values())])
        what += f" of {printable(experiment)}"
    if (back := int(found["back"] or 0)) < len(folders):
        return newest_first(folders)[back]
    there_are = f"there is only {len(folders)}" if len(folders) == 1 else f"there are only {len(folders)}"
    reason = f"{there_are}: {named(folders)}" if folders else f"there is none{hint}"
    raise UserError(f"{printable(argument)}: no such {what}; {reason}")


def complete_runs(root: Path) -> list[Path]:
    """The runs in a folder that are complete, by the files that are there; nothing is read, and any may be damaged."""
    if not root.is_dir():
        return []
    visible = [path for path in root.iterdir() if not path.name.startswith(".") and not unfinished_run(path.name)]
    return [path for path in visible if is_run(path) and os.path.isfile(path / MANIFEST)]  # noqa: PTH113


def run_names(root: Path, *, unfinished: bool = False) -> list[str]:
    """The names of the runs in a folder, newest first; no file is read, so that a shell can complete them.

    Args:
        root: The folder; it may be missing.
        unfinished: Whether to list the runs that are not complete instead of those that are.
    """
    try:
        names = [entry.name for entry in os.scandir(root)]
    except OSError:
        return []
    runs = {name for name in names if experiment_of(name)}
    begun = {run for run in map(unfinished_run, runs) if run}
    complete = {name for name in runs if not unfinished_run(name)}
    chosen = begun - complete if unfinished else complete
    return sorted(chosen, key=lambda name: (str(started_of(name) or ""), natural_order(name)), reverse=True)


def runs_named(argument: str, root: Path, *, unfinished: bool = False) -> list[Path]:
    """The run folders in the root that a name refers to.

    A name is looked up in this order: the full name of a folder, whether the run is finished or not; the name of an
    experiment, which means all of its runs; ``latest`` and its kind, see ``latest_of``; a prefix of one run's name. A
    pattern means the runs whose names it matches. Only its own full name refers to a hidden folder.

    Args:
        argument: As it was typed.
        root: The folder that holds the runs.
        unfinished: Whether ``latest`` means the newest of the runs that are not complete, if there are any, instead of
            those that are.

    Returns:
        The folders by name, so those of an experiment are in the order in which they began; empty without a match.

    Raises:
        UserError: If the names of several runs start with the argument, or there are not so many as ``latest~N`` needs.
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
    if is_latest(argument):
        begun = [root / (name + UNFINISHED) for name in run_names(root, unfinished=True)] if unfinished else []
        return [latest_of(argument, begun or complete_runs(root), "unfinished run" if begun else "complete run")]
    begun = [path for path in folders if is_run(path)]
    if len(begun) > 1:
        line = f"ambiguous: {len(begun)} runs start with this, newest first: {named(begun)}; type more of the name"
        raise UserError(f"{argument}: {line}")
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
    latest = [LATEST] if names else []
    return nearest(argument, list(dict.fromkeys([*filter(None, map(experiment_of, names)), *names, *latest])))
