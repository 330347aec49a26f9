"""Trained weights in a run folder: one safetensors file per arm and seed."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, numpy

from bnreg.errors import UserError
from bnreg.names import ReplicaId
from bnreg.runs.read import Run

Arrays = Mapping[str, NDArray[Any]]


def weights_file(replica: ReplicaId, num_points: int) -> str:
    """Name of a replica's file in the run folder: ``weights/bn-0.safetensors``, or ``weights/point-3/…`` in a sweep."""
    folder = "weights" if num_points == 1 else f"weights/point-{replica.point_index}"
    return f"{folder}/{replica.arm}-{replica.seed}.safetensors"


def weights_bytes(arrays: Arrays, about: Mapping[str, object]) -> bytes:
    """A file's content: arrays by name and, as JSON under ``about`` in its header, a description of them."""
    contiguous = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    # One entry, because safetensors writes several in an order that changes from call to call.
    return numpy.save(contiguous, {"about": json.dumps(about)})


def read_weights(run: Run, names: list[str]) -> list[dict[str, NDArray[Any]]]:
    """Read the arrays of some of the run's files, verified against the manifest.

    Raises:
        UserError: One line for each file that is missing or damaged.
    """
    contents = run.verified(names)
    try:
        return [numpy.load(contents[name]) for name in names]
    except SafetensorError as error:
        raise UserError(f"{run.path}: damaged run: its weights cannot be read: {error}") from error
