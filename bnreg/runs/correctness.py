"""One compact file of the run folder: the test examples that each network classifies correctly."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, numpy

from bnreg.runs.names import CORRECT

if TYPE_CHECKING:
    from bnreg.runs.read import Run


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


def unpack_correct(content: bytes) -> dict[int, NDArray[np.bool_]]:
    """The flags in the file's content.

    Returns:
        For each point of the sweep, an array of shape (arms, seeds, examples).

    Raises:
        ValueError: If it is not what bnreg writes.
    """
    try:
        arrays: dict[str, NDArray[Any]] = numpy.load(content)
        return {
            int(name.removeprefix("correct-")): _unpacked(
                packed, int(arrays[name.replace("correct", "num_examples")][0])
            )
            for name, packed in arrays.items()
            if name.startswith("correct-")
        }
    except (SafetensorError, LookupError, TypeError) as error:
        raise ValueError(f"it cannot be read: {error}") from None


def _unpacked(packed: NDArray[Any], num_examples: int) -> NDArray[np.bool_]:
    if packed.dtype != np.uint8 or packed.ndim != 3 or packed.shape[-1] != -(-num_examples // 8):
        raise ValueError(f"it does not hold {num_examples} answers of each network")
    return np.unpackbits(packed, axis=-1, count=num_examples).view(np.bool_)


def read_correct(run: "Run") -> dict[int, NDArray[np.bool_]]:
    """Which test examples each network of a run classifies correctly.

    Returns:
        For each point of the sweep, an array of shape (arms, seeds, examples), in the order of ``run.json``; empty for
        a run that is older than this file.
    """
    return unpack_correct(run.files[CORRECT]) if CORRECT in run.files else {}
