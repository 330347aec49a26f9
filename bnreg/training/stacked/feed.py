"""The feed of a shard: each seed's own order of examples, gathered into batches that all arms read."""

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from bnreg.config.schema import Data
from bnreg.data import Dataset
from bnreg.nn.examples import Examples
from bnreg.training.order import Order
from bnreg.training.stacked.augmentation import Augmentation


class Feed:
    """Batches for training and examples for evaluation, resident on the device.

    Only training batches are augmented; evaluation is not.

    Attributes:
        order: The order of the examples.

    Args:
        dataset: The data.
        settings: Batch size, splits, label noise and augmentation.
        seeds: S seeds; row s of every batch belongs to seed s.
        device: The device that holds the data.
        drop_single: Skip an epoch's last batch if it holds a single example.
    """

    def __init__(
        self, dataset: Dataset, settings: Data, seeds: Sequence[int], device: torch.device, *, drop_single: bool
    ) -> None:
        self.order = Order(dataset, settings, seeds, drop_single=drop_single)
        self._device = device
        augment, image_shape = settings.augment, dataset.train_images.shape[1:]
        self._augmentation = Augmentation(augment, seeds, image_shape, device) if augment.is_on else None
        self._sets = examples_of(dataset, self.order, device)

    def batches(self, epoch: int, first: int = 0, end: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the epoch's batches, see ``draws`` and ``batch``."""
        return (self.batch(*drawn) for drawn in self.draws(epoch, first, end))

    def draws(self, epoch: int, first: int = 0, end: int | None = None) -> Iterator[tuple[Tensor, ...]]:
        """Yield what is drawn for each batch: its examples' indices, shape (S, batch), and, if they are moved, how.

        Args:
            epoch: Counted from 1.
            first: The first batch to yield, counted from 0.
            end: The batch after the last; None for all.
        """
        order = torch.from_numpy(self.order.of_epoch(epoch)).to(self._device)
        chosen = torch.split(order, self.order.batch_size, dim=1)[first:end]
        if self._augmentation is None:
            yield from ((indices,) for indices in chosen)
            return
        draw = self._augmentation.for_epoch(epoch, skip=min(first * self.order.batch_size, order.shape[1]))
        yield from ((indices, draw(indices.shape[1])) for indices in chosen)

    def batch(self, indices: Tensor, moves: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The inputs of shape (S, batch, pixels) and labels of shape (S, batch) that were drawn."""
        x, y = self._sets["train"].batch(indices)
        if self._augmentation is not None and moves is not None:
            x = self._augmentation.moved(x, moves)
        return x, y

    def evaluation_sets(self) -> dict[str, Examples]:
        """The examples of each split; ``validation`` is missing if there is no validation split."""
        return self._sets


def examples_of(dataset: Dataset, order: Order, device: torch.device) -> dict[str, Examples]:
    """The examples of each split of a shard, on a device."""

    def resident(images: np.ndarray) -> Tensor:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")  # it is never written to
            return torch.from_numpy(images).flatten(1).to(device)

    images = {"train": resident(dataset.train_images), "test": resident(dataset.test_images)}
    return {
        split: Examples(
            images["test" if split == "test" else "train"],
            torch.from_numpy(order.labels(split)).to(device),
            torch.from_numpy(indices).to(device),
        )
        for split, indices in order.indices().items()
    }
