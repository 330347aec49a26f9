"""Small learnable data of one's own, as arrays and as files."""

import io
import warnings
import zipfile

import numpy as np
from support.tiny_digits import to_idx

from bnreg.data.files import STEMS

KEYS = ("x_train", "y_train", "x_test", "y_test")


def own_arrays(num_classes=3, shape=(8, 8), num_train=60, num_test=30):
    """One random pattern per class, plus noise; classes take turns."""
    rng = np.random.default_rng(3)
    patterns = rng.integers(0, 200, (num_classes, *shape))

    def draw(count):
        labels = np.arange(count) % num_classes
        return np.clip(patterns[labels] + rng.normal(0, 40, (count, *shape)), 0, 255).astype(np.uint8), labels

    return dict(zip(KEYS, (*draw(num_train), *draw(num_test)), strict=True))


def write_npz(path, **changes):
    """An archive of these arrays, some changed; None leaves one out."""
    arrays = own_arrays() | changes
    with path.open("wb") as file:
        np.savez_compressed(file, **{name: array for name, array in arrays.items() if array is not None})
    return path


def write_members(path, members, compression=zipfile.ZIP_DEFLATED):
    """An archive of arrays or bytes, in this order, perhaps one twice."""
    with zipfile.ZipFile(path, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about equal names
        for name, content in members:
            archive.writestr(f"{name}.npy", content if isinstance(content, bytes) else npy(content))
    return path


def npy(array):
    """The bytes of an .npy file."""
    content = io.BytesIO()
    np.save(content, array, allow_pickle=True)
    return content.getvalue()


def npy_header(shape, descr="|u1"):
    """The header of an .npy file, without any data."""
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": descr, "fortran_order": False, "shape": shape})
    return content.getvalue()


def write_idx(folder, **changes):
    """A folder of IDX files of these arrays."""
    folder.mkdir(parents=True)
    for stem, array in zip(STEMS, (own_arrays() | changes).values(), strict=True):
        (folder / stem).write_bytes(to_idx(array))
    return folder
