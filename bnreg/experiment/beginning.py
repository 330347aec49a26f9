"""The start of a run: record its conditions, and resume it only under the same conditions."""

import json
import os
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import bnreg
from bnreg.config.cell_settings import flat_config, plain
from bnreg.config.load import load_experiment
from bnreg.config.own_data import data_name
from bnreg.data import Dataset, data_root
from bnreg.errors import UserError
from bnreg.executors.machine import cpu_model
from bnreg.experiment.choices import all_choices
from bnreg.experiment.plan import Plan, plan_experiment
from bnreg.experiment.provenance import commit_of, installed_packages
from bnreg.names import INDIFFERENT
from bnreg.runs import CONFIG, SCHEMA_VERSION, Beginning, RunInfo, UnfinishedRun, UsedData, base_of, read_run
from bnreg.training.engines import ENGINES

RECORDED_VERSIONS = ("torch", "torchvision", "numpy", "pandas", "altair", "numba", "llvmlite")
SEEDS = "seeds"
# An absolute path in a word of the command line: the word itself, or a value of an option, an override or a mapping.
_ABSOLUTE = re.compile(r"""(?:^|(?<=[=\s"'\[{,]))(?:[A-Za-z]:)?[/\\][^"'\]},]*""")


def describe_beginning(
    plan: Plan, *, command: Sequence[str], data_folder: Path | None, extends: RunInfo | None = None
) -> Beginning:
    """The record that is written when a run begins.

    Args:
        plan: The plan.
        command: The command that the user typed; a run is made to be shared, so absolute paths in it are shortened.
        data_folder: The data root, if the user chose one.
        extends: The run whose seeds are added to.
    """
    experiment = plan.experiment
    # A run that extends another has the other's config, in which only the seeds differ.
    commit, is_dirty = (extends.git_commit, extends.git_dirty) if extends else _commit(plan)
    info = RunInfo(
        schema=SCHEMA_VERSION,
        id="",  # set when the folder is created
        name=experiment.name,
        command=tuple(_ABSOLUTE.sub(lambda path: _portable(path[0]), word) for word in command),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        arms=experiment.arms,
        baseline=experiment.baseline,
        seeds=experiment.seeds,
        config=experiment.resolved,
        point_keys=experiment.point_keys,
        points=tuple(plain(point) for point in experiment.points),
        data=_used_data(plan),
        device=plan.device,
        engine=plan.engine,
        num_workers=plan.num_workers,
        threads_per_worker=1,
        shards=plan.described_shards,
        versions=_versions(),
        packages=installed_packages(),
        platform=platform.platform(),
        cpu=cpu_model(),
        git_commit=commit,
        git_dirty=is_dirty,
        looks=extends.looks_so_far if extends else (),
        extends=extends.id if extends else None,
    )
    return Beginning(
        info,
        data_folder=str(data_root(data_folder, None).absolute()) if data_folder else None,
        cut_for=plan.cut_for,
        num_steps=tuple(plan.budget(shard).num_steps for shard in plan.shards),
    )


def begin_again(
    run: UnfinishedRun,
    config: Path | None,
    overrides: Sequence[str],
    *,
    data_folder: Path | None,
    log: Callable[[str], None],
    load_data: bool = True,
) -> Plan:
    """Plan an unfinished run again, exactly as it was planned when it began.

    Args:
        run: The run.
        config: The experiment's file, if the user gives it again; its settings must be the same.
        overrides: Settings, if the user gives them again; they must be the same, too. Only the number of processes and
            the time between snapshots may change.
        data_folder: The data root, if the user chose a different one.
        log: Takes warnings, a line each.
        load_data: Whether to load the data sets.

    Raises:
        UserError: If the run is damaged, or something that its results depend on has changed: a line for each change.
    """
    beginning = run.beginning()
    begun = beginning.info
    run.config()  # checks that it is intact, because it is read by its path below
    refusal = f"{run.folder}: cannot be resumed"
    require_versions(begun, refusal)
    base = base_of(run)
    recorded_folder = beginning.data_folder
    plan = plan_experiment(
        config or run.folder / CONFIG,
        overrides,
        data_folder=data_folder or (Path(recorded_folder) if recorded_folder else None),
        log=log,
        load_data=load_data,
        cut_for=beginning.cut_for,
        trained=base.info.seeds if base else (),
        begun_with=begun.engine,
        known=[used.fingerprint for used in begun.data.values()],
    )
    require_conditions(begun, plan, refusal, same_seeds=True, load_data=load_data, log=log)
    return plan


def require_versions(begun: RunInfo, refusal: str) -> None:
    """Raise unless the packages that decide the results have the versions that they had when a run began.

    Args:
        begun: The run's record.
        refusal: The start of each line: ``RUN: cannot be resumed``.

    Raises:
        UserError: A line for each package.
    """
    here = _versions()
    decisive = ("bnreg", *(ENGINES[begun.engine].packages if begun.engine in ENGINES else ()))
    _refuse(
        refusal,
        [
            f"{name} is {here.get(name)} here but was {begun.versions.get(name)} when the run began; "
            "install that version"
            for name in decisive
            if here.get(name) != begun.versions.get(name)
        ],
    )


def require_conditions(
    begun: RunInfo, plan: Plan, refusal: str, *, same_seeds: bool, load_data: bool, log: Callable[[str], None]
) -> None:
    """Raise unless all else that decides the results is the same in a plan as when a run began.

    Args:
        begun: The run's record.
        plan: The plan.
        refusal: See ``require_versions``.
        same_seeds: Whether the plan must have the run's seeds, in the same shards.
        load_data: Whether the plan has data to check.
        log: Takes the note that the machine is another one.

    Raises:
        UserError: A line for each setting that differs; if none does, for each other change.
    """
    indifferent = INDIFFERENT if same_seeds else (*INDIFFERENT, SEEDS)
    _refuse(refusal, settings_that_differ(begun.config or {}, plain(plan.experiment.resolved), indifferent))
    _refuse(
        refusal,
        [
            *_changed("device", begun.device, plan.device),
            *(_changed_data(begun.data, _used_data(plan)) if load_data else ()),
            *(_changed("shards", begun.shards, plan.described_shards) if same_seeds else ()),
        ],
    )
    if begun.platform != platform.platform():
        log(f"note: the run began on a different machine ({begun.platform}): the last digits may differ")


def _refuse(refusal: str, changes: Sequence[str]) -> None:
    if changes:
        raise UserError(*(f"{refusal}: {change}" for change in changes))


def changed_settings(run: Path, config: Path | None, overrides: Sequence[str]) -> list[str]:
    """The settings that a user gives again for a complete run and that differ from the run's, a line each.

    Args:
        run: The run's folder.
        config: The experiment's file, if the user gives it again.
        overrides: Settings, if the user gives them again.

    Raises:
        UserError: If the run is damaged or recorded no config, or for mistakes in what the user gives.
    """
    read_run(run).verified([CONFIG])
    own, given = (
        load_experiment(file, words, all_choices()).resolved
        for file, words in ((run / CONFIG, ()), (config or run / CONFIG, overrides))
    )
    return settings_that_differ(own, plain(given))


def settings_that_differ(
    before: Mapping[str, Any], after: Mapping[str, Any], indifferent: Sequence[str] = INDIFFERENT
) -> list[str]:
    flat_before, flat_after = flat_config(before), flat_config(after)
    keys = [key for key in {**flat_before, **flat_after} if key.partition(".")[0] not in indifferent]
    return [change for key in keys for change in _changed(key, flat_before.get(key), flat_after.get(key))]


def _changed_data(before: Mapping[str, UsedData], after: Mapping[str, UsedData]) -> list[str]:
    return [
        f"the data for {name!r} is {used.name} with {used.fingerprint} here but was "
        f"{before[name].name} with {before[name].fingerprint}; see --data-root"
        for name, used in after.items()
        if used != before[name]
    ]


def _changed(what: str, before: Any, after: Any) -> list[str]:
    return [] if before == after else [f"{what} is {json.dumps(after)} here but was {json.dumps(before)}"]


def _portable(path: str) -> str:
    """An absolute path below the current folder, below the home folder as ``~``, or without its folders."""
    typed = Path(os.path.normpath(path))
    bases = [(Path.cwd(), "")]
    with suppress(RuntimeError):  # the user may have no home
        bases.append((Path.home(), "~"))
    for base, prefix in bases:
        for given, folder in ((typed, base), (typed.resolve(), base.resolve())):
            if given.is_relative_to(folder) and folder != Path(folder.anchor):
                return (Path(prefix) / given.relative_to(folder)).as_posix()
    return typed.name


def _commit(plan: Plan) -> tuple[str | None, bool | None]:
    """The commit of a plan's config, and whether something differs from it."""
    return (commit_of(plan.file) if plan.file else None) or (None, None)


def _used_data(plan: Plan) -> dict[str, UsedData]:
    return {data_name(requested): _describe_data(dataset) for requested, dataset in plan.datasets.items()}


def _describe_data(dataset: Dataset) -> UsedData:
    num_train, image_shape, num_classes = dataset.size
    return UsedData(dataset.name, dataset.fingerprint, num_train, len(dataset.test_labels), image_shape, num_classes)


def _versions() -> dict[str, str]:
    installed = {}
    for package in RECORDED_VERSIONS:
        with suppress(PackageNotFoundError):  # the compiled engine's are an extra
            installed[package] = version(package)
    return {"bnreg": bnreg.__version__, "python": platform.python_version()} | installed
