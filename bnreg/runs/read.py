"""Read run folders; everything in them is checked before it is used."""

import csv
import glob
import hashlib
import io
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bnreg.errors import UserError
from bnreg.runs.consistency import contradiction
from bnreg.runs.folder import MANIFEST, DamagedError, read_manifest, verified
from bnreg.runs.in_training.unfinished import UnfinishedRun, UnfinishedState
from bnreg.runs.info import MAX_DEPTH, RunInfo
from bnreg.runs.names import (
    CONFIG,
    CORRECT,
    MARKS,
    METRICS,
    RUN,
    SUMMARY,
    experiment_of,
    hidden_run,
    named,
    near_run,
    num_runs_in,
    runs_named,
    table_file,
    unfinished_run,
)
from bnreg.wording import counted, natural_order, nearest, printable

if TYPE_CHECKING:
    import pandas as pd

RunState = Literal["complete", UnfinishedState, "damaged", "newer"]

_NO_TABLE = "not a table that bnreg wrote"
_NO_RUN_FOLDER = f"not a run folder (it has no {MANIFEST})"


class UnreadableRunError(UserError):
    """A folder cannot be read as a run; carries the reason and the resulting state."""

    def __init__(self, state: RunState, *lines: str) -> None:
        super().__init__(*lines)
        self.state = state


class FolderOfRunsError(UnreadableRunError):
    """The folder is not a run, but holds runs."""


@dataclass(frozen=True)
class Run:
    """A complete run. Its files were verified against the manifest; its tables are parsed on first use.

    Attributes:
        path: The folder.
        info: The contents of ``run.json``.
        checksums: The SHA-256 of each of its files, by name.
        files: The content of the result files, which are verified when the run is read.
    """

    path: Path
    info: RunInfo
    checksums: Mapping[str, str] = field(repr=False)
    files: Mapping[str, bytes] = field(repr=False)

    @cached_property
    def metrics(self) -> "pd.DataFrame":
        """``metrics.csv``: one row per replica and evaluation."""
        return self.table("metrics")

    def table(self, name: str) -> "pd.DataFrame":
        """One of the run's tables, ``NAME.csv``; each row names its point, arm and seed.

        Raises:
            UnreadableRunError: If it is damaged, or the run has no such table.
        """
        import pandas as pd

        file = table_file(name)
        content = self.files[file] if file in self.files else self.verified([file])[file]
        try:
            table = pd.read_csv(io.BytesIO(content), dtype={"arm": str}, keep_default_na=False, na_values=[""])
        except ValueError:
            table = pd.DataFrame()
        if table.empty or not set(table.get("arm", [""])) <= set(self.info.arms):
            raise self.damaged(file, _NO_TABLE)
        return table

    @cached_property
    def summary(self) -> dict[str, list[Any]]:
        """``summary.csv``: column → one value per replica; NaN for an empty cell.

        The values of a sweep's keys stay text because ``info`` has them too. Parsed without pandas, because its import
        and its frames take longer than everything else that a comparison does with a run.
        """
        return self.columns(SUMMARY)

    def columns(self, file: str) -> dict[str, list[Any]]:
        """A table as ``summary`` is parsed.

        Raises:
            UnreadableRunError: If it is no such table.
        """
        texts = {"arm", "status", *self.info.point_keys}
        try:
            header, *rows = csv.reader(io.StringIO(self.files[file].decode()))
            cells = zip(header, zip(*rows, strict=True), strict=True)
            return {name: [*column] if name in texts else _numbers(column) for name, column in cells}
        except (ValueError, csv.Error):
            raise self.damaged(file, _NO_TABLE) from None

    @property
    def config(self) -> Mapping[str, Any]:
        """The resolved config; empty if the run recorded none."""
        return self.info.config or {}

    @property
    def training_hash(self) -> str:
        """SHA-256 of its data, settings and metrics by epoch: runs that share it trained the same networks."""
        data = {requested: used.fingerprint for requested, used in self.info.data.items()}
        trained = [data, dict(self.config) | {"name": None, "report": None, "sinks": None}, self.checksums[METRICS]]
        return hashlib.sha256(json.dumps(trained, sort_keys=True).encode()).hexdigest()

    def verified(self, names: Sequence[str]) -> dict[str, bytes]:
        """The contents of some more files.

        Raises:
            UnreadableRunError: One line for each file that is missing or damaged.
        """
        with _as_damage():
            return verified(self.path, self.checksums, names)

    def damaged(self, name: str, reason: str) -> UnreadableRunError:
        """The error that one of its files is damaged."""
        return UnreadableRunError("damaged", f"{self.path / name}: damaged run: {reason}")


def _numbers(column: Sequence[str]) -> list[float]:
    """The numbers of a column; most have one kind, and to try the other on each cell takes longer than all else."""
    for kind in (int, float):
        with suppress(ValueError):
            return [*map(kind, column)]
    return [*map(_number, column)]


def _number(cell: str) -> float:
    """A whole number as an int, any other number as a float, an empty cell as NaN."""
    try:
        return int(cell)
    except ValueError:
        return float(cell) if cell else math.nan


def read_run(path: Path, *, only_results: bool = False) -> Run:
    """Read a run folder. Its files are checked against the manifest, and the results are held to each other.

    Args:
        path: The folder.
        only_results: Whether to leave the other files, such as weights and charts, to the caller.

    Raises:
        UnreadableRunError: If it is not a run folder, was written by a newer bnreg, or is damaged: one line for each
            damaged file.
    """
    checksums = _manifest(path)
    # Runs that are older than a file do not have it.
    results = [RUN, METRICS, SUMMARY, *(name for name in (CONFIG, CORRECT) if name in checksums)]
    with _as_damage():
        files = verified(path, checksums, dict.fromkeys([*results, *(() if only_results else checksums)]), keep=results)
    run = Run(path, _info(path, files), checksums, files)
    if found := contradiction(run.info, run.summary, run.columns(METRICS), files.get(CORRECT)):
        raise run.damaged(*found)
    return run


def _info(path: Path, files: Mapping[str, bytes]) -> RunInfo:
    """The contents of ``run.json``, with the config beside it, which must be the one inside unless the run is older."""
    name = RUN
    try:
        info = RunInfo.parse(files[RUN])
        if CONFIG in files:
            name = CONFIG
            beside = info.with_config(_parse_yaml(files[CONFIG]))
            if info.config not in (None, beside.config):
                raise ValueError(f"it is not the config in {RUN}")
            return beside
    except ValueError as wrong:
        raise UnreadableRunError("damaged", f"{path / name}: damaged run: {wrong}") from None
    return info


def _parse_yaml(content: bytes) -> Any:
    """Parse a config that bnreg resolved: the library that wrote it reads text that looks like a number as text.

    The events are read first, one by one: the library builds nested values by recursion, which ends the whole process
    if they are nested too deeply, and a few aliases can stand for gigabytes.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth = 0
    try:
        for event in yaml.parse(content, loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH or isinstance(event, yaml.AliasEvent):
                raise ValueError("it has aliases or deep nesting, which bnreg does not write")
        return yaml.load(content, loader)
    except yaml.YAMLError:
        raise ValueError("it is not what bnreg writes") from None


def expand_runs(arguments: Sequence[str], root: Path = Path("runs"), *, unfinished: bool = False) -> list[Path]:
    """The run folders that the arguments refer to: folders, patterns that the shell did not expand, and runs' names.

    An argument that exists as a path means that path. Otherwise a name, or a pattern without a folder, is looked up in
    the root: the full name of a run, the name of an experiment, which means all of its runs, ``latest``, or a prefix
    that only one run's name has; see ``runs_named``.

    Files and the folder of marks are skipped if some argument is a run, because a pattern that the shell expands
    matches them too; other folders are not skipped, because they may be damaged runs.

    Args:
        arguments: As they were typed.
        root: The folder that holds the runs.
        unfinished: See ``runs_named``.

    Returns:
        The folders, each once, even if several links lead to it.

    Raises:
        UserError: One line for each argument that matches nothing or is ambiguous.
    """
    paths: list[Path] = []
    files: list[str] = []
    mistakes: list[str] = []
    for argument in arguments:
        # Unlike Path.exists before Python 3.14, this returns False for a name that is too long instead of raising.
        if os.path.exists(argument):  # noqa: PTH110
            matches = [Path(argument)]
            files += [argument] if matches[0].name == MARKS or not matches[0].is_dir() else []
        else:
            matches = [Path(match) for match in sorted(glob.glob(argument), key=natural_order)]  # noqa: PTH207 # takes any path
        folders = [match for match in matches if match.is_dir() and match.name != MARKS]
        if not folders and argument not in files:
            try:
                folders = runs_named(argument, root, unfinished=unfinished)
                mistakes += [] if folders else [f"{printable(argument) or repr(argument)}: {_no_match(argument, root)}"]
            except UserError as error:
                mistakes += error.lines
        paths += folders
    if not any((path / MANIFEST).is_file() for path in paths):
        mistakes += [f"{file}: {_NO_RUN_FOLDER}" for file in files]
    if mistakes:
        raise UserError(*mistakes)
    distinct: dict[Path, Path] = {}
    for path in paths:
        distinct.setdefault(path.resolve(), path)
    return list(distinct.values())


def expand_run(argument: str, why: str, root: Path = Path("runs")) -> Path:
    """The run folder that an argument refers to, see ``expand_runs``.

    Args:
        argument: As it was typed.
        why: The remedy in the message if it refers to several.
        root: The folder that holds the runs.

    Raises:
        UserError: If it matches no run or several.
    """
    return one_of(expand_runs([argument], root), argument, why)


def one_of(folders: Sequence[Path], argument: str, why: str) -> Path:
    """The only one of the folders that an argument matches.

    Raises:
        UserError: If there are several.
    """
    if len(folders) > 1:
        is_experiment = any(experiment_of(path.name) == argument and not unfinished_run(path.name) for path in folders)
        remedy = f"{why}, or latest:{argument}" if is_experiment else why
        raise UserError(f"{argument}: matches {len(folders)} runs, newest first: {named(folders)}; {remedy}")
    return folders[0]


def _no_match(argument: str, root: Path) -> str:
    if not argument:
        return "an empty argument; give a run folder"
    if glob.has_magic(argument):
        return "no run matches this pattern; create one with `bnreg train bn_vs_plain`"
    if Path(argument).name == argument and (near_name := near_run(argument, root)):
        return f"no such run; did you mean '{near_name}'?"
    parent = Path(argument).parent
    names = [entry.name for entry in parent.iterdir() if entry.is_dir()] if os.path.isdir(parent) else []  # noqa: PTH112
    near_name = nearest(Path(argument).name, names)
    if near_name:
        return f"no such run; did you mean '{parent / near_name}'?"
    return f"no such run; `bnreg runs{'' if root == Path('runs') else f' --runs {root}'}` lists the runs"


def _manifest(path: Path) -> dict[str, str]:
    """The SHA-256 of each file of a complete run, by name.

    Raises:
        UnreadableRunError: If it is not a complete run, was written by a newer bnreg, or its manifest is damaged.
    """
    if hidden_run(path.name):
        raise UnreadableRunError("created", f"{path}: {_why_hidden(path.name)}")
    with _as_damage():
        if unfinished_run(path.name):
            _refuse_unfinished(UnfinishedRun(path))
        try:
            checksums = read_manifest(path)
        except FileNotFoundError:
            if number := num_runs_in(path):
                line = f"{path}: a folder of {counted(number, 'run')}, not a run; did you mean '{path}/*'?"
                raise FolderOfRunsError("damaged", line) from None
            raise UnreadableRunError("damaged", f"{path}: {_NO_RUN_FOLDER}") from None
    if RUN not in checksums:
        raise UnreadableRunError("damaged", f"{path}: not a run folder (its {MANIFEST} does not list {RUN})")
    return checksums


@contextmanager
def _as_damage() -> Iterator[None]:
    """Within this block, raise damage to a folder as an ``UnreadableRunError``."""
    try:
        yield
    except DamagedError as error:
        raise UnreadableRunError("newer" if error.is_newer else "damaged", *error.lines) from None


def _refuse_unfinished(run: UnfinishedRun) -> None:
    if run.final.is_dir():
        line = (
            f"{run.folder}: left over from the training of {run.final.name}, which is complete; `bnreg rm` removes it"
        )
        raise UnreadableRunError("complete", line)
    state, reason = run.state()
    way = "" if state == "running" else f"; resume with `bnreg train --resume {run.final.name}`"
    raise UnreadableRunError(state, f"{run.folder}: {state}: {reason}{way}")


def _why_hidden(name: str) -> str:
    """The reason why a folder is hidden, from its name: its run is not there yet, or no longer."""
    if hidden_run(name, "removed"):
        return "removal interrupted; `bnreg rm` finishes it"
    return "left by a process that was killed; `bnreg rm` removes it"
