"""The order of a shard's examples: each seed's splits, labels and batches, as indices."""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bnreg.config.schema import Data
from bnreg.data import Dataset, epoch_order, noisy_labels, num_batches, split


class Order:
    """Which examples each seed reads, and in which order; the same for all of its arms, and in every engine.

    Only the training split has label noise: it is used for training and for the train metrics. The validation split and
    the test set keep their true labels.

    Attributes:
        batch_size: Examples in a batch; the last of an epoch may have fewer.
        num_steps: Batches in an epoch.

    Args:
        dataset: The data.
        settings: Batch size, splits and label noise.
        seeds: S seeds; row s of every order belongs to seed s.
        drop_single: Skip an epoch's last batch if it holds a single example.
    """

    def __init__(self, dataset: Dataset, settings: Data, seeds: Sequence[int], *, drop_single: bool) -> None:
        num_train = len(dataset.train_labels)
        self._dataset = dataset
        self._seeds = seeds
        self._noise = settings.label_noise
        self.batch_size = settings.examples_per_batch(num_train)
        self._splits = [split(num_train, settings.train_size, settings.validation_size, seed) for seed in seeds]
        self.num_steps = num_batches(len(self._splits[0].train), self.batch_size, drop_single=drop_single)
        self._hashes = [hashlib.sha256() for _ in seeds]
        self._epoch = 0  # the last one begun, and its order
        self._order = np.zeros((0, 0), np.int64)

    def of_epoch(self, epoch: int) -> npt.NDArray[np.int64]:
        """Each seed's order of examples in an epoch, shape (S, examples); the epoch is begun, if it is not yet.

        Args:
            epoch: Counted from 1: the last one begun, or a later one.
        """
        self.begin(epoch)
        assert epoch == self._epoch
        return self._order

    def begin(self, epoch: int) -> None:
        """Begin all epochs up to this one: their orders are added to the hashes."""
        for number in range(self._epoch + 1, epoch + 1):
            orders = [epoch_order(s.train, seed, number) for s, seed in zip(self._splits, self._seeds, strict=True)]
            self._order = np.stack(orders)[:, : self.num_steps * self.batch_size].astype("<i8")
            for order_hash, row in zip(self._hashes, self._order, strict=True):
                order_hash.update(row.tobytes())
        self._epoch = max(self._epoch, epoch)

    def hashes(self) -> dict[int, str]:
        """Seed → SHA-256 over the indices of all epochs begun so far."""
        return {seed: order.hexdigest() for seed, order in zip(self._seeds, self._hashes, strict=True)}

    def indices(self) -> dict[str, npt.NDArray[np.int64]]:
        """The examples of each split, shape (S, n), or (1, n) if all seeds have the same.

        ``validation`` is missing if there is no validation split.
        """
        validation = {"validation": _rows([s.validation for s in self._splits])}
        return {
            "train": _rows([s.train for s in self._splits]),
            **(validation if validation["validation"].shape[1] else {}),
            "test": _rows([np.arange(len(self._dataset.test_labels))]),
        }

    def labels(self, split: str) -> npt.NDArray[np.int64]:
        """The labels of all examples of the set that a split belongs to, shape (S, N) or (1, N)."""
        if split == "train":
            true, classes = self._dataset.train_labels, self._dataset.num_classes
            return _rows([noisy_labels(true, classes, self._noise, seed) for seed in self._seeds])
        return _rows([self._dataset.test_labels if split == "test" else self._dataset.train_labels])


def _rows(rows: list[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """All rows, or one if they are equal."""
    return np.stack(rows[:1] if all(np.array_equal(row, rows[0]) for row in rows) else rows)
