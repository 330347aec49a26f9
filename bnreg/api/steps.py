"""The steps of a training that commands and Python programs share: plan, begin, or find what was trained before."""

import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bnreg.api.caller import Caller
from bnreg.api.watching import train_and_watch
from bnreg.errors import UserError

if TYPE_CHECKING:
    from bnreg.config.source.files import Source
    from bnreg.experiment.plan import Plan
    from bnreg.runs import Run, UnfinishedRun


def tuned_plan(config: "Source", settings: Sequence[str], caller: Caller) -> "Plan":
    """The plan of an experiment; if its arms choose settings first, that is trained, and they have chosen."""
    from bnreg.experiment.plan import plan_experiment
    from bnreg.experiment.tuning import FOLDER, chosen_by

    plan = plan_experiment(config, settings, data_folder=caller.data_folder, log=caller.say)
    if not plan.experiment.tune:
        return plan
    say_notices(plan, caller)
    tuning = finished(plan, replace(caller, root=caller.root / FOLDER))
    chosen = chosen_by(plan.experiment, tuning)
    return plan_experiment(config, settings, data_folder=caller.data_folder, log=caller.say, chosen=chosen)


def finished(plan: "Plan", caller: Caller, *, num_others: int = 0) -> "Run":
    """The finished run of a plan in a folder: one that is there, or that is resumed, or trained now."""
    from bnreg.experiment.beginning import begin_again
    from bnreg.experiment.existing import finished_run, stopped_run
    from bnreg.runs import read_run

    if run := finished_run(plan, caller.root):
        caller.say(f"note: {run.path}: already trained")
        return run
    begun = stopped_run(plan, caller.root)
    if begun is None:
        begun = begin(plan, caller)
    else:
        caller.say(f"note: {begun.final}: resumed")
        plan = begin_again(begun, None, (), data_folder=caller.data_folder, log=caller.say)
    return read_run(train_and_watch(plan, begun, caller, num_others=num_others))


def begin(plan: "Plan", caller: Caller, base: "Run | None" = None) -> "UnfinishedRun":
    """Create the folder of a run; ``base`` is the run that it extends."""
    from bnreg.experiment.beginning import describe_beginning
    from bnreg.experiment.story import begin_experiment

    extends = base.info if base else None
    beginning = describe_beginning(plan, command=caller.command, data_folder=caller.data_folder, extends=extends)
    return begin_experiment(plan, beginning, caller.root, base)


def recorded_sinks(path: Path) -> Sequence[str]:
    """The sinks of a complete run's config; an older run has none."""
    from bnreg.runs import read_run

    return read_run(path).config.get("sinks") or ()


def send_to_sinks(path: Path, sinks: Sequence[str], caller: Caller) -> None:
    """Send a run that was trained to the sinks of its config, and say where it is; no failure does it any harm."""
    if not sinks:
        return
    from bnreg.api.sending import beside, send_run
    from bnreg.runs import read_run

    try:
        for name, line, failed in send_run(read_run(path), sinks, beside(path.parent)):
            again = f"the run is complete; send it again with `bnreg send {shlex.quote(str(path))} --to {name}`"
            caller.say(f"warning: {name}: {line}; {again}" if failed else f"note: {name}: {line}")
    except Exception as error:  # nothing that follows the training may look as if that had failed
        caller.say(f"warning: {path}: the run is complete, but could not be sent: {error}")


def say_notices(plan: "Plan", caller: Caller) -> None:
    """Say what the user should know before a plan is trained."""
    for notice in plan.notices:
        caller.say(f"note: {notice}")


def say_unfinished(plan: "Plan", caller: Caller) -> None:
    """Say which runs of the same experiment are unfinished, and what resumes each."""
    from bnreg.config.cell_settings import plain
    from bnreg.experiment.beginning import settings_that_differ
    from bnreg.runs import unfinished_runs

    for run in unfinished_runs(caller.root):
        with suppress(UserError):  # `bnreg runs` reports a damaged run
            state, progress = run.state()
            config = run.beginning().info.config or {}
            if state != "running" and not settings_that_differ(config, plain(plan.experiment.resolved)):
                remedy = f"resume it with {caller.resuming(run.final)}"
                caller.say(f"note: {run.final.name} is {state} ({progress}); {remedy}")
