"""A stack: replicas of one structure that train as one program."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from bnreg.config.experiment import Cell
from bnreg.data import Standardisation
from bnreg.metrics import cross_entropy, per_example_measures
from bnreg.nn.architecture import Architecture
from bnreg.nn.evaluation import evaluate
from bnreg.nn.examples import Examples, for_replicas
from bnreg.nn.network import StackedNetwork
from bnreg.nn.penalties import PENALTIES, penalty
from bnreg.nn.population import correct_statistics
from bnreg.training.engines import Evaluated
from bnreg.training.shards import dropout_stream
from bnreg.training.stacked.optimizers import StackedOptimizer


class Stack:
    """The replicas of some cells of one structure, ordered by cell and then by seed.

    Attributes:
        replicas: The cell and seed of each replica.
        settings: Those of the first cell, for everything that is the same in all cells.
        architecture: The architecture of all cells.
        network: The stacked network.
        optimizer: The optimiser that trains it.
        device: The device that holds them.

    Args:
        cells: A cells that differ only in numbers.
        seeds: S seeds.
        architecture: The architecture of all cells.
        steps_per_epoch: Optimiser steps per epoch, for the schedules.
        standardisation: That of the inputs, if the architecture has one.
        device: The device to train on.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        seeds: Sequence[int],
        *,
        architecture: Architecture,
        steps_per_epoch: int,
        standardisation: Standardisation | None = None,
        device: torch.device,
    ) -> None:
        self.settings = cells[0].settings
        self.architecture = architecture
        self.replicas = [(cell, seed) for cell in cells for seed in seeds]
        self._generators = [_dropout_generator(cell, seed, device) for cell, seed in self.replicas]
        self.network = StackedNetwork(
            architecture,
            len(self.replicas),
            dropout_rates=[cell.settings.model.dropout for cell, _ in self.replicas],
            generators=self._generators,
        )
        for replica, (cell, seed) in enumerate(self.replicas):
            init = cell.settings.model.init
            self.network.initialise(replica, seed=seed, scheme=init.scheme, gain=init.scale)
        if architecture.is_standardised and standardisation is not None:
            self.network.standardise(*map(torch.from_numpy, standardisation))
        self.network.to(device)
        self.device = device
        self._penalised = self._find_penalised()
        self.optimizer = StackedOptimizer(
            self.network,
            [cell.settings.optimizer for cell in cells],
            self.settings.training.budget(steps_per_epoch),
        )

    def step(self, x: Tensor, y: Tensor) -> None:
        """Train on one batch: x of shape (S, batch, pixels), y of shape (S, batch)."""
        self.optimizer.prepare()
        self.descend(x, y)

    def descend(self, x: Tensor, y: Tensor) -> None:
        """What a step computes, once the optimiser is prepared for it; a CUDA device can repeat it without Python.

        The replicas' mean losses are summed before differentiating, so each replica gets exactly its own gradient.
        """
        loss = cross_entropy(self.network(x), for_replicas(y, len(self.replicas))).mean(1).sum()
        if self._penalised:
            loss = loss + penalty(self._penalised).sum()
        loss.backward()  # type: ignore[no-untyped-call] # torch's own
        self.optimizer.update()

    @property
    def generators(self) -> list[torch.Generator]:
        """The generators that a step draws from."""
        drawn = [one for layer in self.network.layers for one in getattr(layer, "generators", ())]
        return [*dict.fromkeys(drawn)]

    @property
    def has_norms(self) -> bool:
        """Whether the networks have statistics."""
        return bool(self.network.batch_norms)

    def evaluate(self, sets: Mapping[str, Examples]) -> Evaluated:
        """Evaluate on each split."""
        columns: dict[str, list[float]] = {}
        found = {split: evaluate(self.network, examples) for split, examples in sets.items()}
        for split, one in found.items():
            columns |= {f"{split}_{name}": means.tolist() for name, means in one.means.items()}
        return Evaluated.of(columns, found["test"].correct.cpu().numpy())

    def correct_statistics(self, examples: Examples, *, as_identity: bool = False) -> None:
        """Replace the running statistics with those of all these examples."""
        correct_statistics(self.network, examples, as_identity=as_identity)

    def state_of(self, replica: int) -> dict[str, NDArray[Any]]:
        """A copy of a replica's parameters and statistics."""
        return {name: values.cpu().numpy() for name, values in self.network.state_of(replica).items()}

    def restore_replica(self, replica: int, state: Mapping[str, NDArray[Any]]) -> None:
        """Replace a replica's parameters and statistics by a copy that ``state_of`` made."""
        self.network.restore(replica, {name: torch.from_numpy(values) for name, values in state.items()})

    def metric_names(self, splits: Iterable[str]) -> set[str]:
        """The names of the metrics that ``evaluate`` yields."""
        return {f"{split}_{name}" for split in splits for name in per_example_measures()}

    def _find_penalised(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Each parameter that some replica penalises, with each replica's strengths of ‖w‖₁ and of ½‖w‖²."""
        settings = [cell.settings.training.penalty for cell, _ in self.replicas]
        shares = [PENALTIES[setting.kind].l1_share(setting.l1_share) for setting in settings]
        penalised: list[tuple[Tensor, Tensor, Tensor]] = []
        for kind, parameter in self.network.parameters_with_kinds():
            strengths = [s.strength if s.kind != "none" and kind in s.on else 0.0 for s in settings]
            if any(strengths):
                strength, share = (parameter.new_tensor(values) for values in (strengths, shares))
                penalised.append((parameter, strength * share, strength * (1 - share)))
        return penalised

    def state(self) -> dict[str, NDArray[Any]]:
        """Parameters, statistics, moments and the state of each dropout generator, by name."""
        live = {name: values.detach().cpu().numpy().copy() for name, values in self._live_tensors().items()}
        generators = {f"generator/{r}": one.get_state().numpy() for r, one in enumerate(self._generators)}
        return live | generators

    @torch.no_grad()
    def restore(self, state: Mapping[str, NDArray[Any]], num_steps: int) -> None:
        """Restore the ``state`` of another stack after this many steps, in place; other names are ignored."""
        for name, values in self._live_tensors().items():
            values.copy_(torch.from_numpy(state[name]).view(values.shape))
        for replica, generator in enumerate(self._generators):
            generator.set_state(torch.from_numpy(state[f"generator/{replica}"]))
        self.optimizer.num_steps = num_steps

    def _live_tensors(self) -> dict[str, Tensor]:
        network = {f"network/{name}": values for name, values in self.network.state_dict().items()}
        return network | {f"optimizer/{name}": values for name, values in self.optimizer.tensors().items()}

    @contextmanager
    def preserved(self) -> Iterator[None]:
        """Allow changes to the network within this block; afterwards it is restored bit for bit."""
        before = {name: values.clone() for name, values in self.network.state_dict().items()}
        try:
            yield
        finally:
            self.network.load_state_dict(before)

    def weight_hashes(self) -> list[str]:
        """One SHA-256 per replica over the weights of its linear and convolutional layers."""
        layers = [layer.weight.detach().cpu().numpy() for layer in self.network.affine_layers]
        hashes = []
        for replica in range(len(self.replicas)):
            digest = hashlib.sha256()
            for weight in layers:
                digest.update(weight[replica].tobytes())
            hashes.append(digest.hexdigest())
        return hashes


def _dropout_generator(cell: Cell, seed: int, device: torch.device) -> torch.Generator:
    return torch.Generator(device).manual_seed(int(dropout_stream(cell, seed).integers(2**63)))
