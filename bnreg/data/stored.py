"""Arrays of one's own on the disk: described first, then read, checked and brought into the form of ``Arrays``."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bnreg.config.own_data import MAX_CLASSES, MAX_EXAMPLES, MAX_SIDE

MAX_BYTES = 2**31  # of all arrays together, as they are stored

_PART = 1 << 20  # values that are converted at a time
_EXACT = 1e-3  # how far 255 times a float may be from a whole number, as far as float32 rounds
_NUMBERED = "np.unique(y, return_inverse=True)[1] numbers them, if y has all labels"
_MAX_LISTED = 5


class Stored(NamedTuple):
    """An array that was not read yet.

    Attributes:
        place: Its file and, in an archive, its name: the start of a line about it.
        dtype: The type of its values.
        shape: Its shape.
        read: Reads it.
    """

    place: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    read: Callable[[], npt.NDArray[Any]]

    @property
    def num_bytes(self) -> int:
        """The size of its values, as they are stored."""
        return math.prod(self.shape) * self.dtype.itemsize


class WrongArrayError(Exception):
    """What is wrong with an array, with the remedy."""


def image_shape(stored: Stored) -> tuple[int, int]:
    """Height and width of the images in an array of shape (examples, height, width), perhaps with a last axis of 1.

    Raises:
        WrongArrayError: If it has another shape or is too large or empty.
    """
    shape = stored.shape
    if len(shape) == 4 and shape[-1] == 1:
        shape = shape[:3]
    if len(shape) != 3:
        raise WrongArrayError(f"has shape {shape}; expected (examples, height, width){_shape_remedy(shape)}")
    if 0 in shape:
        raise WrongArrayError(f"is empty: its shape is {shape}")
    if max(shape[1:]) > MAX_SIDE:
        raise WrongArrayError(f"has images of {shape[1]} × {shape[2]} pixels; expected at most {MAX_SIDE} a side")
    if shape[0] > MAX_EXAMPLES:
        raise WrongArrayError(f"has {shape[0]:,} examples; expected at most {MAX_EXAMPLES:,}")
    return shape[1], shape[2]


def pixels_of(stored: Stored) -> npt.NDArray[np.uint8]:
    """The images as grey values from 0 to 255, shape (examples, height, width).

    Whole numbers from 0 to 255 of any type are taken as they are, and floats from 0 to 1 if they are such numbers
    divided by 255.

    Raises:
        WrongArrayError: If they are anything else.
        DamagedFileError: If the file cannot be read.
    """
    height, width = image_shape(stored)
    _check_type(stored, "np.rint(x).astype(np.uint8)")
    values = stored.read().reshape(-1, height, width)
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise WrongArrayError("contains NaN or infinity; expected whole numbers from 0 to 255")
    if low < 0 or high > 255:
        raise WrongArrayError(f"has values from {low:g} to {high:g}; expected whole numbers from 0 to 255")
    if high <= 1 and values.dtype.kind != "f":
        if high == 0:
            raise WrongArrayError("has no pixel but 0; expected whole numbers from 0 to 255")
        raise WrongArrayError("has only zeros and ones; expected whole numbers from 0 to 255: 255 * x makes 1 white")
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    return _whole_pixels(values, 255 if high <= 1 else 1)


def _whole_pixels(values: npt.NDArray[Any], factor: int) -> npt.NDArray[np.uint8]:
    """Values times a factor, if all of these are whole."""
    pixels = np.empty(values.shape, np.uint8)
    step = max(1, _PART // values[0].size)
    for first in range(0, len(values), step):
        scaled = values[first : first + step].astype(np.float64) * factor
        whole = np.rint(scaled)
        wrong = np.abs(scaled - whole) > (_EXACT if factor > 1 else 0)
        if wrong.any():
            given = scaled[wrong][0] / factor
            times = "255 * x" if factor > 1 else "x"
            raise WrongArrayError(
                f"has the value {given:.6g}, which is none of 256 shades of grey; expected whole numbers from 0 to "
                f"255: np.rint({times}).astype(np.uint8)"
            )
        pixels[first : first + step] = whole
    return pixels


def labels_of(stored: Stored) -> npt.NDArray[np.int64]:
    """The classes as numbers from 0, shape (examples,).

    Raises:
        WrongArrayError: If they are anything else.
        DamagedFileError: If the file cannot be read.
    """
    if len(stored.shape) != 1:
        remedy = "; np.ravel(y)" if len(stored.shape) == 2 and stored.shape[1] == 1 else ""
        if len(stored.shape) == 2 and stored.shape[1] > 1:
            remedy = " of class numbers; if it is one-hot: y.argmax(1)"
        raise WrongArrayError(f"has shape {stored.shape}; expected (examples,){remedy}")
    if stored.shape[0] == 0:
        raise WrongArrayError("is empty")
    _check_type(stored, _NUMBERED if stored.dtype.kind in "US" else "y.astype(int)")
    values = stored.read()
    if stored.dtype.kind == "f" and not (np.isfinite(values).all() and (values == np.rint(values)).all()):
        raise WrongArrayError(f"has labels that are not whole; expected classes numbered from 0: {_NUMBERED}")
    low, high = int(values.min()), int(values.max())
    if low < 0 or high >= MAX_CLASSES:
        raise WrongArrayError(
            f"has labels from {low} to {high}; expected classes numbered from 0, at most {MAX_CLASSES:,}: {_NUMBERED}"
        )
    return values.astype(np.int64)


def check_classes(labels: npt.NDArray[np.int64]) -> int:
    """The number of classes of training labels, each of which must occur.

    Raises:
        WrongArrayError: If a class does not occur, or there is only one.
    """
    counts = np.bincount(labels)
    missing = [str(label) for label in np.flatnonzero(counts == 0)]
    if missing:
        shown = ", ".join([*missing[:_MAX_LISTED], *(["…"] if len(missing) > _MAX_LISTED else [])])
        remedy = "y - 1 starts at 0" if missing == ["0"] else _NUMBERED
        given = f"has labels up to {len(counts) - 1} but none of {shown}"
        raise WrongArrayError(f"{given}; every class needs an example to train on: {remedy}")
    if len(counts) < 2:
        raise WrongArrayError("has a single class; expected at least 2")
    return len(counts)


def _check_type(stored: Stored, remedy: str) -> None:
    if stored.dtype.kind not in "iuf":
        raise WrongArrayError(f"has values of type {_type_name(stored.dtype)}; expected whole numbers: {remedy}")


def _type_name(dtype: np.dtype[Any]) -> str:
    return "text" if dtype.kind in "US" else dtype.name[:40]


def _shape_remedy(shape: tuple[int, ...]) -> str:
    """How an array of another shape becomes one of images, if that is clear."""
    match shape:
        case (_, pixels):
            side = math.isqrt(pixels)
            sides = f"{side}, {side}" if side * side == pixels else "height, width"
            return f": x.reshape(-1, {sides})"
        case (_, 1, _, _):
            return ": x[:, 0]"
        case (_, _, _, 3 | 4):
            return ", in grey: np.rint(x[..., :3].mean(-1)).astype(np.uint8)"
        case (_, 3, _, _):
            return ", in grey: np.rint(x.mean(1)).astype(np.uint8)"
    return ""
