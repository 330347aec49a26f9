"""Tiny data, and cells of an experiment that uses them."""

import numpy as np

from bnreg.config.experiment import Cell
from bnreg.config.schema import Settings
from bnreg.data import Dataset, Size

TINY_SIZES = {"tiny": Size(400, (6, 6), 4)}


def make_tiny(num_train=400, num_test=200, seed=0, ink=1.0):
    """Learnable images of 6 × 6 pixels in four classes: one pattern per class, plus noise; a share of it is kept."""
    rng = np.random.default_rng(seed)
    patterns = rng.integers(0, 200, (4, 6, 6))

    def draw(count):
        labels = rng.integers(0, 4, count)
        images = np.clip(patterns[labels] + rng.normal(0, 60, (count, 6, 6)), 0, 255).astype(np.uint8)
        if ink < 1:
            images *= rng.random(images.shape) < ink
        return images, labels.astype(np.int64)

    train_images, train_labels = draw(num_train)
    test_images, test_labels = draw(num_test)
    return Dataset("tiny", train_images, train_labels, test_images, test_labels, 4, "sha256:tiny", "made here")


def make_cell(arm="arm", point_index=0, point=None, **sections):
    """A cell with small settings; keyword arguments replace whole sections."""
    base = {
        "data": {"dataset": "tiny", "batch_size": 32},
        "model": {"hidden": (8, 6)},
        "optimizer": {"lr": 0.01},
        "training": {"epochs": 2},
        "diagnostics": {},
    }
    settings = {key: {**base[key], **sections.get(key, {})} for key in base}
    return Cell(point_index=point_index, point=point or {}, arm=arm, settings=Settings.model_validate(settings))
