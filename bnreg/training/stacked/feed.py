"""The feed of a shard: each seed's own order of examples, gathered into batches that all arms read."""

import hashlib
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bnreg.config.schema import Data
from bnreg.data import Dataset, epoch_order, noisy_labels, num_batches, split
from bnreg.nn.examples import Examples
from bnreg.training.stacked.augmentation import Augmentation


class Feed:
    """Batches for training and index sets for evaluation, resident on the device.

    Only the training split has label noise: it is used for training and for the train metrics. The validation split and
    the test set keep their true labels. Only training batches are augmented; evaluation is not.

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
        num_train = len(dataset.train_labels)
        self._seeds = seeds
        self._batch_size = settings.examples_per_batch(num_train)
        self._device = device
        train_images = self._resident(dataset.train_images)
        noisy = [noisy_labels(dataset.train_labels, dataset.num_classes, settings.label_noise, seed) for seed in seeds]
        test_images = self._resident(dataset.test_images)
        self._augmentation = Augmentation(settings.augment, seeds, dataset.train_images.shape[1:], device)
        self._splits = [split(num_train, settings.train_size, settings.validation_size, seed) for seed in seeds]
        self.num_steps = num_batches(len(self._splits[0].train), self._batch_size, drop_single=drop_single)
        self._train = Examples(train_images, self._rows(noisy), self._rows([s.train for s in self._splits]))
        self._validation = Examples(
            train_images, self._rows([dataset.train_labels]), self._rows([s.validation for s in self._splits])
        )
        everything = np.arange(len(test_images))
        self._test = Examples(test_images, self._rows([dataset.test_labels]), self._rows([everything]))
        self._order_hashes = [hashlib.sha256() for _ in seeds]

    def batches(self, epoch: int, *, skip: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the epoch's inputs of shape (S, batch, pixels) and labels of shape (S, batch).

        Args:
            epoch: Counted from 1.
            skip: Number of its batches to skip because they were read before.
        """
        order = torch.from_numpy(self.order(epoch)).to(self._device)
        augment = self._augmentation.for_epoch(epoch, skip=min(skip * self._batch_size, order.shape[1]))
        for indices in torch.split(order, self._batch_size, dim=1)[skip:]:
            x, y = self._train.batch(indices)
            yield augment(x), y

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Each seed's order of examples in an epoch, shape (S, examples); it is also added to the order hashes."""
        orders = [epoch_order(s.train, seed, epoch) for s, seed in zip(self._splits, self._seeds, strict=True)]
        order = np.stack(orders)[:, : self.num_steps * self._batch_size].astype("<i8")
        for order_hash, row in zip(self._order_hashes, order, strict=True):
            order_hash.update(row.tobytes())
        return order

    def evaluation_sets(self) -> dict[str, Examples]:
        """The examples of each split; ``validation`` is missing if there is no validation split."""
        validation = {"validation": self._validation} if self._validation.indices.shape[1] else {}
        return {"train": self._train, **validation, "test": self._test}

    def order_hashes(self) -> dict[int, str]:
        """Seed → SHA-256 over the indices of all epochs begun so far."""
        return {seed: order.hexdigest() for seed, order in zip(self._seeds, self._order_hashes, strict=True)}

    def _resident(self, images: np.ndarray) -> Tensor:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")  # it is never written to
            return torch.from_numpy(images).flatten(1).to(self._device)

    def _rows(self, rows: list[np.ndarray]) -> Tensor:
        if all(np.array_equal(row, rows[0]) for row in rows):
            rows = rows[:1]
        return torch.from_numpy(np.stack(rows)).to(self._device)
