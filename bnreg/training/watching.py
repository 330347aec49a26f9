"""The watches over a shard's stacks, whichever engine trains them; imported only where something is watched."""

from collections.abc import Iterable

import torch

from bnreg.data import Dataset
from bnreg.diagnostics.watch import Watch
from bnreg.training.engines import TrainableStack
from bnreg.training.order import Order
from bnreg.training.stacked.feed import examples_of


def watch_over(stacks: Iterable[TrainableStack], dataset: Dataset, order: Order, device: str) -> list[Watch]:
    """A watch over each stack.

    Args:
        stacks: The stacks of a shard.
        dataset: The data.
        order: The order of the shard's examples.
        device: The device to look on.
    """
    torch.set_num_threads(1)  # as in a worker of the torch engine; a compiled worker imports torch only here
    place = torch.device(device)
    sets = examples_of(dataset, order, place)
    return [
        Watch(one.settings.diagnostics, one.architecture, [seed for _, seed in one.replicas], sets, place)
        for one in stacks
    ]
