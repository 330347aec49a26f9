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
from bnreg.runs.strict_json import parse_json

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
        UserError: One line for each file that is missing or damaged, or holds the weights of another network.
    """
    contents = run.verified(names)
    try:
        arrays = [numpy.load(contents[name]) for name in names]
    except SafetensorError as error:
        raise UserError(f"{run.path}: damaged run: its weights cannot be read: {error}") from error
    foreign = [name for name in names if _own_name(contents[name], len(run.info.points)) != name]
    if foreign:
        raise UserError(*(f"{run.path / name}: damaged run: the weights of another network" for name in foreign))
    return arrays


def _own_name(content: bytes, num_points: int) -> str | None:
    """The name that a file of weights has by the description in its header; None if it describes no network."""
    size = int.from_bytes(content[:8], "little")
    try:
        about = parse_json(parse_json(content[8 : 8 + size])["__metadata__"]["about"].encode())
        return weights_file(ReplicaId(*(about[key] for key in ReplicaId._fields)), num_points)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
