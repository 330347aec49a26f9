"""One compact file of the run folder: the test examples that each network classifies correctly."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

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


class Packed(NamedTuple):
    """The flags of a point of the sweep.

    Attributes:
        flags: Eight to a byte, shape (arms, seeds, bytes).
        num_examples: Number of test examples.
    """

    flags: NDArray[np.uint8]
    num_examples: int

    def unpacked(self) -> NDArray[np.bool_]:
        """One flag for each test example, shape (arms, seeds, examples)."""
        return np.unpackbits(self.flags, axis=-1, count=self.num_examples).view(np.bool_)

    def shares(self) -> NDArray[np.float64]:
        """The share of examples that each network gets right, shape (arms, seeds)."""
        counts: NDArray[np.int64] = np.bitwise_count(self.flags).sum(axis=-1, dtype=np.int64)
        return counts / self.num_examples


def packed_correct(content: bytes) -> dict[int, Packed]:
    """The flags in the file's content, by point of the sweep.

    Raises:
        ValueError: If it is not what bnreg writes.
    """
    try:
        arrays: dict[str, NDArray[Any]] = numpy.load(content)
        packed = {
            int(name.removeprefix("correct-")): Packed(flags, int(arrays[name.replace("correct", "num_examples")][0]))
            for name, flags in arrays.items()
            if name.startswith("correct-")
        }
    except (SafetensorError, LookupError, TypeError) as error:
        raise ValueError(f"it cannot be read: {error}") from None
    for flags, num_examples in packed.values():
        if flags.dtype != np.uint8 or flags.ndim != 3 or flags.shape[-1] != -(-num_examples // 8):
            raise ValueError(f"it does not hold {num_examples} answers of each network")
        if (flags[..., -1:] & (1 << -num_examples % 8) - 1).any():
            raise ValueError("it has answers to more examples than there are")
    return packed


def read_correct(run: "Run") -> dict[int, NDArray[np.bool_]]:
    """Which test examples each network of a run classifies correctly.

    Returns:
        For each point of the sweep, an array of shape (arms, seeds, examples), in the order of ``run.json``; empty for
        a run that is older than this file.
    """
    packed = packed_correct(run.files[CORRECT]) if CORRECT in run.files else {}
    return {index: one.unpacked() for index, one in packed.items()}
