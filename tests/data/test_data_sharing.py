import errno
import os
import subprocess
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from support.tiny_digits import tiny_arrays

from bnreg.data import Dataset, attach, fingerprint_of, share, sharing_folder
from bnreg.data.sharing import LOCK


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


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


HOLD = """
import sys, tempfile
from bnreg.data import sharing_folder
tempfile.tempdir = sys.argv[1]
with sharing_folder() as folder:
    (folder / "mnist").mkdir()
    (folder / "mnist" / "train_images.npy").write_bytes(b"x")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(temporary):
    """Another process that shares data, and its folder."""
    command = [sys.executable, "-c", HOLD, str(temporary)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process, Path(process.stdout.readline().strip())
        process.kill()


def test_a_folder_that_is_left_by_a_killed_process_is_removed_by_the_next(temporary, holder):
    """Not while the process lives; afterwards with everything in it."""
    process, left = holder
    with sharing_folder():
        assert (left / "mnist" / "train_images.npy").exists()
    process.kill()
    process.wait()
    assert left.exists()
    with sharing_folder() as folder:
        assert list(temporary.iterdir()) == [folder]
    assert list(temporary.iterdir()) == []


def test_only_what_is_known_to_be_abandoned_is_removed(temporary):
    """Links, files, what never had a lock, another machine's, and what may just be starting stay."""
    with sharing_folder() as folder:
        prefix = folder.name[:-8]
    outside = temporary / "outside"
    for place in (outside, temporary / f"{prefix}unlocked", temporary / "bnreg-data-other-x"):
        place.mkdir()
        (place / "mnist").mkdir()
    for place in (outside, temporary / "bnreg-data-other-x"):
        (place / LOCK).touch()
    (temporary / f"{prefix}link").symlink_to(outside)
    (temporary / f"{prefix}file").touch()
    (temporary / f"{prefix}starting").mkdir()
    (temporary / f"{prefix}starting" / LOCK).touch()
    before = sorted(temporary.rglob("*"))
    with sharing_folder():
        pass
    assert sorted(temporary.rglob("*")) == before


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")
def test_a_folder_of_another_user_is_not_removed(temporary):
    with sharing_folder() as folder:
        other = temporary / f"{folder.name[:-8]}other"
    other.mkdir()
    (other / "mnist").mkdir()
    (other / LOCK).touch()
    os.chown(other, 12345, 12345)
    with sharing_folder():
        pass
    assert (other / "mnist").exists()
    os.chown(other, 0, 0)
    with sharing_folder():
        pass
    assert not other.exists()


def test_data_are_shared_where_nothing_can_be_locked(temporary, monkeypatch):
    """Then no other process removes the folder, whatever happens to this one."""
    fcntl = pytest.importorskip("fcntl", reason="the locks of Windows are others")

    def unsupported(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", unsupported)
        inside = sharing_folder()
        folder = inside.__enter__()
    (folder / "mnist").mkdir()
    with sharing_folder():
        assert folder.exists()
    inside.__exit__(None, None, None)
    assert list(temporary.iterdir()) == []
