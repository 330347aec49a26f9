"""A stack of the compiled engine: replicas of one structure as vectors of numbers."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnreg.config.experiment import Cell
from bnreg.data import Standardisation
from bnreg.nn.architecture import Architecture
from bnreg.nn.init import draw_layer
from bnreg.nn.penalties import PENALTIES
from bnreg.stopping import unless_stopped
from bnreg.training.compiled import kernels
from bnreg.training.compiled.images import Images
from bnreg.training.compiled.layout import DROPOUT, KINDS, NORM, Layout, Tensor, zeros
from bnreg.training.compiled.network import NETWORK
from bnreg.training.compiled.updates import ADAM, RULE, SGD
from bnreg.training.compiled.workspace import Workspace
from bnreg.training.engines import Evaluated
from bnreg.training.schedules import lr_at
from bnreg.training.shards import dropout_stream

CHUNK = 240  # examples at a time in evaluation: twenty of the tallest tiles
EXAMPLES_PER_CALL = 10 * CHUNK  # between two checks for a stop request

SMALLEST = float(np.finfo(np.float32).tiny)

Arrays = Mapping[str, NDArray[Any]]


class Examples(NamedTuple):
    """Some of a data set's examples.

    Attributes:
        images: All images.
        labels: Labels of all images, shape (S or 1, N).
        indices: The selected examples, shape (S or 1, n).
    """

    images: Images
    labels: NDArray[np.int64]
    indices: NDArray[np.int64]


class CompiledStack:
    """The replicas of some cells of one structure, ordered by cell and then by seed; see ``engines.TrainableStack``.

    Attributes:
        cells: The cells.
        settings: Those of the first cell, for everything that is the same in all cells.
        architecture: The architecture of all cells.
        replicas: The cell and seed of each replica.
        layout: The layout of a replica.
        operations: Those of each replica, shape (R, operations).
        networks: The addresses of each replica's vectors, shape (R,).

    Args:
        cells: Cells that differ only in numbers.
        seeds: S seeds.
        architecture: The architecture of all cells.
        standardisation: That of the inputs.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        seeds: Sequence[int],
        architecture: Architecture,
        standardisation: Standardisation,
    ) -> None:
        self.cells = cells
        self.settings = cells[0].settings
        self.architecture = architecture
        self.replicas = [(cell, seed) for cell in cells for seed in seeds]
        self.layout = Layout(architecture, dropout=any(cell.settings.model.dropout for cell in cells))
        num_replicas = len(self.replicas)
        self._parameters, *self._moments = (zeros(num_replicas, self.layout.num_parameters) for _ in range(3))
        self._statistics = zeros(num_replicas, self.layout.num_statistics)
        self.operations = np.stack([self.layout.operations] * num_replicas)
        self.networks = np.zeros(num_replicas, NETWORK)
        for name, vectors in zip(
            NETWORK.names or (), (self._parameters, *self._moments, self._statistics), strict=True
        ):
            self.networks[name] = vectors.ctypes.data + vectors.strides[0] * np.arange(num_replicas)
        names = ("standardise.scale", "standardise.shift")
        self._fixed = dict(zip(names, standardisation, strict=True)) if architecture.is_standardised else {}
        self._initialise()

    def _initialise(self) -> None:
        for tensor, vectors in self._tensors():
            tensor.write(vectors, np.full((len(vectors), *tensor.shape), tensor.fill, np.float32))
        by_name = {tensor.name: tensor for tensor in self.layout.parameters}
        is_dropout = self.layout.operations["kind"] == DROPOUT
        for replica, (cell, seed) in enumerate(self.replicas):
            vector = self._parameters[replica : replica + 1]
            model = cell.settings.model
            for layer in self.architecture.layers():
                drawn = draw_layer(model.init.scheme, model.init.scale, seed, layer)
                for name, values in zip(("weight", "bias"), drawn, strict=True):
                    if (drawn_into := by_name.get(f"linear{layer.index}.{name}")) is not None:
                        drawn_into.write(vector, values)
            keys = dropout_stream(cell, seed)
            self.operations["key"][replica, is_dropout] = keys.integers(2**63, size=is_dropout.sum())
            self.operations["rate"][replica, is_dropout] = model.dropout

    def rules(self, first: int, num_steps: int, steps_per_epoch: int) -> NDArray[Any]:
        """What the optimiser does in successive steps, shape (steps, cells, kinds), structured as ``updates.RULE``."""
        rules = np.zeros((num_steps, len(self.cells), len(KINDS)), RULE)
        steps = np.arange(first, first + num_steps)[:, None]
        for i, cell in enumerate(self.cells):
            rule = rules[:, i]
            optimizer, penalty = cell.settings.optimizer, cell.settings.training.penalty
            budget = cell.settings.training.budget(steps_per_epoch)
            rule["lr"] = [[lr_at(optimizer, int(step), budget)] for (step,) in steps]
            rule["optimizer"] = SGD if optimizer.name == "sgd" else ADAM
            rule["momentum"], rule["nesterov"] = optimizer.momentum, optimizer.nesterov
            rule["beta1"], rule["beta2"] = optimizer.betas
            rule["correction1"] = 1 - optimizer.betas[0] ** (steps + 1.0)
            rule["correction2"] = np.sqrt(1 - optimizer.betas[1] ** (steps + 1.0))
            rule["eps"] = np.maximum(optimizer.eps, SMALLEST / rule["correction2"])  # the product must not become 0
            decay = optimizer.weight_decay * np.isin(KINDS, optimizer.weight_decay_on)
            strength = penalty.strength * np.isin(KINDS, penalty.on) * (penalty.kind != "none")
            share = PENALTIES[penalty.kind].l1_share(penalty.l1_share)
            is_decoupled = optimizer.name == "adamw"
            rule["lasso"], rule["ridge"] = strength * share, strength * (1 - share) + decay * (not is_decoupled)
            with np.errstate(over="ignore"):  # an absurd rate may diverge
                rule["keep"] = 1 - rule["lr"] * decay * is_decoupled
        return rules

    @property
    def has_norms(self) -> bool:
        """Whether the networks have statistics."""
        return bool(self.layout.statistics)

    def evaluate(self, sets: Mapping[str, Examples]) -> Evaluated:
        """Evaluate on each split in eval mode."""
        return evaluate_together([self], sets)[0]

    def _readers(self, examples: Examples) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """The replicas that read each row of indices, with this row."""
        num_rows = len(examples.indices)
        for row, indices in enumerate(examples.indices):
            yield np.arange(row, len(self.replicas), num_rows), indices

    def metric_names(self, splits: Iterable[str]) -> set[str]:
        """The names of the metrics that ``evaluate`` yields."""
        return {f"{split}_{name}" for split in splits for name in ("loss", "accuracy")}

    def correct_statistics(self, examples: Examples, *, as_identity: bool = False) -> None:
        """Replace the running statistics with those of all these examples, see ``nn.population``."""
        tensors = {tensor.place: tensor for tensor in self.layout.parameters}
        statistics = {tensor.place: tensor for tensor in self.layout.statistics}
        for place in np.flatnonzero(self.layout.operations["kind"] == NORM):
            norm = self.layout.operations[place]
            mean, variance = self._moments_of(examples, int(place))
            of_mean = statistics[norm["statistics"]]
            of_variance = statistics[of_mean.place + of_mean.size]
            of_mean.write(self._statistics, mean)
            of_variance.write(self._statistics, variance)
            if as_identity:
                tensors[norm["weight"]].write(self._parameters, np.sqrt(variance + norm["epsilon"]))
                tensors[norm["shift"]].write(self._parameters, mean)

    def _moments_of(self, examples: Examples, place: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The means and variances of what an operation reads, shape (R, width)."""
        num_replicas, num_examples = len(self.replicas), examples.indices.shape[1]
        operation = self.layout.operations[place]
        means, squares = (np.zeros((num_replicas, operation["inputs"])) for _ in range(2))
        workspace = Workspace([self.layout], self.architecture.num_classes, CHUNK)
        for replicas, indices in self._readers(examples):
            mine = means[replicas], squares[replicas]
            before, networks = np.ascontiguousarray(self.operations[replicas, :place]), self.networks[replicas]
            for first in unless_stopped(range(0, num_examples, CHUNK)):
                kernels.add_moments(
                    examples.images.addresses,
                    indices[first : first + CHUNK],
                    before,
                    networks,
                    int(operation["source"]),
                    workspace.panels,
                    workspace.scratch,
                    first,
                    *mine,
                )
            means[replicas], squares[replicas] = mine
        return means, squares / num_examples

    def _tensors(self) -> Iterator[tuple[Tensor, NDArray[np.float32]]]:
        """Each array of the networks, with the vectors that it lies in."""
        yield from ((tensor, self._parameters) for tensor in self.layout.parameters)
        yield from ((tensor, self._statistics) for tensor in self.layout.statistics)

    def state_of(self, replica: int) -> dict[str, NDArray[Any]]:
        """A copy of a replica's parameters and statistics, with the numbers that standardise its input."""
        return self._fixed | {
            tensor.name: tensor.read(vectors[replica : replica + 1])[0] for tensor, vectors in self._tensors()
        }

    def restore_replica(self, replica: int, state: Arrays) -> None:
        """Replace a replica's parameters and statistics by a copy that ``state_of`` made."""
        for tensor, vectors in self._tensors():
            tensor.write(vectors[replica : replica + 1], state[tensor.name])

    @contextmanager
    def preserved(self) -> Iterator[None]:
        """Allow changes to the networks within this block; afterwards they are restored bit for bit."""
        before = self._parameters.copy(), self._statistics.copy()
        try:
            yield
        finally:
            self._parameters[:], self._statistics[:] = before

    def _state(self) -> Iterator[tuple[str, Tensor, NDArray[np.float32]]]:
        yield from ((f"network/layers.{tensor.name}", tensor, vectors) for tensor, vectors in self._tensors())
        for number, vectors in enumerate(self._moments):
            yield from ((f"moment{number}/layers.{one.name}", one, vectors) for one in self.layout.parameters)

    def state(self) -> dict[str, NDArray[Any]]:
        """A copy of parameters, statistics and moments, by name; the random numbers need only the number of steps."""
        return {name: tensor.read(vectors) for name, tensor, vectors in self._state()}

    def restore(self, state: Arrays, num_steps: int) -> None:  # noqa: ARG002
        """Restore the ``state`` of another stack; other names are ignored."""
        for name, tensor, vectors in self._state():
            values = state[name]
            if values.dtype != np.float32 or values.shape != (len(vectors), *tensor.shape):
                raise ValueError(f"{name} has another shape")
            tensor.write(vectors, values)

    def weight_hashes(self) -> list[str]:
        """One SHA-256 per replica over its weights, equal to the torch engine's."""
        hashes = [hashlib.sha256() for _ in self.replicas]
        for tensor in self.layout.parameters:
            if tensor.kind == "weights":
                for digest, weight in zip(hashes, tensor.read(self._parameters), strict=True):
                    digest.update(weight.tobytes())
        return [digest.hexdigest() for digest in hashes]


class Networks(NamedTuple):
    """Networks of one or several stacks, as the programs take them.

    Attributes:
        operations: Those of all networks.
        parts: For each network: its first operation, and the one after its last.
        addresses: Those of each network's vectors.
    """

    operations: NDArray[Any]
    parts: NDArray[np.int64]
    addresses: NDArray[Any]

    @classmethod
    def of(cls, stacks: Sequence[CompiledStack], chosen: slice) -> "Networks":
        """The chosen replicas of each stack."""
        operations = [own for stack in stacks for own in stack.operations[chosen]]
        ends = np.cumsum([len(own) for own in operations])
        return cls(
            np.concatenate(operations),
            np.stack([ends - [len(own) for own in operations], ends], axis=1),
            np.concatenate([stack.networks[chosen] for stack in stacks]),
        )


def evaluate_together(stacks: Sequence[CompiledStack], sets: Mapping[str, Examples]) -> list[Evaluated]:
    """Evaluate stacks on each split in eval mode: all networks read some images while these are in the cache."""
    columns: list[dict[str, list[float]]] = [{} for _ in stacks]
    workspace = Workspace([stack.layout for stack in stacks], stacks[0].architecture.num_classes, CHUNK)
    for split, examples in sets.items():
        answers = _judge(stacks, examples, workspace)
        for of_stack, (losses, correct) in zip(columns, answers, strict=True):
            of_stack |= {f"{split}_loss": losses.tolist(), f"{split}_accuracy": correct.mean(1).tolist()}
    # The last split is the test set.
    return [Evaluated.of(of_stack, correct) for of_stack, (_, correct) in zip(columns, answers, strict=True)]


def _judge(
    stacks: Sequence[CompiledStack], examples: Examples, workspace: Workspace
) -> list[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """For each stack: each replica's mean loss, and whether it classifies each example correctly, shape (R, n)."""
    (num_rows, num_examples), numbers = examples.indices.shape, [len(stack.replicas) for stack in stacks]
    found = [(np.zeros(number), np.zeros((number, num_examples), np.bool_)) for number in numbers]
    for row, indices in enumerate(examples.indices):
        readers = slice(row, None, num_rows)
        networks = Networks.of(stacks, readers)
        label_rows = np.concatenate([np.arange(number)[readers] for number in numbers]) % len(examples.labels)
        losses, correct = np.zeros(len(label_rows)), np.zeros((len(label_rows), num_examples), np.bool_)
        for first in unless_stopped(range(0, num_examples, EXAMPLES_PER_CALL)):
            some = slice(first, first + EXAMPLES_PER_CALL)
            right = np.zeros((len(label_rows), len(indices[some])), np.bool_)
            kernels.evaluate(
                examples.images.addresses,
                examples.labels,
                label_rows,
                indices[some],
                CHUNK,
                *networks,
                workspace.panels,
                workspace.scratch,
                losses,
                right,
            )
            correct[:, some] = right
        first = 0
        for of_losses, of_correct in found:
            of_stack = slice(first, first + len(of_losses[readers]))
            of_losses[readers], of_correct[readers] = losses[of_stack] / num_examples, correct[of_stack]
            first = of_stack.stop
    return found
