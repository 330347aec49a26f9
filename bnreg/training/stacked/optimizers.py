"""The optimisers of a stack: torch's fused ones, with each cell's own settings.

A cell's replicas are neighbours along the first axis of every parameter, so a cell's share of a parameter is a
contiguous view. Views with equal settings form a group and are updated together; this is how learning rates, decays and
moments can differ between the cells of a stack.

On a CPU, these optimisers compute 16 numbers of a view at a time and its last ones one by one, which rounds
differently. A parameter of which a replica has another number is therefore updated in a padded copy: no replica depends
on which others are in its view.

torch's optimisers are used in their functional form because their classes import torch's compiler, which takes longer
than everything else that a worker needs to start.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from bnreg.training.schedules import lr_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from bnreg.budget import Budget
    from bnreg.config.schema import Optimizer
    from bnreg.nn.network import StackedNetwork


Rate: TypeAlias = "float | Tensor"
AT_A_TIME = 16  # floats in the widest register of a CPU


class PaddedView(NamedTuple):
    """A view whose rows are padded, so that all of a row is computed in the same way.

    Attributes:
        place: Its place among the group's views.
        own: The parameter's rows, flattened.
        copy: The view without its padding.
        gradient: The view's gradient without its padding.
        padded_gradient: The same with its padding, which is zero.
    """

    place: int
    own: Tensor
    copy: Tensor
    gradient: Tensor
    padded_gradient: Tensor


@dataclass
class ParameterGroup:
    """Shares of parameters that are updated with the same settings.

    Attributes:
        settings: The settings of the cells.
        weight_decay: The settings' weight decay for this kind of parameter, or 0.
        parameters: The full parameters, whose gradients are read.
        rows: For each parameter, the replicas that the group updates.
        views: The parameters' rows, or padded copies of them.
        padded: The views that are padded copies.
        moments: The optimiser's memory of past gradients: one list per moment, one tensor per view.
        num_steps: The number of updates, one scalar per view, as torch's functions expect it.
        lr: The learning rate of the next update.
        lr_on_device: The same on a CUDA device, where a captured update reads it.
    """

    settings: Optimizer
    weight_decay: float
    parameters: list[Tensor] = field(default_factory=list)
    rows: list[slice] = field(default_factory=list)
    views: list[Tensor] = field(default_factory=list)
    padded: list[PaddedView] = field(default_factory=list)
    moments: list[list[Tensor]] = field(default_factory=list)
    num_steps: list[Tensor] = field(default_factory=list)
    lr: float = 0.0
    lr_on_device: Tensor | None = None

    def add(self, parameter: Tensor, rows: slice, num_moments: int) -> None:
        """Add some rows of a parameter."""
        view = parameter.detach()[rows]
        size = view[0].numel()
        if size % AT_A_TIME and parameter.device.type == "cpu":
            own, view = view.flatten(1), view.new_zeros(len(view), size + -size % AT_A_TIME)
            gradient = view.new_zeros(view.shape)
            self.padded.append(PaddedView(len(self.views), own, view[:, :size], gradient[:, :size], gradient))
        if self.lr_on_device is None and parameter.device.type == "cuda":
            self.lr_on_device = parameter.new_zeros(()).float()
        self.parameters.append(parameter)
        self.rows.append(rows)
        self.views.append(view)
        self.num_steps.append(view.new_zeros(()).float())  # the only type that fused Adam reads on CUDA
        self.moments = self.moments or [[] for _ in range(num_moments)]
        for moment in self.moments:
            moment.append(view.new_zeros(view.shape))

    def set_lr(self, lr: float) -> None:
        """Set the learning rate of the next update."""
        if lr != self.lr and self.lr_on_device is not None:
            self.lr_on_device.fill_(lr)
        self.lr = lr

    def gradients(self) -> list[Tensor]:
        """The gradients of the views; the padded views become those of the current parameters."""
        gradients = []
        for parameter, rows in zip(self.parameters, self.rows, strict=True):
            assert parameter.grad is not None
            gradients.append(parameter.grad[rows])
        for padded in self.padded:
            padded.copy.copy_(padded.own)
            padded.gradient.copy_(gradients[padded.place].flatten(1))
            gradients[padded.place] = padded.padded_gradient
        return gradients

    def write(self) -> None:
        """Copy the padded views, which were updated, into their parameters."""
        for padded in self.padded:
            padded.own.copy_(padded.copy)


@dataclass(frozen=True)
class OptimizerKind:
    """One kind of optimiser.

    Attributes:
        update: (group, learning rate): updates the group's views with their gradients.
        num_moments: Number of tensors that it remembers per parameter.
        settings: The settings that this kind takes in addition to lr and weight_decay.
    """

    update: Callable[[ParameterGroup, Rate], None]
    num_moments: int
    settings: tuple[str, ...]


def _sgd(group: ParameterGroup, lr: Rate) -> None:
    from torch.optim.sgd import sgd

    (momenta,) = group.moments
    sgd(
        group.views,
        group.gradients(),
        list(momenta),
        fused=True,
        lr=lr,
        weight_decay=group.weight_decay,
        momentum=group.settings.momentum,
        nesterov=group.settings.nesterov,
        dampening=0.0,
        maximize=False,
    )


def _adam(group: ParameterGroup, lr: Rate, *, decoupled: bool = False) -> None:
    from torch.optim.adam import adam

    beta1, beta2 = group.settings.betas
    first_moments, second_moments = group.moments
    adam(
        group.views,
        group.gradients(),
        first_moments,
        second_moments,
        [],
        group.num_steps,
        fused=True,
        lr=lr,
        weight_decay=group.weight_decay,
        decoupled_weight_decay=decoupled,
        beta1=beta1,
        beta2=beta2,
        eps=group.settings.eps,
        amsgrad=False,
        maximize=False,
    )


def _adamw(group: ParameterGroup, lr: Rate) -> None:
    _adam(group, lr, decoupled=True)


OPTIMIZERS: dict[str, OptimizerKind] = {
    "sgd": OptimizerKind(_sgd, 1, ("momentum", "nesterov")),
    "adam": OptimizerKind(_adam, 2, ("betas", "eps")),  # its weight decay is an L2 term in the gradient
    "adamw": OptimizerKind(_adamw, 2, ("betas", "eps")),  # its weight decay is decoupled, arXiv:1711.05101
}


class StackedOptimizer:
    """Updates the parameters of a stack.

    Attributes:
        num_steps: Number of updates so far.

    Args:
        network: The stack.
        settings: One per cell, all for the same kind of optimiser.
        budget: The length of training, for the schedule.
    """

    def __init__(self, network: StackedNetwork, settings: Sequence[Optimizer], budget: Budget) -> None:
        self._kind = OPTIMIZERS[settings[0].name]
        self._budget = budget
        self.num_steps = 0
        self._parameters = list(network.parameters())
        self._groups: list[ParameterGroup] = []
        first = 0
        for setting, equal in groupby(settings):
            last = first + len(list(equal))
            groups: dict[float, ParameterGroup] = {}
            for kind, parameter in network.parameters_with_kinds():
                num_seeds = parameter.shape[0] // len(settings)
                decay = setting.weight_decay if kind in setting.weight_decay_on else 0.0
                group = groups.setdefault(decay, ParameterGroup(setting, decay))
                group.add(parameter, slice(first * num_seeds, last * num_seeds), self._kind.num_moments)
            self._groups += groups.values()
            first = last

    def tensors(self) -> dict[str, Tensor]:
        """The tensors that the groups remember, by name, not copied."""
        found: dict[str, Tensor] = {}
        for i, group in enumerate(self._groups):
            for kind, kept in enumerate((group.num_steps, *group.moments)):
                found |= {f"{i}/{kind}/{j}": values for j, values in enumerate(kept)}
        return found

    def prepare(self) -> None:
        """Set the learning rates of the next update, and count it."""
        for group in self._groups:
            group.set_lr(lr_at(group.settings, self.num_steps, self._budget))
        self.num_steps += 1

    def update(self) -> None:
        """Update the parameters with their gradients, then clear the gradients."""
        for group in self._groups:
            self._kind.update(group, group.lr if group.lr_on_device is None else group.lr_on_device)
            group.write()
        for parameter in self._parameters:
            parameter.grad = None
