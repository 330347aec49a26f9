import gzip
import tracemalloc

import numpy as np
import pytest
from support.tiny_digits import tiny_arrays, to_idx, write_tiny

from bnreg.data.files import STEMS, DamagedFileError, describe_file, find_file, read_files, read_idx

IMAGES = tiny_arrays().train_images
CONTENT = to_idx(IMAGES)


def read_folder(folder, *expected):
    """Read the files of a folder in torchvision's layout."""
    return read_files([find_file(folder, stem) for stem in STEMS], *expected)


@pytest.mark.parametrize("name", ["images", "images.gz"])
@pytest.mark.parametrize("compress", [False, True])
def test_an_idx_file_gives_the_array_that_was_written(tmp_path, name, compress):
    """Neither compression nor the name makes a difference, because browsers unpack archives and keep their names."""
    path = tmp_path / name
    path.write_bytes(gzip.compress(CONTENT) if compress else CONTENT)
    read = read_idx(path, IMAGES.shape)
    np.testing.assert_array_equal(read, IMAGES)
    assert read.dtype == np.uint8
    assert not read.flags.writeable


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "begins with  instead of 00 00 08 03"),
        (b"<html>not found</html>", "begins with 3c 68 74 6d instead of 00 00 08 03"),
        (to_idx(tiny_arrays().train_labels), "begins with 00 00 08 01 instead of 00 00 08 03"),
        (to_idx(IMAGES[:10]), "contains 10 × 28 × 28 values instead of 20 × 28 × 28"),
        (CONTENT[:10], "contains 20 × 0 × 0 values instead of 20 × 28 × 28"),
        (CONTENT[:-1], "ends too early"),
        (CONTENT + b"\0", "has extra bytes after its last value"),
    ],
)
def test_a_damaged_idx_file_is_named_with_the_reason(tmp_path, content, reason, compress):
    path = tmp_path / ("images.gz" if compress else "images")
    path.write_bytes(gzip.compress(content) if compress else content)
    with pytest.raises(DamagedFileError) as caught:
        read_idx(path, IMAGES.shape)
    assert str(caught.value) == f"{path}: {reason}"


def _flip_a_bit_of(archive, position):
    damaged = bytearray(archive)
    damaged[position] ^= 1
    return bytes(damaged)


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda archive: archive[: len(archive) // 2],
        lambda archive: archive[:-4],
        lambda archive: _flip_a_bit_of(archive, 0),
        lambda archive: _flip_a_bit_of(archive, len(archive) // 2),
        lambda archive: _flip_a_bit_of(archive, -6),
    ],
    ids=["empty", "half", "no end", "magic", "middle", "checksum"],
)
def test_a_damaged_archive_is_never_read_as_data(tmp_path, damage):
    """Even if only the archive's own checksum reveals the damage."""
    path = tmp_path / "images.gz"
    path.write_bytes(damage(gzip.compress(CONTENT)))
    with pytest.raises(DamagedFileError):
        read_idx(path, IMAGES.shape)


def test_an_archive_that_unpacks_to_too_much_is_not_unpacked(tmp_path):
    """A file of 200 kB that unpacks to 200 MB costs no more memory than the data that it should contain."""
    path = tmp_path / "images.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(CONTENT)
        for _ in range(200):
            file.write(bytes(1_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(DamagedFileError, match="has extra bytes after its last value"):
            read_idx(path, IMAGES.shape)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_folder_gives_the_four_arrays(tmp_path):
    folder = write_tiny(tmp_path)
    for read, written in zip(read_folder(folder, 20, 10, (28, 28), 10), tiny_arrays(), strict=True):
        np.testing.assert_array_equal(read, written)
        assert read.dtype == written.dtype
        assert not read.flags.writeable


def test_labels_beyond_the_classes_are_damage(tmp_path):
    folder = write_tiny(tmp_path)
    with pytest.raises(DamagedFileError, match=r"train-labels-idx1-ubyte.gz: contains the label 9; expected 0 to 8"):
        read_folder(folder, 20, 10, (28, 28), 9)


def test_swapped_training_and_test_files_are_damage(tmp_path):
    folder = write_tiny(tmp_path)
    train, test = folder / "train-images-idx3-ubyte.gz", folder / "t10k-images-idx3-ubyte.gz"
    train.rename(tmp_path / "train")
    test.rename(train)
    (tmp_path / "train").rename(test)
    with pytest.raises(
        DamagedFileError, match=r"train-images-idx3-ubyte.gz: contains 10 × 28 × 28 values instead of 20 .* other split"
    ):
        read_folder(folder, 20, 10, (28, 28), 10)


def test_the_extracted_file_is_preferred(tmp_path):
    """Like torchvision, which reads only extracted files."""
    folder = write_tiny(tmp_path)
    extracted = folder / "train-labels-idx1-ubyte"
    assert find_file(folder, extracted.name) == folder / f"{extracted.name}.gz"
    extracted.write_bytes(to_idx(np.full(20, 3)))
    assert find_file(folder, extracted.name) == extracted
    assert read_folder(folder, 20, 10, (28, 28), 10).train_labels.tolist() == [3] * 20


def test_a_file_is_described_by_size_and_checksum(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert describe_file(path) == {"path": str(path), "size_bytes": 3, "sha256": sha256}
