"""How a run began: what is written down then, and how it is gone on with under the same conditions, or not at all."""

import json
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bnreg
from bnreg.config.cell_settings import flat_config, plain
from bnreg.data import Dataset
from bnreg.errors import UserError
from bnreg.experiment.plan import Plan, plan_experiment
from bnreg.runs import CONFIG, SCHEMA_VERSION, Beginning, RunInfo, UnfinishedRun, UsedData

RECORDED_VERSIONS = ("torch", "torchvision", "numpy", "pandas", "altair")
# What figures depend on to the last bit; the others draw pictures, or read and write files.
DECISIVE_VERSIONS = ("bnreg", "torch", "numpy")
# Settings that no figure depends on: with less memory, one may want to go on in fewer processes.
INDIFFERENT = ("jobs", "snapshot_seconds")


def describe_beginning(plan: Plan, *, command: Sequence[str], data_folder: Path | None) -> Beginning:
    """What is recorded when a run begins.

    Args:
        plan: The plan.
        command: What the user typed.
        data_folder: The data root, if the user chose one.
    """
    experiment = plan.experiment
    info = RunInfo(
        schema=SCHEMA_VERSION,
        id="",  # chosen with the folder
        name=experiment.name,
        command=tuple(command),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        arms=experiment.arms,
        baseline=experiment.baseline,
        seeds=experiment.seeds,
        config=experiment.resolved,
        point_keys=experiment.point_keys,
        points=tuple(plain(point) for point in experiment.points),
        data={requested: _describe_data(dataset) for requested, dataset in plan.datasets.items()},
        device=plan.device,
        num_workers=plan.num_workers,
        threads_per_worker=1,
        shards=tuple({"seeds": list(shard.seeds), "replicas": shard.num_replicas} for shard in plan.shards),
        versions=_versions(),
        platform=platform.platform(),
        git_commit=_git_commit(),
    )
    return Beginning(info, str(data_folder.absolute()) if data_folder else None, plan.cut_for)


def begin_again(
    run: UnfinishedRun,
    config: Path | None,
    overrides: Sequence[str],
    *,
    data_folder: Path | None,
    log: Callable[[str], None],
    load_data: bool = True,
) -> Plan:
    """Plan an unfinished run once more, as it was planned when it began.

    Args:
        run: The run.
        config: The experiment's file, if the user gives it again; it must say what it said.
        overrides: Settings that the user gives again, likewise; how many processes train, and how often they save,
            may change.
        data_folder: The data root, if the user chose another.
        log: Takes warnings, a line each.
        load_data: Whether to load the data sets.

    Raises:
        UserError: If the run is damaged, or something that its figures depend on has changed since: a line for each.
    """
    beginning = run.beginning()
    begun = beginning.info
    run.config()  # it is read by its path below, once it is known to be intact
    here = _versions()
    changes = [
        f"{name} is {here[name]} here, and was {begun.versions.get(name)} when the run began; install that"
        for name in DECISIVE_VERSIONS
        if here[name] != begun.versions.get(name)
    ]
    if changes:
        raise UserError(*(f"{run.folder}: cannot be gone on with: {change}" for change in changes))
    recorded_folder = beginning.data_folder
    plan = plan_experiment(
        config or run.folder / CONFIG,
        overrides,
        data_folder=data_folder or (Path(recorded_folder) if recorded_folder else None),
        log=log,
        load_data=load_data,
        cut_for=beginning.cut_for,
    )
    now = describe_beginning(plan, command=(), data_folder=None).info
    changes = _changed_settings(begun.config or {}, plain(now.config)) or [
        *_changed("device", begun.device, now.device),
        *_changed("shards", begun.shards, now.shards),
        *(_changed_data(begun.data, now.data) if load_data else ()),
    ]
    if changes:
        raise UserError(*(f"{run.folder}: cannot be gone on with: {change}" for change in changes))
    if begun.platform != platform.platform():
        log(f"note: the run began on another machine ({begun.platform}): last digits may differ")
    return plan


def _changed_settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    flat_before, flat_after = flat_config(before), flat_config(after)
    keys = [key for key in {**flat_before, **flat_after} if key not in INDIFFERENT]
    return [change for key in keys for change in _changed(key, flat_before.get(key), flat_after.get(key))]


def _changed_data(before: Mapping[str, UsedData], after: Mapping[str, UsedData]) -> list[str]:
    return [
        f"the data of {name!r} are {used.name} with {used.fingerprint}, and were "
        f"{before[name].name} with {before[name].fingerprint}; see --data-root"
        for name, used in after.items()
        if used != before[name]
    ]


def _changed(what: str, before: Any, after: Any) -> list[str]:
    return [] if before == after else [f"{what} is {json.dumps(after)} here, and was {json.dumps(before)}"]


def _describe_data(dataset: Dataset) -> UsedData:
    return UsedData(dataset.name, dataset.fingerprint, len(dataset.train_labels), len(dataset.test_labels))


def _versions() -> dict[str, str]:
    installed = {package: version(package) for package in RECORDED_VERSIONS}
    return {"bnreg": bnreg.__version__, "python": platform.python_version()} | installed


def _git_commit() -> str | None:
    """The commit that is checked out in the current folder, if it is one of a git repository."""
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 else None
