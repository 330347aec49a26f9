"""One copy of the data for all worker processes: written once, then mapped into each of them."""

import io
import json
from pathlib import Path

import numpy as np

from bnreg.data.dataset import Arrays, Dataset


def share(dataset: Dataset, folder: Path) -> None:
    """Write a data set's arrays into a folder, from which ``attach`` maps them; the folder is created if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    for field in Arrays._fields:
        content = io.BytesIO()  # written straight to a full disk, an array is cut off without an error
        np.save(content, getattr(dataset, field))
        (folder / f"{field}.npy").write_bytes(content.getbuffer())
    scalars = {
        "name": dataset.name,
        "num_classes": dataset.num_classes,
        "fingerprint": dataset.fingerprint,
        "source": dataset.source,
    }
    (folder / "dataset.json").write_text(json.dumps(scalars), encoding="utf-8")


def attach(folder: Path) -> Dataset:
    """Map a data set that ``share`` wrote: read-only, and in memory once, however many processes map it."""
    scalars = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    # A plain array that keeps the map alive: numpy's memmap class would add nothing but overhead.
    arrays = Arrays(*(np.asarray(np.load(folder / f"{field}.npy", mmap_mode="r")) for field in Arrays._fields))
    return Dataset(scalars.pop("name"), *arrays, **scalars)
