"""The table of diagnostics: what may be watched in a network while it trains; to read it takes no torch."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bnreg.diagnostics.sight import Found, Sight


@dataclass(frozen=True)
class Diagnostic:
    """One kind of diagnostic.

    Attributes:
        place: Module of ``bnreg.diagnostics`` and name of the function there, which maps the sight of a stack to what
            it finds, and does not change the stack.
        help: What it finds, in a line.
        remembers: Whether it compares with the look before.
    """

    place: str
    help: str
    remembers: bool = False

    def __call__(self, sight: Sight) -> Iterator[Found]:
        """Look at a stack."""
        module, function = self.place.split(".")
        found: Iterator[Found] = getattr(import_module(f"bnreg.diagnostics.{module}"), function)(sight)
        return found


DIAGNOSTICS: dict[str, Diagnostic] = {
    "pre_activations": Diagnostic(
        "distributions.pre_activations", "mean, std and percentiles of z, per layer and of one unit"
    ),
    "shift": Diagnostic(
        "distributions.shift", "change of z since the look before: |Δμ|/σ, |Δlog σ|, Wasserstein-1/σ", remembers=True
    ),
    "saturation": Diagnostic(
        "distributions.saturation", "share of z where |τ′| is below 5 % of its maximum; dead units"
    ),
    "weights": Diagnostic("weights.weights", "‖w‖, ‖gradient‖, relative change per step, lr/‖w‖²", remembers=True),
    "norms": Diagnostic("weights.norms", "γ and β; running statistics against those of the probe"),
    "internal_covariate_shift": Diagnostic(
        "landscape.internal_covariate_shift", "change of a layer's gradient by the step of the layers below"
    ),
    "smoothness": Diagnostic("landscape.smoothness", "loss and gradient along the gradient, effective β"),
    "input_gradient": Diagnostic("function.input_gradient", "mean ‖∇ₓ loss‖ on the test set"),
    "calibration": Diagnostic("function.calibration", "expected calibration error on the test set"),
}
