"""The layout of a network's numbers: what the compiled code reads, and how it becomes named arrays.

A network is a list of operations. Each reads the panels of the one before and writes its own; a parameter lies at a
fixed place of the replica's vector of parameters, and at the same place of the vectors of its moments.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, prod
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bnreg.nn.activations import ACTIVATIONS
from bnreg.nn.architecture import Architecture
from bnreg.training.compiled.coverage import TRACEABLE

PANEL = 32  # columns of a panel, see ``products``

AFFINE, NORM, ACTIVATION, DROPOUT = range(4)

Kind = Literal["weights", "biases", "norm", "prelu"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# Everything that the compiled code must know of an operation. Places count floats in the vector of parameters or, with
# ``statistics``, in that of running statistics; panels count from the first panel of the batch.
OPERATION = np.dtype(
    [
        ("kind", np.int64),
        ("inputs", np.int64),  # number of columns that it reads
        ("outputs", np.int64),  # and writes
        ("source", np.int64),  # its first panel of inputs
        ("result", np.int64),  # its first panel of outputs
        ("weight", np.int64),  # place of W, γ or the slope
        ("shift", np.int64),  # place of b or β; −1 for none
        ("statistics", np.int64),  # place of the running mean, then variance
        ("activation", np.int64),  # number of the activation
        ("has_slope", np.int64),
        ("key", np.int64),  # of the dropout layer's random numbers
        ("rate", np.float64),  # share of values that it drops
        ("epsilon", np.float64),
        ("momentum", np.float64),  # of the running statistics
    ]
)


@dataclass(frozen=True)
class Tensor:
    """A named array of a network, in its vector of parameters or of statistics.

    Attributes:
        name: As in the torch engine, e.g. ``linear0.weight``.
        shape: (outputs, inputs) of a weight, else (width,).
        place: Its first float.
        kind: The kind of parameter; None for a statistic.
        fill: Its initial value, where no stream draws one.
    """

    name: str
    shape: tuple[int, ...]
    place: int
    kind: Kind | None
    fill: float = 0.0

    @property
    def size(self) -> int:
        """Number of floats that it takes, in whole panels."""
        return num_panels(self.shape[0]) * PANEL * prod(self.shape[1:])

    def read(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """A copy of the array of some replicas, shape (R, *shape), from their vectors, of shape (R, floats)."""
        panels = vectors[:, self.place : self.place + self.size].reshape(
            len(vectors), num_panels(self.shape[0]), -1, PANEL
        )
        rows = panels.swapaxes(2, 3).reshape(len(vectors), -1, panels.shape[2])
        return np.array(rows[:, : self.shape[0]].reshape(len(vectors), *self.shape), order="C")

    def write(self, vectors: NDArray[np.float32], values: Any) -> None:
        """Write the arrays of some replicas, shape (R, *shape), into their vectors; the padding becomes zero."""
        inner = prod(self.shape[1:])
        padded = np.zeros((len(vectors), num_panels(self.shape[0]) * PANEL, inner), np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # beyond float32, it has diverged
            padded[:, : self.shape[0]] = np.reshape(values, (len(vectors), self.shape[0], inner))
        panels = padded.reshape(len(vectors), -1, PANEL, inner).swapaxes(2, 3)
        vectors[:, self.place : self.place + self.size] = panels.reshape(len(vectors), -1)


class Layout:
    """The operations and arrays of a network.

    Attributes:
        operations: Structured as ``OPERATION``, from input to output.
        parameters: In the order of the torch engine's.
        statistics: The running statistics.
        num_parameters: Floats of the vector of parameters, padding included.
        num_statistics: Floats of the vector of running statistics.
        num_panels: Panels of the batch and of all operations' outputs.
        widest: Panels of the widest operation or of the batch.

    Args:
        architecture: The network, a multilayer perceptron.
        dropout: Whether it has dropout layers.
    """

    def __init__(self, architecture: Architecture, *, dropout: bool) -> None:
        self.parameters: list[Tensor] = []
        self.statistics: list[Tensor] = []
        self._architecture = architecture
        layers = architecture.layers()
        biased = list(architecture.biased())
        rows: list[dict[str, Any]] = []
        width, panel = layers[0].fan_in, 0
        for i, layer in enumerate(layers):
            parts = architecture.parts(i) if i < len(layers) - 1 else ("affine",)
            for part in parts:
                if (part == "norm" and architecture.norm == "none") or (part == "dropout" and not dropout):
                    continue
                outputs = layer.num_outputs if part == "affine" else width
                row = {
                    "inputs": width,
                    "outputs": outputs,
                    "source": panel,
                    "result": panel + num_panels(width),
                    "shift": -1,
                }
                rows.append(row | self._arrays(part, i, width, outputs, has_bias=biased[i]))
                panel, width = row["result"], outputs
        self.operations = np.zeros(len(rows), OPERATION)
        for i, row in enumerate(rows):
            for name, value in row.items():
                self.operations[name][i] = value
        self.num_parameters = _end(self.parameters)
        self.num_statistics = _end(self.statistics)
        self.num_panels = panel + num_panels(width)
        self.widest = max(num_panels(size) for row in rows for size in (row["inputs"], row["outputs"]))

    def _arrays(self, part: str, index: int, width: int, outputs: int, *, has_bias: bool) -> dict[str, Any]:
        """Place the arrays of an operation; return what its row says of them."""
        architecture = self._architecture
        if part == "affine":
            weight = self._add(f"linear{index}.weight", (outputs, width), "weights")
            return {
                "kind": AFFINE,
                "weight": weight,
                "shift": self._add(f"linear{index}.bias", (outputs,), "biases") if has_bias else -1,
            }
        if part == "norm":
            mean = Tensor(f"norm{index}.running_mean", (width,), _end(self.statistics), None)
            self.statistics += [
                mean,
                Tensor(f"norm{index}.running_variance", (width,), mean.place + mean.size, None, 1.0),
            ]
            return {
                "kind": NORM,
                "weight": self._add(f"norm{index}.gamma", (width,), "norm", 1.0),
                "shift": self._add(f"norm{index}.beta", (width,), "norm"),
                "statistics": mean.place,
                "epsilon": architecture.norm_epsilon,
                "momentum": architecture.norm_momentum,
            }
        if part == "activation":
            slope = ACTIVATIONS[architecture.activation].learnt_slope
            return {
                "kind": ACTIVATION,
                "activation": TRACEABLE.index(architecture.activation),
                "has_slope": slope is not None,
                "weight": -1 if slope is None else self._add(f"activation{index}.slope", (1,), "prelu", slope),
            }
        return {"kind": DROPOUT}

    def _add(self, name: str, shape: tuple[int, ...], kind: Kind, fill: float = 0.0) -> int:
        place = _end(self.parameters)
        self.parameters.append(Tensor(name, shape, place, kind, fill))
        return place

    def arrays(self) -> Iterator[Tensor]:
        """All arrays, in the order of a network's state."""
        yield from self.parameters
        yield from self.statistics


def num_panels(width: int) -> int:
    """Number of panels of a matrix of this many columns."""
    return ceil(width / PANEL)


def _end(tensors: list[Tensor]) -> int:
    return tensors[-1].place + tensors[-1].size if tensors else 0


def zeros(*shape: int) -> NDArray[np.float32]:
    """An array that begins at a cache line, so that no vector lies across two."""
    size = prod(shape)
    floats = np.zeros(size + 16, np.float32)
    skipped = -floats.ctypes.data % 64 // 4
    return floats[skipped : skipped + size].reshape(shape)
