"""The feed of a shard: each seed's own order of examples, gathered into batches that all arms read."""

import hashlib
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from bnreg.config.schema import Data
from bnreg.data import Dataset, epoch_order, num_batches, split
from bnreg.training.evaluation import batch_of


class Feed:
    """Batches for training and index sets for evaluation, resident on the device.

    Args:
        dataset: The data.
        settings: Batch size and splits.
        seeds: S seeds; row s of every batch belongs to seed s.
        device: Where the data shall lie.
        drop_single: Leave out an epoch's last batch if it holds a single example.
    """

    def __init__(
        self, dataset: Dataset, settings: Data, seeds: Sequence[int], device: torch.device, *, drop_single: bool
    ) -> None:
        self._seeds = seeds
        self._batch_size = settings.batch_size
        self._device = device
        self._train_data = self._resident(dataset.train_images, dataset.train_labels)
        self._test_data = self._resident(dataset.test_images, dataset.test_labels)
        num_train = len(dataset.train_labels)
        self._splits = [split(num_train, settings.train_size, settings.validation_size, seed) for seed in seeds]
        self.num_steps = num_batches(len(self._splits[0].train), settings.batch_size, drop_single=drop_single)
        self._order_hashes = [hashlib.sha256() for _ in seeds]

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the epoch's inputs of shape (S, batch, pixels) and labels of shape (S, batch)."""
        orders = [epoch_order(s.train, seed, epoch) for s, seed in zip(self._splits, self._seeds, strict=True)]
        order = np.stack(orders)[:, : self.num_steps * self._batch_size].astype("<i8")
        for order_hash, row in zip(self._order_hashes, order, strict=True):
            order_hash.update(row.tobytes())
        for indices in torch.split(torch.from_numpy(order).to(self._device), self._batch_size, dim=1):
            yield batch_of(*self._train_data, indices)

    def evaluation_sets(self) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
        """Images, labels and indices of shape (S or 1, n) for each split; a single row is shared by all seeds."""
        sets = {"train": (*self._train_data, self._rows([s.train for s in self._splits]))}
        if len(self._splits[0].validation):
            sets["validation"] = (*self._train_data, self._rows([s.validation for s in self._splits]))
        everything = [np.arange(len(self._test_data[1]))]
        return sets | {"test": (*self._test_data, self._rows(everything))}

    def order_hashes(self) -> list[str]:
        """One SHA-256 per seed over the indices of all batches yielded so far."""
        return [order_hash.hexdigest() for order_hash in self._order_hashes]

    def _resident(self, images: np.ndarray, labels: np.ndarray) -> tuple[Tensor, Tensor]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")  # nobody writes to it
            pixels, classes = torch.from_numpy(images), torch.from_numpy(labels)
        return pixels.flatten(1).to(self._device), classes.to(self._device)

    def _rows(self, rows: list[np.ndarray]) -> Tensor:
        if all(np.array_equal(row, rows[0]) for row in rows):
            rows = rows[:1]
        return torch.from_numpy(np.stack(rows)).to(self._device)
