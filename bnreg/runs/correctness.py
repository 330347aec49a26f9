"""One compact file of the run folder: the test examples that each network classifies correctly."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, numpy

from bnreg.errors import UserError
from bnreg.runs.read import CORRECT, Run


def correct_bytes(packed: Mapping[int, NDArray[np.uint8]], num_examples: Mapping[int, int]) -> bytes:
    """The file's content: one bit for each network and test example.

    Args:
        packed: For each point of the sweep, the flags of shape (arms, seeds, bytes), eight to a byte.
        num_examples: For each point, the number of test examples; the bits after these only pad the last byte.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for index, flags in packed.items():
        arrays |= {f"correct-{index}": flags, f"num_examples-{index}": np.array([num_examples[index]])}
    return numpy.save(arrays)


def read_correct(run: Run) -> dict[int, NDArray[np.bool_]]:
    """Read which test examples each network classifies correctly.

    Returns:
        For each point of the sweep, an array of shape (arms, seeds, examples), in the order of ``run.json``; empty for
        a run that is older than this file.

    Raises:
        UserError: If the file cannot be read.
    """
    if CORRECT not in run.files:
        return {}
    try:
        arrays: dict[str, NDArray[Any]] = numpy.load(run.files[CORRECT])
        return {
            int(name.removeprefix("correct-")): np.unpackbits(
                packed, axis=-1, count=int(arrays[name.replace("correct", "num_examples")][0])
            ).view(np.bool_)
            for name, packed in arrays.items()
            if name.startswith("correct-")
        }
    except (SafetensorError, LookupError, ValueError) as error:
        raise UserError(f"{run.path / CORRECT}: damaged run: it cannot be read: {error}") from error
