"""Everything before training: config → data → device → shards, collecting every mistake on the way."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bnreg.budget import Budget
from bnreg.config.cell_settings import plain
from bnreg.config.experiment import Cell, Experiment
from bnreg.config.load import load_experiment
from bnreg.config.source.files import Source
from bnreg.config.source.key_paths import KeyPath
from bnreg.data import Dataset, Size
from bnreg.errors import UserError
from bnreg.executors.machine import Machines, choose_device, most_workers, this_machine
from bnreg.executors.table import DEFAULT_EXECUTOR, EXECUTORS, ExecutorKind
from bnreg.experiment.checks import check_experiment
from bnreg.experiment.choices import all_choices
from bnreg.experiment.data import data_of
from bnreg.experiment.engine import choose_engine
from bnreg.nn.architecture import Architecture
from bnreg.runs.disk import MAX_BYTES as MAX_FILE_BYTES
from bnreg.runs.folder import MAX_FOLDER_BYTES
from bnreg.training.engines import ENGINES
from bnreg.training.shards import (
    BYTES_PER_FLOAT,
    SHARD_BYTES,
    Shard,
    architecture_for,
    budget_of,
    count_parameters,
    estimate_bytes,
    plan_shards,
)
from bnreg.wording import counted

PIECE_PRODUCTS = 1e10  # multiplications of the forward passes: some tenths of a second of training
WATCH_BYTES = 400_000_000  # what diagnostics need in each worker, with torch


@dataclass(frozen=True)
class Plan:
    """An experiment with everything decided: its data, its device and its shards.

    Attributes:
        experiment: The config.
        datasets: Name in the config → the data set that was actually loaded; only one's own if nothing will be trained.
        sizes: Name in the config → the size of its data.
        machines: The hardware to train on.
        device: ``cpu`` or ``cuda:N``.
        engine: Name of the engine, in ``ENGINES``.
        num_workers: Number of processes that train at a time.
        cut_for: Number of processes that the shards were cut for.
        shards: The shards to train; seeds that a run to be extended has already are in none of them.
        notices: Notices for the user before training starts, a line each.
        executor: Name of the executor, in ``EXECUTORS``.
        file: The config's file; None if a program gave its text.
    """

    experiment: Experiment
    datasets: Mapping[str, Dataset]
    sizes: Mapping[str, Size]
    machines: Machines
    device: str
    engine: str
    num_workers: int
    cut_for: int
    shards: tuple[Shard, ...]
    notices: tuple[str, ...]
    executor: str = DEFAULT_EXECUTOR
    file: Path | None = None

    def next_round(self) -> "Plan | None":
        """The plan with the seeds of the next round, in shards of their own; None if there is no further round."""
        rounds, number = self.experiment.rounds, len(self.experiment.seeds)
        more = rounds.next_number(number) if rounds else None
        if rounds is None or more is None:
            return None
        seeds = rounds.seeds(more)
        further = _cut(self, seeds[number:], first=len(self.shards))
        plan = replace(
            self,
            experiment=replace(self.experiment, seeds=seeds),
            shards=(*self.shards, *further),
            num_workers=self.experiment.jobs or self.cut_for,
        )
        return _with_workers(plan)

    @property
    def num_train(self) -> Mapping[str, int]:
        """Name in the config → number of training examples."""
        return {name: size.num_train for name, size in self.sizes.items()}

    @property
    def described_shards(self) -> tuple[Mapping[str, Any], ...]:
        """The shards as a run records them."""
        return tuple({"seeds": list(shard.seeds), "replicas": shard.num_replicas} for shard in self.shards)

    @property
    def num_replicas(self) -> int:
        """Number of networks to train."""
        return sum(shard.num_replicas for shard in self.shards)

    def budget(self, shard: Shard) -> Budget:
        """The length of a shard's training, if nothing stops early."""
        num_examples = self.num_train[shard.settings.data.dataset]
        return budget_of(shard.settings, num_examples, drop_single=shard.drop_single)

    def architecture(self, cell: Cell) -> Architecture:
        """The network of a cell."""
        return architecture_for(cell.settings, self.sizes)

    def num_bytes_per_replica(self, cell: Cell) -> int:
        """Rough memory use of one replica during training."""
        data = cell.settings.data
        return estimate_bytes(self.architecture(cell), data.examples_per_batch(self.num_train[data.dataset]))

    def num_bytes(self, shard: Shard) -> int:
        """Rough memory use of a shard during training."""
        return len(shard.seeds) * sum(self.num_bytes_per_replica(cell) for stack in shard.stacks for cell in stack)

    @property
    def memory_bytes(self) -> int:
        """Rough memory use of all workers together."""
        largest = sorted(map(self.num_bytes, self.shards), reverse=True)[: self.num_workers]
        is_watched = any(shard.settings.diagnostics.names for shard in self.shards)
        process = ENGINES[self.engine].process_bytes + is_watched * WATCH_BYTES
        return sum(largest) + process * self.num_workers

    def describe(self) -> dict[str, Any]:
        """The plan as plain data."""
        experiment = self.experiment
        cells = [
            {
                "point": plain(cell.point),
                "arm": cell.arm,
                "data": cell.settings.data.dataset,
                "layers": list(self.architecture(cell).sizes()),
                "num_parameters": count_parameters(self.architecture(cell)),
                "bytes_per_replica": self.num_bytes_per_replica(cell),
            }
            for cell in experiment.cells
        ]
        return {
            "name": experiment.name,
            "num_points": len(experiment.points),
            "arms": list(experiment.arms),
            "baseline": experiment.baseline,
            "seeds": list(experiment.seeds),
            "num_replicas": self.num_replicas,
            "device": self.device,
            "num_workers": self.num_workers,
            "memory_bytes": self.memory_bytes,
            "shards": [
                {
                    "seeds": list(shard.seeds),
                    "replicas": shard.num_replicas,
                    "epochs": self.budget(shard).num_epochs,
                    "steps": self.budget(shard).num_steps,
                    "bytes": self.num_bytes(shard),
                }
                for shard in self.shards
            ],
            "cells": cells,
        }


def plan_experiment(
    config: Source,
    overrides: Sequence[str],
    *,
    data_folder: Path | None,
    log: Callable[[str], None],
    load_data: bool = True,
    cut_for: int | None = None,
    trained: Sequence[int] = (),
    begun_with: str | None = None,
    known: Collection[str] = (),
    chosen: Mapping[KeyPath, Any] = {},
) -> Plan:
    """Read a config and decide everything that training needs; nothing is written except downloaded data.

    Args:
        config: The experiment's file, or its text.
        overrides: Settings that replace the file's, as ``key.path=value``.
        data_folder: The data root, if the user chose one.
        log: Takes warnings, a line each.
        load_data: Whether to load the data sets and download missing ones; if not, the plan relies on their table.
        cut_for: Number of parallel processes to cut the shards for, if different from the number that train: a resumed
            run keeps its shards.
        trained: Seeds of the experiment that need not be trained: a run that is extended has them.
        begun_with: The engine of a run that goes on; None to choose one.
        known: The fingerprints of its data.
        chosen: What replaces ``tune`` once the arms have chosen, see ``tuning.chosen_by``.

    Raises:
        UserError: With a line for each mistake.
    """
    experiment = load_experiment(config, overrides, all_choices(), chosen=chosen)
    errors: list[str] = []
    machines, device, engine, slower = this_machine(), "cpu", "torch", None
    try:
        executor = EXECUTORS[experiment.executor]
        machines = executor.machines(experiment.locate(None, "executor"), **settings_of(executor, experiment))
        device = choose_device(experiment.device, experiment.locate(None, "device"), machines)
        engine, slower = choose_engine(experiment, device, begun_with=begun_with)
    except UserError as error:
        errors += error.lines
    data = data_of(
        experiment,
        data_folder,
        beside=config.parent if isinstance(config, Path) else None,
        known=known,
        load_data=load_data and not errors,
        log=log,
    )
    errors += data.mistakes
    if not data.is_known:
        raise UserError(*dict.fromkeys(errors))

    def network(cell: Cell) -> Architecture:
        return architecture_for(cell.settings, data.sizes)

    num_train = {name: size.num_train for name, size in data.sizes.items()}
    mistakes, notices = check_experiment(experiment, num_train, network, is_extended=bool(trained))
    if errors or mistakes:
        raise UserError(*dict.fromkeys(errors), *mistakes)
    num_workers = min(experiment.jobs or machines.num_workers(device), most_workers())
    plan = Plan(
        experiment=experiment,
        datasets=data.datasets,
        sizes=data.sizes,
        machines=machines,
        device=device,
        engine=engine,
        num_workers=num_workers,
        cut_for=cut_for or num_workers,
        shards=(),
        notices=(*data.absent, *notices, *filter(None, [slower])),
        executor=experiment.executor,
        file=config if isinstance(config, Path) else None,
    )
    shards = _cut(plan, [seed for seed in experiment.seeds if seed not in trained], first=0)
    plan = _with_workers(replace(plan, shards=shards))
    _check_weights(plan)
    return plan


def settings_of(executor: ExecutorKind, experiment: Experiment) -> dict[str, Any]:
    """An executor's own settings."""
    return {name: getattr(experiment, name) for name in executor.settings}


def _cut(plan: Plan, seeds: Sequence[int], *, first: int) -> tuple[Shard, ...]:
    """The shards of some seeds, numbered from ``first``."""
    if not seeds:
        return ()
    shards = plan_shards(
        plan.experiment.cells,
        seeds,
        num_workers=plan.cut_for,
        sizes=plan.sizes,
        max_bytes=SHARD_BYTES[plan.device.partition(":")[0]],
        num_pieces=_num_pieces(plan, len(seeds)),
    )
    return tuple(replace(shard, index=first + shard.index) for shard in shards)


def _num_pieces(plan: Plan, num_seeds: int) -> int:
    """The number of shards for each worker: as many as its engine wants, but none that takes no time."""
    products = 0
    for cell in plan.experiment.cells:
        training, num_examples = cell.settings.training, plan.num_train[cell.settings.data.dataset]
        num_read = training.epochs * cell.settings.data.num_train(num_examples)
        if training.steps is not None:
            num_read = training.steps * cell.settings.data.examples_per_batch(num_examples)
        products += num_seeds * num_read * count_parameters(plan.architecture(cell))
    return max(1, min(ENGINES[plan.engine].num_pieces, int(products / plan.cut_for / PIECE_PRODUCTS)))


def _with_workers(plan: Plan) -> Plan:
    """The plan with no more processes at a time than its shards and the memory allow.

    Raises:
        UserError: If the memory does not suffice.
    """
    plan = replace(plan, num_workers=max(1, min(plan.num_workers, len(plan.shards))))
    if plan.experiment.jobs is None:
        plan = _as_memory_allows(plan)
    _check_memory(plan)
    return plan


def _as_memory_allows(plan: Plan) -> Plan:
    """The plan with fewer processes at a time, if the memory does not suffice for all of them."""
    there = plan.machines.memory_bytes
    for num_workers in range(plan.num_workers, 0, -1):
        fewer = replace(plan, num_workers=num_workers)
        if there is None or fewer.memory_bytes <= there:
            notice = f"{counted(num_workers, 'worker')} instead of {plan.num_workers}: there is no memory for more"
            return replace(fewer, notices=(*plan.notices, notice)) if num_workers < plan.num_workers else plan
    return plan


def _check_weights(plan: Plan) -> None:
    """A run folder is read within bounds, so no run is trained that could not be read."""
    saved = [cell for cell in plan.experiment.cells if cell.settings.training.weights != "none"]
    sizes = [BYTES_PER_FLOAT * count_parameters(plan.architecture(cell)) for cell in saved]
    num_bytes = sum(sizes) * len(plan.experiment.seeds)
    for size, most, what in (
        (num_bytes, MAX_FOLDER_BYTES, "all networks"),
        (max(sizes, default=0), MAX_FILE_BYTES, "a network"),
    ):
        if size > 0.9 * most:
            raise UserError(
                f"{plan.experiment.locate(None, 'training.weights')}: the weights of {what} take {size / 1e9:,.1f} GB, "
                f"but bnreg reads at most {most / 1e9:,.1f} GB; "
                "use training.weights: none, a smaller model.hidden, or several runs with fewer seeds"
            )


def _check_memory(plan: Plan) -> None:
    there = plan.machines.memory_bytes
    if there is not None and plan.device == "cpu" and plan.memory_bytes > there:
        raise UserError(
            f"{plan.experiment.locate(None, 'model.hidden')}: training needs about {plan.memory_bytes / 1e9:,.0f} GB "
            f"of memory, but this machine has {there / 1e9:,.0f} GB; "
            "use a smaller model.hidden, data.batch_size or jobs"
        )
