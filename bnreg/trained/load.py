"""Load a run's trained networks and data from its folder."""

from dataclasses import dataclass
from pathlib import Path

import torch

from bnreg.config.experiment import Cell, Experiment
from bnreg.config.load import load_experiment
from bnreg.config.own_data import data_name, is_data_path
from bnreg.data import Dataset, data_root, load_dataset
from bnreg.errors import UserError
from bnreg.experiment.choices import all_choices
from bnreg.names import ReplicaId
from bnreg.nn.architecture import Architecture
from bnreg.nn.network import StackedNetwork
from bnreg.runs import CONFIG, Run, read_weights, weights_file
from bnreg.training.shards import architecture
from bnreg.wording import unknown


@dataclass(frozen=True)
class TrainedArm:
    """The trained networks of one arm at one point of the sweep.

    Attributes:
        cell: The arm, its point and its settings.
        seeds: The seeds whose weights were saved; replica i of the network belongs to the i-th.
        missing: The seeds without weights, because they diverged.
        network: The stack, in eval mode, float32 on the CPU. If the arm has dropout, the stack has its layers, with one
            generator per replica; seed the generators before switching to train mode.
    """

    cell: Cell
    seeds: tuple[int, ...]
    missing: tuple[int, ...]
    network: StackedNetwork


def load_trained(run: Run, arm: str | None = None, point_index: int | None = None) -> list[TrainedArm]:
    """The trained networks of a run, arm by arm in the config's order.

    Args:
        run: The run.
        arm: Only this arm; None for all that have weights.
        point_index: Only this point of the sweep, counted from 0; None for all.

    Raises:
        UserError: If there is no such arm or point, if there are no weights, or if a file is damaged.
    """
    experiment = _experiment(run)
    if arm is not None and arm not in experiment.arms:
        raise UserError(f"{run.path}: {unknown('arm', arm, experiment.arms)}")
    num_points = len(experiment.points)
    if point_index is not None and not 0 <= point_index < num_points:
        raise UserError(f"{run.path}: no point {point_index}; this run's points are 0 to {num_points - 1}")
    cells = [
        cell for cell in experiment.cells if cell.arm in (arm or cell.arm,) and point_index in (None, cell.point_index)
    ]
    trained = [loaded for cell in cells if (loaded := _load_cell(run, experiment, cell)) is not None]
    if not trained:
        of_arm = "" if arm is None else f" of arm {arm!r}"
        if any(cell.settings.training.weights != "none" for cell in cells):
            raise UserError(f"{run.path}: no weights{of_arm}: every network diverged")
        raise UserError(f"{run.path}: no weights{of_arm} were saved; train again with training.weights=last")
    return trained


def empty_network(cell: Cell, architecture: Architecture, num_replicas: int) -> StackedNetwork:
    """A stack for a cell's trained networks, in eval mode; their weights must still be restored.

    Args:
        cell: The cell that the networks belong to.
        architecture: The architecture that the cell's settings describe.
        num_replicas: Number of networks.
    """
    return StackedNetwork(
        architecture,
        num_replicas,
        dropout_rates=[cell.settings.model.dropout] * num_replicas,
        generators=[torch.Generator() for _ in range(num_replicas)],
    ).eval()


def load_data(run: Run, cell: Cell, folder: Path | None) -> Dataset:
    """The data that a cell was trained and tested on.

    Args:
        run: The run.
        cell: One of its cells.
        folder: The data root, if the user chose one.

    Raises:
        UserError: If the data are missing, or are not those of the run.
    """
    requested, config = cell.settings.data.dataset, run.path / CONFIG
    used = run.info.data[data_name(requested)]
    root = data_root(folder, cell.settings.data.root, f"{config}: data.root")
    name = requested if is_data_path(requested) else used.name
    place = f"{config}: data.dataset"
    dataset = load_dataset(name, root, fallback="none", log=lambda _: None, place=place, known=(used.fingerprint,))
    if dataset.fingerprint != used.fingerprint:
        raise UserError(
            f"{dataset.source}: not the data of {run.path.name}: the fingerprint is {dataset.fingerprint}, but the run "
            f"used {used.fingerprint}"
        )
    return dataset


def _experiment(run: Run) -> Experiment:
    run.verified([CONFIG])
    return load_experiment(run.path / CONFIG, [], all_choices())


def _load_cell(run: Run, experiment: Experiment, cell: Cell) -> TrainedArm | None:
    """A cell's networks; None if its config did not ask for weights, or all of them diverged."""
    if cell.settings.training.weights == "none":
        return None
    diverged = _diverged_seeds(run, experiment, cell)
    seeds = tuple(seed for seed in experiment.seeds if seed not in diverged)
    if not seeds:
        return None
    replicas = [ReplicaId(cell.point_index, cell.arm, seed) for seed in seeds]
    names = [weights_file(replica, len(experiment.points)) for replica in replicas]
    used = run.info.data[data_name(cell.settings.data.dataset)]
    network = empty_network(cell, architecture(cell.settings, used.image_shape, used.num_classes), len(seeds))
    for replica, (name, arrays) in enumerate(zip(names, read_weights(run, names), strict=True)):
        try:
            network.restore(replica, {key: torch.from_numpy(values) for key, values in arrays.items()})
        except ValueError as error:
            raise UserError(f"{run.path / name}: does not fit the run's config: {error}") from None
    return TrainedArm(cell, seeds, tuple(sorted(diverged)), network)


def _diverged_seeds(run: Run, experiment: Experiment, cell: Cell) -> list[int]:
    """The cell's diverged seeds; the rows of the summary are in the order of the cells: by point, arm and seed."""
    first = experiment.cells.index(cell) * len(experiment.seeds)
    status = run.summary["status"][first : first + len(experiment.seeds)]
    return [seed for seed, one in zip(experiment.seeds, status, strict=True) if one == "diverged"]
