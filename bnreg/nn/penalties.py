"""Penalties on the parameters: J_reg(Θ) = J(Θ) + λ R(Θ).

They are part of the loss and so of its gradient: an optimiser that scales gradients scales theirs too, unlike a
decoupled weight decay. L2 and weight decay are the same only for plain gradient descent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor


@dataclass(frozen=True)
class PenaltyKind:
    """One kind of penalty, as a mixture: R = a ‖w‖₁ + (1 − a) ½‖w‖².

    Attributes:
        l1_share: The setting ``l1_share`` → a.
        settings: The settings that this kind takes in addition to those that all kinds take.
    """

    l1_share: Callable[[float], float]
    settings: tuple[str, ...] = ()


PENALTIES: dict[str, PenaltyKind] = {
    "none": PenaltyKind(lambda share: share, ("l1_share",)),  # so that an arm can switch off the base's elastic
    "l1": PenaltyKind(lambda _: 1.0),  # Tibshirani, JRSS B 58 (1996)
    "l2": PenaltyKind(lambda _: 0.0),  # Tikhonov; with ½, so that its gradient is λ w
    "elastic": PenaltyKind(lambda share: share, ("l1_share",)),  # Zou & Hastie, JRSS B 67 (2005)
}


def penalty(terms: Sequence[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """λ R(Θ) of every replica.

    Args:
        terms: For each penalised parameter: the stacked parameter w, with a leading axis of R replicas, and each
            replica's λ a and λ (1 − a), both of shape (R,).

    Returns:
        Shape (R,).
    """
    lassos = [lasso * w.abs().flatten(1).sum(1) for w, lasso, _ in terms]
    ridges = [ridge * w.square().flatten(1).sum(1) / 2 for w, _, ridge in terms]
    return sum(lassos[1:] + ridges, lassos[0])
