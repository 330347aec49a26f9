"""The cost of evaluation in the wrong mode: trained networks in eval mode and, deliberately, in train mode."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from bnreg.config.experiment import Cell
from bnreg.data import Dataset
from bnreg.errors import RunError
from bnreg.metrics import ACCURACY
from bnreg.nn.dropout import StackedDropout
from bnreg.nn.evaluation import evaluate
from bnreg.nn.examples import Examples
from bnreg.nn.network import StackedNetwork
from bnreg.streams import stream
from bnreg.trained.load import TrainedArm, empty_network
from bnreg.trained.threads import one_thread

# Number of examples evaluated at a time; None: the whole test set.
BATCH_SIZES: tuple[int | None, ...] = (2, 8, 32, 128, 512, None)
ORDERS = ("shuffled", "sorted")

# Number of tensors, as large as the widest layer's output, that are alive at a time: z, centred, squared, normalised,
# activated.
COPIES_OF_VALUES = 5
BYTES_PER_FLOAT = 4
MAX_PASS_BYTES = 2 << 30


@dataclass(frozen=True)
class TrainModeResult:
    """Test accuracy in train mode.

    Attributes:
        batch_size: Examples in a batch; None: the whole test set is one batch.
        order: ``shuffled``, or ``sorted`` by class.
        accuracies: One fraction for each seed.
    """

    batch_size: int | None
    order: str
    accuracies: tuple[float, ...]


@dataclass(frozen=True)
class ArmModes:
    """Test accuracy of an arm's networks in both modes.

    Attributes:
        cell: The arm and its point.
        seeds: The seeds of the networks.
        missing: Seeds without weights, because they diverged.
        eval_accuracies: Test accuracy in eval mode, one fraction for each seed.
        train_results: Test accuracy in train mode for each order and batch size.
        checksums: SHA-256 of each weight and statistic, by name, verified to be the same before and after.
    """

    cell: Cell
    seeds: tuple[int, ...]
    missing: tuple[int, ...]
    eval_accuracies: tuple[float, ...]
    train_results: tuple[TrainModeResult, ...]
    checksums: Mapping[str, str]

    def describe(self) -> dict[str, Any]:
        """The results as plain data, for printing and drawing."""
        return {
            "point_index": self.cell.point_index,
            "point": dict(self.cell.point),
            "arm": self.cell.arm,
            "seeds": list(self.seeds),
            "missing_seeds": list(self.missing),
            "eval": _spread(self.eval_accuracies),
            "train": [
                {"order": result.order, "batch_size": result.batch_size or "all"} | _spread(result.accuracies)
                for result in self.train_results
            ],
            "state_unchanged": True,
            "sha256": dict(self.checksums),
        }


def study_modes(trained: TrainedArm, dataset: Dataset) -> ArmModes:
    """Measure an arm's test accuracy in eval mode and in train mode, and check that its networks are unchanged.

    In train mode, batch norm normalises by the current batch and dropout is active, so an answer depends on the rest of
    the batch. A last batch of one example, which batch norm cannot normalise, is left out in every arm.

    The shuffled order is the same for all networks; the sorted one is by class and keeps the test set's order within
    each class.

    Args:
        trained: The networks, in eval mode.
        dataset: The data that they were tested on.

    Raises:
        RunError: If a weight or a statistic is not bit-identical to what it was before.
    """
    images = torch.tensor(dataset.test_images).flatten(1)
    labels = torch.tensor(dataset.test_labels).unsqueeze(0)
    before = state_checksums(trained.network)
    orders = {order: Examples(images, labels, indices) for order, indices in _orders(labels).items()}
    eval_accuracies = evaluate(trained.network, orders["sorted"]).means[ACCURACY]
    results = []
    with one_thread():
        for order, examples in orders.items():
            x, y = examples.batch(examples.indices)
            for batch_size in BATCH_SIZES:
                accuracies = _train_mode_accuracies(trained, x, y[0], batch_size or y.shape[1])
                results.append(TrainModeResult(batch_size, order, accuracies))
    after = state_checksums(trained.network)
    if changed := [name for name, checksum in before.items() if after[name] != checksum]:
        raise RunError(f"arm {trained.cell.arm!r}: evaluation in train mode changed {', '.join(changed)}")
    return ArmModes(
        trained.cell, trained.seeds, trained.missing, tuple(eval_accuracies.tolist()), tuple(results), before
    )


@contextmanager
def deliberately_training(network: StackedNetwork, generator_seeds: Sequence[int]) -> Iterator[None]:
    """Put the network in train mode within this block, without gradients; then restore its mode and its buffers.

    The buffers need restoring because batch norm in train mode updates its running statistics.

    Args:
        network: A stack of R replicas.
        generator_seeds: Seeds for each replica's dropout masks, R numbers.
    """
    was_training = network.training
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    for layer in network.layers:
        if isinstance(layer, StackedDropout):
            for generator, seed in zip(layer.generators, generator_seeds, strict=True):
                generator.manual_seed(seed)
    network.train()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(was_training)
        for name, buffer in network.named_buffers():
            buffer.copy_(buffers[name])


def state_checksums(network: StackedNetwork) -> dict[str, str]:
    """SHA-256 of every weight and statistic, by its name in the stack, e.g. ``norm0.running_mean``."""
    return {
        name: hashlib.sha256(values.contiguous().numpy().tobytes()).hexdigest()
        for name, values in network.layers.state_dict().items()
    }


def _spread(accuracies: tuple[float, ...]) -> dict[str, Any]:
    mean = sum(accuracies) / len(accuracies)
    return {"mean": mean, "lowest": min(accuracies), "highest": max(accuracies), "accuracies": list(accuracies)}


def _orders(labels: Tensor) -> dict[str, Tensor]:
    """The indices of all examples, shape (1, N), for each of the ``ORDERS``; the labels have shape (1, N) too."""
    shuffled = stream(0, "modes", "order").permutation(labels.shape[1])
    by_class = labels.argsort(dim=1, stable=True)
    return dict(zip(ORDERS, (torch.from_numpy(shuffled).unsqueeze(0), by_class), strict=True))


def _train_mode_accuracies(trained: TrainedArm, x: Tensor, y: Tensor, batch_size: int) -> tuple[float, ...]:
    """One accuracy for each seed.

    Args:
        trained: R networks.
        x: Inputs, shape (1, examples, pixels).
        y: Labels, shape (examples,).
        batch_size: Examples in a batch.
    """
    num_used = len(y) - (len(y) % batch_size == 1)
    batches = torch.split(x[:, :num_used], batch_size, dim=1)
    accuracies: list[float] = []
    for part in _parts(trained, batch_size):
        with deliberately_training(part.network, [_mask_seed(part.cell, seed) for seed in part.seeds]):
            answers = torch.cat([part.network(batch) for batch in batches], dim=1).argmax(2)
        accuracies += (answers == y[:num_used]).mean(1, dtype=torch.float64).tolist()
    return tuple(accuracies)


def _mask_seed(cell: Cell, seed: int) -> int:
    """The seed of a network's dropout masks; every pass starts with it again."""
    return int(stream(seed, "modes", "dropout", cell.arm, *map(str, cell.point.items())).integers(2**63))


def _parts(trained: TrainedArm, batch_size: int) -> Iterator[TrainedArm]:
    """The networks themselves if a batch for all of them fits into memory, else copies of as many at a time as fit.

    The batch cannot be split instead: in train mode, the network's answers depend on all of it.
    """
    architecture = trained.network.architecture
    num_bytes = BYTES_PER_FLOAT * COPIES_OF_VALUES * architecture.most_values * batch_size
    num_fitting = max(1, MAX_PASS_BYTES // num_bytes)
    if num_fitting >= len(trained.seeds):
        yield trained
        return
    for first in range(0, len(trained.seeds), num_fitting):
        seeds = trained.seeds[first : first + num_fitting]
        network = empty_network(trained.cell, architecture, len(seeds))
        for place in range(len(seeds)):
            network.restore(place, trained.network.state_of(first + place))
        yield replace(trained, seeds=seeds, network=network)
