"""The watch over a stack: looks at it again and again, and remembers what the next look needs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from bnreg.config.schema import Diagnostics
from bnreg.diagnostics.sight import Before, Sight
from bnreg.diagnostics.table import DIAGNOSTICS
from bnreg.nn.architecture import Architecture
from bnreg.nn.examples import Examples
from bnreg.nn.network import StackedNetwork
from bnreg.streams import stream

Arrays = Mapping[str, NDArray[Any]]


class Watch:
    """Watches a stack of any engine. It looks at a copy, so nothing that it does can change what is trained.

    Args:
        settings: What to watch, and on how many examples of the training set: the first ones of each seed.
        architecture: The architecture of all networks.
        seeds: The seed of each network.
        sets: The examples of each split.
        device: The device to look on.
    """

    def __init__(
        self,
        settings: Diagnostics,
        architecture: Architecture,
        seeds: Sequence[int],
        sets: Mapping[str, Examples],
        device: torch.device,
    ) -> None:
        train = sets["train"]
        self._diagnostics = [DIAGNOSTICS[name] for name in settings.names]
        self._probe = train._replace(indices=train.indices[:, : settings.probe])
        self._test = sets["test"]
        self._seeds = seeds
        self._device = device
        self._generators = [torch.Generator(device) for _ in seeds]
        self._network = StackedNetwork(architecture, len(seeds), generators=self._generators).to(device)
        self._before: Before | None = None

    def look(self, states: Iterable[Arrays], step: int, lr: Sequence[float]) -> list[tuple[int, str, Sequence[float]]]:
        """Look at the networks.

        Args:
            states: The parameters and statistics of each, see ``engines.TrainableStack.state_of``.
            step: Number of optimiser steps done.
            lr: The learning rate of each.

        Returns:
            The layer, the name, and the value of each network, of everything that is found.
        """
        for replica, state in enumerate(states):
            self._network.restore(replica, {name: torch.from_numpy(values) for name, values in state.items()})
        for generator, seed in zip(self._generators, self._seeds, strict=True):
            generator.manual_seed(int(stream(seed, "watch", step).integers(2**63)))
        with torch.no_grad():
            rates = torch.tensor(lr, dtype=torch.float32, device=self._device)
            sight = Sight(self._network, self._probe, self._test, step, rates, self._before)
            found = [one for diagnostic in self._diagnostics for one in diagnostic(sight)]
            if any(diagnostic.remembers for diagnostic in self._diagnostics):
                self._before = sight.remembered()
        return [(one.layer, one.name, one.values.double().tolist()) for one in found]

    def state(self) -> dict[str, NDArray[Any]]:
        """What it remembers, by name; empty before the first look."""
        if self._before is None:
            return {}
        parts = {"sorted": self._before.sorted, "weights": self._before.weights}
        arrays = {f"{part}/{i}": values.cpu().numpy() for part, all_ in parts.items() for i, values in enumerate(all_)}
        return {"step": torch.tensor(self._before.step).numpy(), **arrays}

    def restore(self, state: Arrays) -> None:
        """Continue from the ``state`` of another watch over such a stack."""
        if "step" not in state:
            return

        def tensors(part: str) -> list[Tensor]:
            number = sum(name.startswith(f"{part}/") for name in state)
            return [torch.tensor(state[f"{part}/{i}"], device=self._device) for i in range(number)]

        self._before = Before(int(state["step"]), tensors("sorted"), tensors("weights"))
