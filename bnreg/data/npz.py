"""The arrays of an .npz archive, described without reading them: a small file may claim to be a large one."""

import functools
import math
import warnings
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bnreg.data.files import DamagedFileError, is_file
from bnreg.data.stored import Stored
from bnreg.wording import listing, show, unknown

# Keras's names of the arrays, and the short ones of data without a test set, with what they are here.
SPLIT = {"x_train": "train_images", "y_train": "train_labels", "x_test": "test_images", "y_test": "test_labels"}
WHOLE = {"x": "train_images", "y": "train_labels"}

_SUFFIX = ".npy"
_MAX_ARRAYS = 100
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # all that NumPy writes
_EXAMPLE = "np.savez_compressed('digits.npz', x_train=…, y_train=…, x_test=…, y_test=…)"


def stored_in_archive(path: Path) -> tuple[dict[str, Stored], list[str]]:
    """The arrays of an archive by their field in ``Arrays``, and a line for each that is missing, unknown or damaged.

    Without a test set, there are only the fields of the training set.

    Raises:
        DamagedFileError: If the file is no such archive.
    """
    if not is_file(path):
        raise DamagedFileError(path, "is neither a file nor a folder")
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename.removesuffix(_SUFFIX): member for member in archive.infolist()}
            fields, mistakes = _layout(path, archive)
            stored = {}
            for name, field in fields.items():
                if name in members:
                    try:
                        stored[field] = _stored(path, archive, members[name], name)
                    except Exception as error:  # hostile headers cause all kinds of errors
                        mistakes.append(f"{path}: {name}: {_reason(error)}")
    except (OSError, EOFError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise DamagedFileError(path, _why_no_archive(path, error)) from error
    return stored, mistakes


def _layout(path: Path, archive: zipfile.ZipFile) -> tuple[dict[str, str], list[str]]:
    """The layout that an archive probably has, and a line for each array that is not exactly as it should be there."""
    names = [name.removesuffix(_SUFFIX) for name in archive.namelist()]
    if len(names) > _MAX_ARRAYS:
        raise DamagedFileError(path, f"contains {len(names):,} arrays; expected {listing([*SPLIT])}, or x and y")
    expected = WHOLE if {"x", "y"} & {*names} and not {*SPLIT} & {*names} else SPLIT
    others = [name for name in dict.fromkeys(names) if name not in expected]
    mistakes = [f"{path}: contains {show(name)} twice" for name, number in Counter(names).items() if number > 1]
    mistakes += [f"{path}: {_unknown(name, expected)}" for name in others]
    lacking = [name for name in expected if name not in names]
    if lacking:
        mistakes.append(f"{path}: no array{'s' * (len(lacking) > 1)} {listing(lacking)}; {_EXAMPLE}")
    return expected, mistakes


def _unknown(name: str, expected: dict[str, str]) -> str:
    if expected is SPLIT and name in WHOLE:
        return f"array {show(name)} beside others; call it {name}_train"
    return f"{unknown('array', name, [*expected])}; save only these"


def _stored(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> Stored:
    """An array by its header, which is held to the size of its entry.

    Raises:
        Exception: Whatever a damaged entry causes.
    """
    if member.compress_type not in _METHODS:
        raise ValueError("is compressed by another method than NumPy's")
    with archive.open(member) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about headers of Python 2
        version = np.lib.format.read_magic(file)
        readers = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in readers:
            raise ValueError("is in a version of the .npy format that is not read here")
        shape, _, dtype = readers[version](file)
        if dtype.hasobject:
            raise ValueError("holds Python objects, perhaps rows of different lengths; give numbers in one shape")
        size = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or size != member.file_size - file.tell():
            raise ValueError("is damaged: its shape does not fit its size")
    return Stored(f"{path}: {name}", dtype, shape, functools.partial(_read, path, name, dtype, shape))


def _read(path: Path, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """An array whose header was checked.

    Raises:
        DamagedFileError: If it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name + _SUFFIX) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            array: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
            if file.read(1) or (array.dtype, array.shape) != (dtype, shape):  # the checksum is compared at the end
                raise ValueError("is damaged: it changed while it was read")
            return array
    except Exception as error:
        raise DamagedFileError(path, f"{name}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Why an array cannot be read, on one line."""
    if isinstance(error, MemoryError):
        return "does not fit into memory"
    text = " ".join(str(error).split()).partition(". ")[0] or type(error).__name__
    return text if isinstance(error, ValueError) and text.startswith(("is ", "holds ", "has ")) else f"damaged: {text}"


def _why_no_archive(path: Path, error: Exception) -> str:
    """What a file is instead of an archive, in a few words."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as reason:
        return f"cannot be read: {reason.strerror}"
    if not start:
        return "is empty"
    if start.startswith(b"\x93NUMPY"):
        return f"is a single array; save all together: {_EXAMPLE}"
    if start.startswith(b"PK"):
        return f"is a damaged archive: {error}"
    return f"is no .npz archive; {_EXAMPLE}"
