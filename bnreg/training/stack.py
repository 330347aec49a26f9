"""A stack: replicas of one structure that train as one program."""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from bnreg.config import Cell
from bnreg.nn.mlp import StackedMLP
from bnreg.streams import stream
from bnreg.training.evaluation import evaluate, losses
from bnreg.training.optimizers import StackedOptimizer


class Stack:
    """The replicas of some cells of one structure, cell by cell and within a cell seed by seed.

    Args:
        cells: A cells that differ in numbers only.
        seeds: S seeds.
        sizes: Widths from input to output.
        steps_per_epoch: For the schedules.
        device: Where to train.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        seeds: Sequence[int],
        *,
        sizes: Sequence[int],
        steps_per_epoch: int,
        device: torch.device,
    ) -> None:
        self.replicas = [(cell, seed) for cell in cells for seed in seeds]
        model = cells[0].settings.model
        self.network = StackedMLP(
            len(self.replicas),
            sizes,
            activation=model.activation,
            norm=model.norm,
            dropout_rates=[cell.settings.model.dropout for cell, _ in self.replicas],
            generators=[_dropout_generator(cell, seed, device) for cell, seed in self.replicas],
        )
        for replica, (cell, seed) in enumerate(self.replicas):
            init = cell.settings.model.init
            self.network.initialise(replica, seed=seed, scheme=init.scheme, gain=init.gain)
        self.network.to(device)
        self.optimizer = StackedOptimizer(
            self.network,
            [cell.settings.optimizer for cell in cells],
            steps_per_epoch=steps_per_epoch,
            epochs=cells[0].settings.training.epochs,
        )

    def step(self, x: Tensor, y: Tensor) -> None:
        """Train on one batch: x of shape (S, batch, pixels), y of shape (S, batch).

        The replicas' mean losses are summed before differentiating, so that each replica's gradient is its own.
        """
        losses(self.network(x), y).mean(1).sum().backward()  # type: ignore[no-untyped-call] # torch's own
        self.optimizer.step()

    def evaluate(self, sets: dict[str, tuple[Tensor, Tensor, Tensor]]) -> list[dict[str, float]]:
        """Loss and accuracy on each split, one dictionary per replica."""
        columns: dict[str, list[float]] = {}
        for split, examples in sets.items():
            loss, accuracy = evaluate(self.network, *examples)
            columns |= {f"{split}_loss": loss.tolist(), f"{split}_accuracy": accuracy.tolist()}
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]

    def weight_hashes(self) -> list[str]:
        """One SHA-256 per replica over the weights of its linear layers."""
        layers = [layer.weight.detach().cpu().numpy() for layer in self.network.linear_layers]
        hashes = []
        for replica in range(len(self.replicas)):
            digest = hashlib.sha256()
            for weight in layers:
                digest.update(weight[replica].tobytes())
            hashes.append(digest.hexdigest())
        return hashes


def _dropout_generator(cell: Cell, seed: int, device: torch.device) -> torch.Generator:
    """A stream per replica, named by its arm and point: masks are not paired, for arms' layers need not be alike."""
    name = stream(seed, "dropout", cell.arm, *map(str, cell.point.items()))
    return torch.Generator(device).manual_seed(int(name.integers(2**63)))
