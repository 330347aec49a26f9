import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest
from support.tiny_digits import tiny_arrays

from bnreg.data import Dataset, attach, fingerprint_of, share


@pytest.fixture
def dataset():
    return Dataset("tiny", *tiny_arrays(), num_classes=10, fingerprint=fingerprint_of(tiny_arrays()), source="made up")


def test_the_attached_data_set_equals_the_shared_one(tmp_path, dataset):
    share(dataset, tmp_path / "new" / "folder")
    attached = attach(tmp_path / "new" / "folder")
    for field in fields(Dataset):
        value, expected = getattr(attached, field.name), getattr(dataset, field.name)
        np.testing.assert_array_equal(value, expected)
        assert type(value) is type(expected)
        assert getattr(value, "dtype", None) == getattr(expected, "dtype", None)


def test_attached_arrays_are_mapped_and_cannot_be_written(tmp_path, dataset):
    """They are maps of the files, so every process sees the same memory."""
    share(dataset, tmp_path)
    attached = attach(tmp_path)
    with pytest.raises(ValueError, match="read-only"):
        attached.train_images[0, 0, 0] = 1
    assert isinstance(attached.train_images.base, np.memmap)


def test_another_process_attaches_the_same_data(tmp_path, dataset):
    share(dataset, tmp_path)
    code = (
        "import sys; from pathlib import Path; from bnreg.data import Arrays, attach, fingerprint_of;"
        "dataset = attach(Path(sys.argv[1]));"
        "print(fingerprint_of(Arrays(*(getattr(dataset, field) for field in Arrays._fields))))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == dataset.fingerprint
