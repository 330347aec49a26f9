"""More seeds: those of a finished run are kept, and only the others are trained, under the same conditions."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bnreg.config.load import load_experiment
from bnreg.config.source.files import Source
from bnreg.errors import UserError
from bnreg.experiment.beginning import SEEDS, require_conditions, require_versions
from bnreg.experiment.choices import all_choices
from bnreg.experiment.plan import Plan, plan_experiment
from bnreg.names import TUNE
from bnreg.rounds import DEFAULT_MOST, Rounds, short_seeds
from bnreg.runs import CONFIG, Run
from bnreg.wording import counted


def in_rounds(config: Source, overrides: Sequence[str], max_seeds: int | None) -> list[str]:
    """The overrides with which an experiment's seeds are added until every comparison is decided.

    Args:
        config: The experiment's file, or its text.
        overrides: The user's; its seeds are those of the first round.
        max_seeds: Number of seeds in all; None for the config's, or 100.

    Raises:
        UserError: For mistakes in the config or the number.
    """
    experiment = load_experiment(config, overrides, all_choices())
    rounds = experiment.then
    if not isinstance(rounds, Rounds):
        rounds = Rounds(rounds, at_most=max(DEFAULT_MOST, len(rounds)))
    if max_seeds is not None:
        rounds = replace(rounds, at_most=max_seeds)
        if max_seeds < len(rounds.first):
            raise UserError(f"--max-seeds {max_seeds}: the first round has {counted(len(rounds.first), 'seed')}")
    return [*(word for word in overrides if not is_of_seeds(word)), _override(rounds)]


def plan_extension(
    run: Run,
    overrides: Sequence[str],
    *,
    decide: bool,
    max_seeds: int | None,
    data_folder: Path | None,
    log: Callable[[str], None],
    load_data: bool = True,
) -> Plan:
    """Plan to train further seeds of a finished run, exactly as its own were trained.

    Args:
        run: The run.
        overrides: ``seeds=``, a number or a list that contains the run's own; also the number of processes and the time
            between snapshots.
        decide: Whether to add seeds until every comparison is decided.
        max_seeds: Number of seeds in all, if they are added until then; None for 100.
        data_folder: The data root, if the user chose one.
        log: Takes warnings, a line each.
        load_data: Whether to load the data sets.

    Raises:
        UserError: If something that its results depend on has changed, or no seed would be added: a line for each.
    """
    if not run.info.config:
        raise UserError(f"{run.path}: cannot be extended: it recorded no config")
    if run.info.config.get(TUNE):
        raise UserError(f"{run.path}: cannot be extended: its arms only chose settings; extend the run that has them")
    run.verified([CONFIG])
    config, own = run.path / CONFIG, run.info.seeds
    refusal = f"{run.path}: cannot be extended"
    require_versions(run.info, refusal)
    others = [word for word in overrides if not is_of_seeds(word)]
    if decide:
        most = max_seeds or max(DEFAULT_MOST, len(own))
        if most <= len(own):
            raise UserError(f"--max-seeds {most}: {run.info.id} has {counted(len(own), 'seed')} already")
        seeds = _override(Rounds(own, at_most=most))
    else:
        asked = load_experiment(config, overrides, all_choices())
        if asked.rounds:
            raise UserError("seeds: give a number or a list of seeds, or use --until-decided and --max-seeds")
        wanted = asked.seeds
        if lacking := [str(seed) for seed in own if seed not in wanted]:
            rule = "an extended run keeps all of its seeds"
            raise UserError(f"seeds: {run.info.id} also has {', '.join(lacking)}; {rule}")
        added = [seed for seed in wanted if seed not in own]
        if not added:
            more = f"ask for more, such as seeds={2 * len(own)}"
            raise UserError(f"seeds: {run.info.id} has {counted(len(own), 'seed')} and all of these; {more}")
        seeds = f"{SEEDS}={json.dumps(short_seeds([*own, *added]))}"
    plan = plan_experiment(
        config,
        [*others, seeds],
        data_folder=data_folder,
        log=log,
        load_data=load_data,
        trained=own,
        begun_with=run.info.engine,
        known=[used.fingerprint for used in run.info.data.values()],
    )
    require_conditions(run.info, plan, refusal, same_seeds=False, load_data=load_data, log=log)
    return plan


def _override(rounds: Rounds) -> str:
    return f"{SEEDS}={json.dumps(rounds.to_config())}"


def is_of_seeds(word: str) -> bool:
    """Whether an override is one of the seeds."""
    return word.partition("=")[0].strip() == SEEDS
