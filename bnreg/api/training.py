"""Training from Python: ``bnreg.train`` and ``bnreg.resume``."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bnreg import signals
from bnreg.api.caller import Caller
from bnreg.api.kinds import of_kind, require_children, told_in_python
from bnreg.api.run import Run, path_of
from bnreg.api.settings import as_overrides, as_yaml
from bnreg.api.steps import begin, recorded_sinks, say_notices, say_unfinished, send_to_sinks, tuned_plan
from bnreg.api.watching import train_and_watch
from bnreg.errors import UserError
from bnreg.runs import find_unfinished, read_run
from bnreg.wording import printable

if TYPE_CHECKING:
    from bnreg.config.source.files import Source
    from bnreg.experiment.plan import Plan
    from bnreg.runs import UnfinishedRun

Folder = str | os.PathLike[str]


@told_in_python
def train(
    config: str | os.PathLike[str] | Mapping[str, Any],
    overrides: Mapping[str, Any] | None = None,
    *,
    until_decided: bool = False,
    max_seeds: int | None = None,
    runs: Folder = "runs",
    data_root: Folder | None = None,
    progress: bool = True,
    **settings: Any,
) -> Run:
    """Train an experiment's networks and write a run folder, as ``bnreg train`` does.

    Worker processes do the training, so this works in a notebook and in a script without a main guard. An interrupt
    stops the training and saves it: ``bnreg.resume`` continues from there, with bit-identical results.

    Args:
        config: The experiment: a YAML file or the name of one that ships with bnreg, or the same as a mapping.
        overrides: Settings that replace the config's, by their dotted keys, such as ``{"optimizer.lr": 0.01}``.
        until_decided: Whether to add seeds in rounds until every comparison is decided.
        max_seeds: With ``until_decided``: at most so many seeds; None for 100.
        runs: The folder of the runs.
        data_root: The folder of the data sets; None for ``BNREG_DATA``, else ``data.root``, else the user's cache
            folder.
        progress: Whether to show progress.
        settings: Overrides whose keys have no dot, such as ``seeds=20``.

    Raises:
        UserError: For mistakes in the config or the overrides, a line each.
        RunError: If the run could not be completed; what was trained so far is saved.
        KeyboardInterrupt: If it was interrupted; what was trained so far is saved.

    Example:
        >>> run = bnreg.train(
        ...     {
        ...         "name": "pair",
        ...         "data": {"dataset": "mnist_5k"},
        ...         "model": {"hidden": [32, 32]},
        ...         "arms": {"bn": {"model": {"norm": "batch"}}, "plain": {}},
        ...         "baseline": "plain",
        ...     },
        ...     {"training.epochs": 1, "optimizer.lr": 0.01},
        ...     seeds=6,
        ... )
        >>> run.summary.groupby("arm").size()
        arm
        bn       6
        plain    6
        dtype: int64
    """
    require_children("train")
    of_kind(config, (str, os.PathLike, Mapping), "config", "a file or a mapping")
    of_kind({} if overrides is None else overrides, Mapping, "overrides", "a mapping from dotted keys to settings")
    source = as_yaml(config) if isinstance(config, Mapping) else Path(config)
    words = [*as_overrides(overrides or {}), *as_overrides(settings)]
    rounds = {"until_decided": until_decided} if until_decided else {}
    if max_seeds is not None:
        if not until_decided:
            raise UserError("max_seeds: only with until_decided=True; without it, set seeds")
        rounds["max_seeds"] = of_kind(max_seeds, int, "max_seeds", "a whole number")
    command = ("bnreg.train", *_file(source), *words, *(f"{name}={value}" for name, value in rounds.items()))
    caller = _program(command, runs, data_root, progress=progress)
    with signals.passed_on():
        if until_decided:
            from bnreg.experiment.extension import in_rounds

            words = in_rounds(source, words, max_seeds)
        plan = tuned_plan(source, words, caller)
        say_notices(plan, caller)
        say_unfinished(plan, caller)
        return _trained(plan, begin(plan, caller), caller)


@told_in_python
def resume(
    run: str | os.PathLike[str] | Run, *, runs: Folder = "runs", data_root: Folder | None = None, progress: bool = True
) -> Run:
    """Go on with a run that was stopped, with bit-identical results, as ``bnreg train --resume`` does.

    Args:
        run: Its folder or its name, ``latest``, or the start of the name of one that is unfinished. A run that is
            complete is returned as it is.
        runs: The folder of the runs.
        data_root: The folder of the data sets; None for the one with which it began.
        progress: Whether to show progress.

    Raises:
        UserError: If there is no such run, or something that its results depend on has changed: a line each.
        RunError: As ``bnreg.train``.
        KeyboardInterrupt: As ``bnreg.train``.

    Example:
        >>> bnreg.resume(run.name).name == run.name
        True
    """
    from bnreg.experiment.beginning import begin_again

    require_children("resume")
    begun = find_unfinished(os.fspath(path_of(run)), Path(runs))
    caller = _program(("bnreg.resume", begun.final.name), runs, data_root, progress=progress)
    if begun.final.is_dir():
        begun.discard()
        send_to_sinks(begun.final, recorded_sinks(begun.final), caller)
        return Run(read_run(begun.final))
    with signals.passed_on():
        plan = begin_again(begun, None, (), data_folder=caller.data_folder, log=caller.say)
        say_notices(plan, caller)
        return _trained(plan, begun, caller)


def _trained(plan: "Plan", begun: "UnfinishedRun", caller: Caller) -> Run:
    path = train_and_watch(plan, begun, caller)
    send_to_sinks(path, plan.experiment.sinks, caller)
    return Run(read_run(path))


def _file(source: "Source") -> list[str]:
    return [str(source)] if isinstance(source, Path) else []


def _program(command: tuple[str, ...], runs: Folder, data_root: Folder | None, *, progress: bool) -> Caller:
    """A Python program, as a training sees it; what it is told appears on stderr, or below a notebook's cell."""
    console = Console(stderr=True, highlight=False)
    return Caller(
        command=command,
        root=Path(runs),
        data_folder=None if data_root is None else Path(data_root),
        progress=progress,
        say=lambda line: console.print(printable(line), markup=False, soft_wrap=True),
        resuming=lambda run: f"bnreg.resume({str(run)!r})",
    )
