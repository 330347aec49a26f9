"""One copy of the data for all worker processes: written once, then mapped into each process."""

import io
import json
from pathlib import Path

import numpy as np

from bnreg.data.dataset import Arrays, Dataset


def share(dataset: Dataset, folder: Path) -> None:
    """Write a data set's arrays into a folder for ``attach``; the folder is created if necessary."""
    folder.mkdir(parents=True, exist_ok=True)
    for field in Arrays._fields:
        content = io.BytesIO()  # an array that is written directly to a full disk is cut off without an error
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
    """Map a data set that ``share`` wrote: read-only, and only once in memory for any number of processes."""
    scalars = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    # Plain arrays keep the map alive; numpy's memmap class would only add overhead.
    arrays = Arrays(*(np.asarray(np.load(folder / f"{field}.npy", mmap_mode="r")) for field in Arrays._fields))
    return Dataset(scalars.pop("name"), *arrays, **scalars)
