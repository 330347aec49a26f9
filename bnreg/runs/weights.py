"""Trained weights in a run folder: one safetensors file per arm and seed."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, numpy

from bnreg.config.cell_settings import cell_settings
from bnreg.errors import UserError
from bnreg.names import ReplicaId
from bnreg.runs.info import RunInfo
from bnreg.runs.read import Run
from bnreg.runs.strict_json import parse_json

Arrays = Mapping[str, NDArray[Any]]


def weights_file(replica: ReplicaId, num_points: int) -> str:
    """Name of a replica's file in the run folder: ``weights/bn-0.safetensors``, or ``weights/point-3/…`` in a sweep."""
    folder = "weights" if num_points == 1 else f"weights/point-{replica.point_index}"
    return f"{folder}/{replica.arm}-{replica.seed}.safetensors"


def about_weights(info: RunInfo, replica: ReplicaId) -> dict[str, object]:
    """What a run's file of weights says of itself: its network, and a hash of the conditions of its training.

    Only a run with the same conditions has that hash. The run's id is not among them, so that the same training gives
    the same bytes again.
    """
    settings = cell_settings(info.config or {}, replica.arm, info.points[replica.point_index])
    identity = ("name", "fingerprint", "num_train", "num_test")  # older runs record no more
    data = [{key: getattr(used, key) for key in identity} for used in info.data.values()]
    conditions = json.dumps([settings, data, info.device, info.platform, info.versions], sort_keys=True)
    return replica._asdict() | {"conditions": hashlib.sha256(conditions.encode()).hexdigest()}


def weights_bytes(arrays: Arrays, about: Mapping[str, object]) -> bytes:
    """A file's content: arrays by name and, as JSON under ``about`` in its header, a description of them."""
    contiguous = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    # One entry, because safetensors writes several in an order that changes from call to call.
    return numpy.save(contiguous, {"about": json.dumps(about)})


def read_weights(run: Run, names: list[str]) -> list[dict[str, NDArray[Any]]]:
    """Read the arrays of some of the run's files, verified against the manifest.

    Raises:
        UserError: One line for each file that is missing or damaged, or holds the weights of another network or run.
    """
    return [arrays for _, arrays in _read(run, names)]


def _read(run: Run, names: list[str]) -> list[tuple[bytes, dict[str, NDArray[Any]]]]:
    """Content and arrays of each file; see ``read_weights``."""
    contents = run.verified(names)
    try:
        read = [(contents[name], numpy.load(contents[name])) for name in names]
    except SafetensorError as error:
        raise UserError(f"{run.path}: damaged run: its weights cannot be read: {error}") from error
    owners = {name: _other_owner(contents[name], name, run.info) for name in names}
    if foreign := [f"{run.path / name}: damaged run: the weights of {one}" for name, one in owners.items() if one]:
        raise UserError(*foreign)
    return read


def copied_weights(run: Run, replica: ReplicaId, info: RunInfo) -> bytes | None:
    """The file of a network's weights for a run that extends the network's own; None if they were not saved.

    Args:
        run: The run that is extended.
        replica: The network.
        info: The run that extends it.

    Raises:
        UserError: As ``read_weights``.
    """
    name = weights_file(replica, len(info.points))
    if name not in run.checksums:
        return None
    ((content, arrays),) = _read(run, [name])
    return weights_bytes(arrays, about_weights(info, replica) | {"epoch": _about(content)["epoch"]})


def _about(content: bytes) -> dict[str, Any]:
    """The description in a file's header."""
    size = int.from_bytes(content[:8], "little")
    about: dict[str, Any] = parse_json(parse_json(content[8 : 8 + size])["__metadata__"]["about"].encode())
    return about


def _other_owner(content: bytes, name: str, info: RunInfo) -> str | None:
    """What the weights belong to by the description in their header, unless it is the run's network of this name."""
    try:
        about = _about(content)
        replica = ReplicaId(*(about[key] for key in ReplicaId._fields))
        if weights_file(replica, len(info.points)) != name:
            return "another network"
        conditions = about_weights(info, replica)["conditions"]
        # Files that are older than the hash do not have it.
        return None if about.get("conditions", conditions) == conditions else "another run"
    except (ValueError, LookupError, TypeError, AttributeError):
        return "another network"
