"""Group cells and seeds into stacks and shards: which networks train together, and in which process."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import ceil
from typing import TypeVar

import numpy as np

from bnreg.budget import Budget
from bnreg.config.experiment import Cell
from bnreg.config.schema import Settings
from bnreg.data import Size, num_batches
from bnreg.nn.activations import ACTIVATIONS
from bnreg.nn.architecture import Architecture
from bnreg.streams import stream

Item = TypeVar("Item")

BYTES_PER_FLOAT = 4
FLOATS_PER_PARAMETER = 4  # the weight, its gradient and, with Adam, two moments
FLOATS_PER_ACTIVATION = 8  # the values that a node keeps for the backward pass, and those that this pass computes

# A CPU core trains forty of the lecture's networks at a time 1.2 times as fast as a hundred, because the state of a
# hundred no longer fits in its cache. More networks at a time use a GPU better.
SHARD_BYTES = {"cpu": 40 << 20, "cuda": 4 << 30}


@dataclass(frozen=True)
class Shard:
    """Some seeds with all their arms, trained in one process.

    Attributes:
        index: Its place in the plan.
        seeds: S seeds.
        stacks: Cells of equal structure, stack by stack. All of them read the same batches.
        drop_single: Whether an epoch's last batch is skipped if it holds one example, which batch norm cannot use.
    """

    index: int
    seeds: tuple[int, ...]
    stacks: tuple[tuple[Cell, ...], ...]
    drop_single: bool

    @property
    def settings(self) -> Settings:
        """The settings that all cells share (data, length of training, evaluations), taken from the first cell."""
        return self.stacks[0][0].settings

    @property
    def num_replicas(self) -> int:
        """Number of networks that are trained."""
        return len(self.seeds) * sum(map(len, self.stacks))


def architecture(settings: Settings, image_shape: tuple[int, int], num_classes: int) -> Architecture:
    """The network that the settings describe, for images of this shape."""
    model = settings.model
    convolution = {}
    if model.kind == "cnn":
        convolution = {"kernel": model.kernel, "stride": model.stride, "pool": model.pool}
    return Architecture(
        image_shape=image_shape,
        num_classes=num_classes,
        hidden=model.hidden,
        channels=model.channels if model.kind == "cnn" else (),
        **convolution,
        activation=model.activation,
        norm=model.norm,
        norm_placement=model.norm_placement,
        norm_epsilon=model.norm_epsilon,
        norm_momentum=model.norm_momentum,
        norm_groups=model.norm_groups,
        is_standardised=settings.data.standardise != "none",
        dropout_placement=model.dropout_placement,
    )


def architecture_for(settings: Settings, sizes: Mapping[str, Size]) -> Architecture:
    """The same for the data set that the settings name, given the size of each."""
    size = sizes[settings.data.dataset]
    return architecture(settings, size.image_shape, size.num_classes)


def budget_of(settings: Settings, num_examples: int, *, drop_single: bool) -> Budget:
    """The length of training, unless it stops early, if the data set's training set has ``num_examples``."""
    data = settings.data
    num_train, batch_size = data.num_train(num_examples), data.examples_per_batch(num_examples)
    return settings.training.budget(num_batches(num_train, batch_size, drop_single=drop_single))


def dropout_stream(cell: Cell, seed: int) -> np.random.Generator:
    """The stream of a replica's dropout, named by its arm and point.

    Masks are not paired, because arms may have different layers.
    """
    return stream(seed, "dropout", cell.arm, *map(str, cell.point.items()))


def count_parameters(architecture: Architecture) -> int:
    """Number of learnt parameters of one replica."""
    has_slope = ACTIVATIONS[architecture.activation].learnt_slope is not None
    return architecture.num_parameters(num_slopes=int(has_slope))


def estimate_bytes(architecture: Architecture, batch_size: int) -> int:
    """A rough estimate of the memory that one replica needs while it trains, including its share of the batch."""
    height, width = architecture.image_shape
    values = sum(layer.num_values for layer in architecture.layers())
    activations = batch_size * (height * width + FLOATS_PER_ACTIVATION * values)
    return BYTES_PER_FLOAT * (FLOATS_PER_PARAMETER * count_parameters(architecture) + activations)


def plan_shards(
    cells: Sequence[Cell],
    seeds: Sequence[int],
    *,
    num_workers: int,
    sizes: Mapping[str, Size],
    max_bytes: int = SHARD_BYTES["cpu"],
    num_pieces: int = 1,
) -> tuple[Shard, ...]:
    """Cut an experiment into shards.

    Cells that read different batches cannot share a shard. The others are cut by seeds and, if there are more workers
    than seeds, by the sweep's points, into the same number of shards for each worker, each within the memory limit. The
    arms of a seed at a point always stay together, as long as they read the same batches.

    Args:
        cells: All cells of the experiment.
        seeds: All seeds.
        num_workers: Number of shards that can be trained at a time.
        sizes: The size of each data set, by its configured name.
        max_bytes: The most memory that a shard should need; a single seed's arms may need more.
        num_pieces: The least number of shards for each worker, as far as there are seeds and points.
    """

    def network(cell: Cell) -> Architecture:
        return architecture_for(cell.settings, sizes)

    def num_bytes_of(cell: Cell) -> int:
        data = cell.settings.data
        return estimate_bytes(network(cell), data.examples_per_batch(sizes[data.dataset].num_train))

    def structure(cell: Cell) -> Hashable:
        """The key that all cells of one stack must share; everything else is a number per replica."""
        model = cell.settings.model
        return network(cell), model.norm_init, model.inference_statistics, cell.settings.optimizer.name

    shards: list[Shard] = []
    for feed in _grouped(cells, _feed):
        num_bytes = len(seeds) * sum(map(num_bytes_of, feed))
        num_wanted = num_workers * max(num_pieces, ceil(num_bytes / max_bytes / num_workers))
        order = feed[0].settings.data.order
        drop_single = any(network(cell).needs_batch for cell in cells if cell.settings.data.order == order)
        points = _grouped(feed, lambda cell: cell.point_index)
        seed_chunks = _chunks(seeds, num_wanted)
        point_chunks = _chunks(points, ceil(num_wanted / len(seed_chunks)))
        for some_seeds, some_points in product(seed_chunks, point_chunks):
            some_cells = [cell for point in some_points for cell in point]
            stacks = tuple(map(tuple, _grouped(some_cells, structure)))
            shards.append(Shard(len(shards), tuple(some_seeds), stacks, drop_single))
    return tuple(shards)


def _feed(cell: Cell) -> Hashable:
    """The key that cells must share to read the same batches for as long, and to be evaluated together."""
    training = cell.settings.training
    return cell.settings.data, training.epochs, training.steps, training.evaluate, cell.settings.diagnostics


def _grouped(cells: Iterable[Cell], key: Callable[[Cell], Hashable]) -> list[list[Cell]]:
    groups: dict[Hashable, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(key(cell), []).append(cell)
    return list(groups.values())


def _chunks(items: Sequence[Item], num_chunks: int) -> list[Sequence[Item]]:
    """Cut into at most this many chunks, none of them empty; their sizes differ by at most one."""
    num_chunks = min(num_chunks, len(items))
    cuts = [len(items) * i // num_chunks for i in range(num_chunks + 1)]
    return [items[a:b] for a, b in pairwise(cuts)]
