"""Data of one's own: an .npz archive or a folder of IDX files, found, checked array by array, and fingerprinted."""

import functools
import os
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bnreg.config.own_data import data_name
from bnreg.config.paths import expanded
from bnreg.data.dataset import Arrays, Dataset, fingerprint_of
from bnreg.data.files import STEMS, DamagedFileError, idx_shape, read_idx
from bnreg.data.npz import stored_in_archive
from bnreg.data.places import parts_in, stem_of
from bnreg.data.stored import (
    MAX_BYTES,
    Stored,
    WrongArrayError,
    check_classes,
    image_shape,
    labels_of,
    pixels_of,
)
from bnreg.errors import UserError
from bnreg.streams import stream
from bnreg.wording import nearest, show

TEST_SHARE = 5  # one of so many examples of a class is a test example, where no test set is given
DARK = 128

Found = dict[str, npt.NDArray[Any]]  # field of ``Arrays`` → array


def load_own(
    text: str,
    root: Path,
    place: str,
    *,
    beside: Path | None = None,
    known: Collection[str] = (),
    log: Callable[[str], None],
) -> Dataset:
    """Load data of one's own from where they are found first or, if they are known, where they are the right ones.

    Args:
        text: See ``find_own``.
        root: See ``find_own``.
        place: See ``find_own``.
        beside: See ``find_own``.
        known: Recorded fingerprints, of which one proves that the data are the right ones.
        log: See ``read_own``.

    Raises:
        UserError: See ``find_own`` and ``read_own``.
    """
    first, *others = find_own(text, root, place, beside=beside, is_known=bool(known))
    for path in [first, *others] if known and others else []:
        with suppress(UserError):
            dataset = read_own(text, path, lambda _: None)
            if dataset.fingerprint in known:
                return dataset
    return read_own(text, first, log)


def find_own(text: str, root: Path, place: str, *, beside: Path | None = None, is_known: bool = False) -> list[Path]:
    """The files or folders that a path may stand for: from the current folder, else from the data root.

    Args:
        text: The path as written; ``~`` and ``$NAME`` are expanded.
        root: The data root.
        place: Where it was written, to start a line about it.
        beside: The folder of the config, where a user may expect it; it is only suggested.
        is_known: Whether a recorded fingerprint will prove that it is the right one; then the data root may also have
            it without its folders.

    Returns:
        Those that are there, at least one.

    Raises:
        UserError: If there is nothing at that path.
    """
    path = expanded(text, place)
    places = dict.fromkeys([path, root / path, *([root / path.name] if is_known else [])])
    if found := [one for one in places if os.path.exists(one)]:  # noqa: PTH110 - False for every path that cannot be
        return found
    searched = "" if path.is_absolute() else f" in the current folder or the data root {root}"
    remedy = "; name the folder that has it now with --data-root" if is_known else _suggestion(path, beside)
    raise UserError(f"{place}: no file or folder {show(text)}{searched}{remedy}")


def _suggestion(path: Path, beside: Path | None) -> str:
    """A path that was probably meant: beside the config, or with a similar name."""
    if beside is not None and os.path.exists(beside / path):  # noqa: PTH110
        return f"; did you mean {show(str(beside / path))}? a path starts from the current folder"
    try:
        others = {entry.name: entry for entry in path.parent.iterdir() if entry.is_dir() or entry.suffix == ".npz"}
    except OSError:
        others = {}
    name = nearest(path.name, others)
    return f"; did you mean {show(str(others[name]))}?" if name else ""


def read_own(text: str, path: Path, log: Callable[[str], None]) -> Dataset:
    """Read data of one's own.

    Args:
        text: The path as written, for the data's name.
        path: The file or folder.
        log: Takes notes, a line each.

    Raises:
        UserError: A line for each mistake.
    """
    try:
        is_folder = os.path.isdir(path)  # noqa: PTH112 - unlike Path.is_dir, False in a folder that is not searchable
        stored, mistakes = stored_in_folder(path) if is_folder else stored_in_archive(path)
        arrays, num_classes, notes = _checked(path, stored, mistakes)
    except DamagedFileError as damage:
        raise UserError(str(damage)) from damage
    except MemoryError:
        raise UserError(f"{path}: does not fit into memory") from None
    for note in notes:
        log(f"note: {path}: {note}")
    for array in arrays:
        array.flags.writeable = False
    return Dataset(
        data_name(text), *arrays, num_classes=num_classes, fingerprint=fingerprint_of(arrays), source=str(path)
    )


def describe_own(dataset: Dataset) -> dict[str, Any]:
    """What data of one's own consist of, as plain data."""
    height, width = dataset.size.image_shape
    train, test = (
        np.bincount(labels, minlength=dataset.num_classes) for labels in (dataset.train_labels, dataset.test_labels)
    )
    return {
        "name": dataset.name,
        "path": dataset.source,
        "num_train": len(dataset.train_labels),
        "num_test": len(dataset.test_labels),
        "image_shape": [height, width],
        "lightest_pixel": int(dataset.train_images.max()),
        "classes": [
            {"class": number, "num_train": int(of_train), "num_test": int(of_test)}
            for number, (of_train, of_test) in enumerate(zip(train, test, strict=True))
        ],
        "fingerprint": dataset.fingerprint,
    }


def stored_in_folder(folder: Path) -> tuple[dict[str, Stored], list[str]]:
    """The arrays of a folder of IDX files, or of torchvision's folders in it, by their field in ``Arrays``.

    Also a line for each file that is missing or has no possible header.
    """
    places = [folder, folder / "raw", folder / "MNIST" / "raw"]
    found: dict[str, Path] = {}
    for place in places:
        for path in parts_in([place]):
            found.setdefault(stem_of(path.name) or "", path)
        if found:
            break
    mistakes = [f"{folder}: no {stem} or {stem}.gz" for stem in STEMS if stem not in found]
    if len(mistakes) == len(STEMS):
        mistakes = [f"{folder}: no IDX files; expected {', '.join(STEMS)}, each perhaps with .gz"]
    stored = {}
    for field, stem in zip(Arrays._fields, STEMS, strict=True):
        if stem in found:
            try:
                stored[field] = _stored_in_file(found[stem], 3 if "images" in stem else 1)
            except DamagedFileError as damage:
                mistakes.append(str(damage))
    return stored, mistakes


def _stored_in_file(path: Path, num_axes: int) -> Stored:
    shape = idx_shape(path, num_axes)
    return Stored(str(path), np.dtype(np.uint8), shape, functools.partial(read_idx, path, shape))


def _checked(path: Path, stored: Mapping[str, Stored], mistakes: list[str]) -> tuple[Arrays, int, list[str]]:
    """The arrays, their number of classes, and what the user should know about them.

    Raises:
        UserError: With the mistakes that were found before, and a line for each further one.
    """
    num_bytes = sum(one.num_bytes for one in stored.values())
    if num_bytes > MAX_BYTES:
        raise UserError(f"{path}: takes {num_bytes / 1e9:,.1f} GB; expected at most {MAX_BYTES / 1e9:,.1f} GB")
    found: Found = {}
    for field, one in stored.items():
        read = pixels_of if field.endswith("images") else labels_of
        try:
            found[field] = read(one)
        except WrongArrayError as mistake:
            mistakes.append(f"{one.place}: {mistake}")
        except DamagedFileError as damage:
            mistakes.append(str(damage))
    num_classes, others = _mistakes_between(stored, found)
    if mistakes := [*mistakes, *others]:
        raise UserError(*mistakes)
    notes = []
    if "test_images" not in found:
        found, note = _with_test_set(path, found, num_classes)
        notes.append(note)
    if (largest := found["train_images"].max()) < DARK:
        notes.append(
            f"the lightest pixel is {largest} of 255: if white is {largest}, multiply by 255 / {largest}, or set "
            "data.standardise"
        )
    return Arrays(**{field: found[field] for field in Arrays._fields}), num_classes, notes


def _mistakes_between(stored: Mapping[str, Stored], found: Found) -> tuple[int, list[str]]:
    """The number of classes, and a line for each way in which arrays that are right alone do not fit together."""
    mistakes = []
    num_classes = 0
    if "train_labels" in found:
        try:
            num_classes = check_classes(found["train_labels"])
        except WrongArrayError as mistake:
            mistakes.append(f"{stored['train_labels'].place}: {mistake}")
    if num_classes and "test_labels" in found and (largest := found["test_labels"].max()) >= num_classes:
        place = stored["test_labels"].place
        mistakes.append(f"{place}: has the label {largest}; the training labels are 0 to {num_classes - 1}")
    for split in ("train", "test"):
        images, labels = (stored.get(f"{split}_{kind}") for kind in ("images", "labels"))
        if images and labels and images.shape and labels.shape and images.shape[0] != labels.shape[0]:
            given = f"has {labels.shape[0]:,} labels for {images.shape[0]:,} images"
            mistakes.append(f"{labels.place}: {given}; expected one each, in the same order")
    if {"train_images", "test_images"} <= {*found}:
        shapes = [image_shape(stored[field]) for field in ("train_images", "test_images")]
        if shapes[0] != shapes[1]:
            (height, width), (rows, columns) = shapes
            given = f"has images of {rows} × {columns} pixels"
            mistakes.append(f"{stored['test_images'].place}: {given}; those to train on have {height} × {width}")
    return num_classes, mistakes


def _with_test_set(path: Path, found: Found, num_classes: int) -> tuple[Found, str]:
    """Data without a test set, with one: a fixed share of each class, which is the same for all seeds."""
    images, labels = found["train_images"], found["train_labels"]
    by_class = np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels))[:-1])
    generator = stream(0, "own data", "test")
    is_test = np.zeros(len(labels), dtype=bool)
    for examples in by_class:
        is_test[generator.permutation(examples)[: len(examples) // TEST_SHARE]] = True
    num_test = int(is_test.sum())
    if not num_test:
        needed = f"at least {TEST_SHARE} examples of a class are needed to draw a test set from them"
        raise UserError(f"{path}: none of its {num_classes} classes is large enough: {needed}")
    arrays = Arrays(images[~is_test], labels[~is_test], images[is_test], labels[is_test])
    kept = f"{len(labels) - num_test:,} of its {len(labels):,} examples are trained on"
    note = (
        f"has no test set: {kept}, and {num_test:,}, a fifth of each class, are its test set in every run; "
        "x_train, y_train, x_test and y_test give your own"
    )
    return arrays._asdict(), note
