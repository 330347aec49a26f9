"""MNIST's files: their paths in torchvision's layout, and a reader that does not trust them."""

import contextlib
import gzip
import hashlib
import io
import math
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bnreg.data.dataset import Arrays

STEMS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
CHUNK_BYTES = 1 << 20


class DamagedFileError(Exception):
    """A file has wrong content; the text names the file and the reason."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def is_file(path: Path) -> bool:
    """Whether there is a file: unlike Path.is_file before Python 3.14, False in a folder that is not searchable."""
    return os.path.isfile(path)  # noqa: PTH113


def find_file(folder: Path, stem: str) -> Path | None:
    """The extracted file of a stem if it exists, else the compressed one, else None."""
    candidates = (folder / stem, folder / f"{stem}.gz")
    return next((path for path in candidates if is_file(path)), None)


def is_compressed(content: bytes) -> bool:
    """Whether a file is a gzip archive, by its first bytes: names are wrong where a browser or proxy unpacked it."""
    return content.startswith(b"\x1f\x8b")


@contextlib.contextmanager
def _extracted(path: Path) -> Iterator[io.BufferedIOBase]:
    """Open a file to read its content, decompressed on the way if it is compressed.

    Raises:
        DamagedFileError: If it cannot be read, also within the block.
    """
    try:
        with path.open("rb") as file:
            compressed = is_compressed(file.read(2))
            file.seek(0)
            with gzip.open(file) if compressed else contextlib.nullcontext(file) as content:
                yield content
    except (OSError, EOFError, zlib.error) as error:
        raise DamagedFileError(path, f"cannot be read: {error}") from error


def num_idx_bytes(shape: tuple[int, ...]) -> int:
    """The size of an idx file of unsigned bytes, header included."""
    return 4 + 4 * len(shape) + math.prod(shape)


def read_idx(path: Path, shape: tuple[int, ...], other_length: int | None = None) -> npt.NDArray[np.uint8]:
    """Read unsigned bytes from an idx file, compressed or not.

    Args:
        path: The file; it is decompressed in memory if it is compressed, whatever its name.
        shape: The shape that the file must have. It also limits the number of bytes that are read, so that a small
            file cannot claim to be a large one or unpack to one.
        other_length: Number of examples in the other split, to recognise swapped files.

    Returns:
        A read-only array of that shape.

    Raises:
        DamagedFileError: If the file cannot be read or does not contain exactly one such array.

    References:
        LeCun, Cortes and Burges, The MNIST database of handwritten digits: the IDX file format
    """
    header = bytes([0, 0, 8, len(shape)]) + np.array(shape, dtype=">u4").tobytes()
    num_bytes = num_idx_bytes(shape)
    with _extracted(path) as file:
        content = file.read(num_bytes + 1)
    if content[:4] != header[:4]:
        raise DamagedFileError(path, f"begins with {content[:4].hex(' ')} instead of {header[:4].hex(' ')}")
    if content[: len(header)] != header:
        found = np.frombuffer(content[4 : len(header)].ljust(len(header) - 4, b"\0"), dtype=">u4")
        reason = f"contains {_shape(found)} values instead of {_shape(shape)}"
        is_other = tuple(found) == (other_length, *shape[1:])
        raise DamagedFileError(path, f"{reason}{'; that is the size of the other split' if is_other else ''}")
    if len(content) != num_bytes:
        problem = "ends too early" if len(content) < num_bytes else "has extra bytes after its last value"
        raise DamagedFileError(path, problem)
    return np.frombuffer(content, dtype=np.uint8, offset=len(header)).reshape(shape)


def idx_shape(path: Path, num_axes: int) -> tuple[int, ...]:
    """The shape that an idx file of unsigned bytes claims to have, from its header alone.

    Args:
        path: The file, compressed or not.
        num_axes: The number of axes that it must have.

    Raises:
        DamagedFileError: If it cannot be read or has another header.
    """
    with _extracted(path) as file:
        header = file.read(4 + 4 * num_axes)
    expected = bytes([0, 0, 8, num_axes])
    if header[:4] != expected:
        raise DamagedFileError(path, f"begins with {header[:4].hex(' ')} instead of {expected.hex(' ')}")
    if len(header) < 4 + 4 * num_axes:
        raise DamagedFileError(path, "ends too early")
    return tuple(np.frombuffer(header, dtype=">u4", offset=4).tolist())


def extracted_sha256(path: Path, max_bytes: int) -> str:
    """The SHA-256 of a file's content, after decompression if it is compressed.

    Args:
        path: The file.
        max_bytes: The largest size of interest: of a longer content, only the beginning counts.

    Raises:
        DamagedFileError: If it cannot be read.
    """
    with _extracted(path) as file:
        return _digest(file, "sha256", max_bytes)


def archive_md5(path: Path, max_bytes: int) -> str:
    """The MD5 of a file as it is, compressed or not.

    Args:
        path: The file.
        max_bytes: The size of what it should contain; an archive is never much larger, see ``max_archive_bytes``.

    Raises:
        DamagedFileError: If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return _digest(file, "md5", max_archive_bytes(max_bytes))
    except OSError as error:
        raise DamagedFileError(path, f"cannot be read: {error}") from error


def max_archive_bytes(num_bytes: int) -> int:
    """The largest size of an archive of so many bytes: noise does not compress, and the format has its own overhead."""
    return num_bytes + num_bytes // 100 + 1000


def _digest(file: io.BufferedIOBase, algorithm: str, max_bytes: int) -> str:
    digest = hashlib.new(algorithm)
    for _ in range(0, max_bytes + 1, CHUNK_BYTES):
        digest.update(file.read(CHUNK_BYTES))
    return digest.hexdigest()


def check_archives(paths: Sequence[Path], md5: Sequence[str], num_bytes: Sequence[int]) -> None:
    """Check those files that are archives by their names against torchvision's MD5 sums.

    Args:
        paths: The four files, in the order of the stems.
        md5: The expected sums.
        num_bytes: The sizes of their contents.

    Raises:
        DamagedFileError: If a checksum differs.
    """
    for path, expected, size in zip(paths, md5, num_bytes, strict=True):
        if path.suffix == ".gz" and (found := archive_md5(path, size)) != expected:
            raise DamagedFileError(path, f"has the MD5 {found} instead of {expected}")


def read_files(
    paths: Sequence[Path], num_train: int, num_test: int, image_shape: tuple[int, ...], num_classes: int
) -> Arrays:
    """Read the four idx files of a data set, in the order of the stems.

    Raises:
        DamagedFileError: If one of them has wrong content.
    """
    parts = []
    for stem, path in zip(STEMS, paths, strict=True):
        num_examples, other = (num_train, num_test) if stem.startswith("train") else (num_test, num_train)
        if "images" in stem:
            parts.append(read_idx(path, (num_examples, *image_shape), other))
            continue
        labels = read_idx(path, (num_examples,), other)
        if labels.max() >= num_classes:
            raise DamagedFileError(path, f"contains the label {labels.max()}; expected 0 to {num_classes - 1}")
        parts.append(labels)
    train_images, train_labels, test_images, test_labels = parts
    return Arrays(train_images, _labels(train_labels), test_images, _labels(test_labels))


def describe_file(path: Path) -> dict[str, str | int | None]:
    """A file's path, size in bytes and SHA-256, which is None if the file cannot be read."""
    digest = None
    with contextlib.suppress(OSError), path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"path": str(path), "size_bytes": path.stat().st_size, "sha256": digest}


def _labels(values: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    labels = values.astype(np.int64)
    labels.flags.writeable = False
    return labels


def _shape(shape: npt.ArrayLike) -> str:
    return " × ".join(f"{size:,}" for size in np.asarray(shape).tolist())
