"""What the compiled engine covers; it can be read without importing numba."""

from __future__ import annotations

import os
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from bnreg.metrics import METRICS
from bnreg.nn.activations import ACTIVATIONS

if TYPE_CHECKING:
    from bnreg.config.schema import Settings

NORMS = ("none", "batch")
OPTIMIZERS = ("adam", "adamw", "sgd")
_METRICS = {"accuracy", "loss"}
_NEEDED = ("avx2", "fma")


class _Probe:
    """A value with the methods of ``activations.Traced``, each of which returns such a value."""

    def _same(self, *_: object, **__: object) -> _Probe:
        return self

    __add__ = __radd__ = __sub__ = __mul__ = __rmul__ = __truediv__ = __gt__ = _same
    where = new_zeros = relu = expm1 = sigmoid = tanh = logaddexp = erf = _same


def _is_traceable(name: str) -> bool:
    """Whether an activation can be trained, and is written with the methods that can be traced."""
    activation = ACTIVATIONS[name]
    values: list[Any] = [_Probe()] * (1 if activation.learnt_slope is None else 2)
    try:
        return activation.trainable and isinstance(activation.function(*values), _Probe)
    except (AttributeError, TypeError):
        return False


# The activations that programs contain, each at its number.
TRACEABLE = tuple(sorted(filter(_is_traceable, ACTIVATIONS)))


def uncovered(settings: Settings, device: str) -> tuple[str, str] | None:
    """The first setting that this engine does not cover: its dotted key, and its value in words."""
    model = settings.model
    if device != "cpu":
        return "device", device
    if model.kind != "mlp":
        return "model.kind", model.kind
    if model.norm not in NORMS:
        return "model.norm", model.norm
    if model.activation not in TRACEABLE:
        return "model.activation", model.activation
    if settings.optimizer.name not in OPTIMIZERS:
        return "optimizer.name", settings.optimizer.name
    if settings.data.augment.is_on:
        return "data.augment", "moved images"
    if others := METRICS.keys() - _METRICS:
        return "training", f"the metric {min(others)}"
    return None


@cache
def unavailable() -> str | None:
    """Why this machine cannot run it, in words, or None."""
    if find_spec("numba") is None:
        return "numba is not installed: pip install 'bnreg[fast]'"
    if unmet := _unmet():
        return unmet
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        return "the variable NUMBA_DISABLE_JIT is set"
    from bnreg.training.compiled.processor import has_feature

    try:
        missing = [name for name in _NEEDED if not has_feature(name)]
    except (ImportError, OSError, RuntimeError) as error:
        return f"numba's llvmlite cannot be loaded: {error}"
    if missing:
        return f"this processor has no {' and no '.join(missing)}"
    return None


def _unmet() -> str | None:
    """What keeps numba from being imported, in words: mostly a NumPy that is newer than it knows."""
    from packaging.requirements import Requirement

    try:
        needed = requires("numba") or ()
    except PackageNotFoundError:
        return "numba is installed without its metadata"
    for requirement in map(Requirement, needed):
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            there = version(requirement.name)
        except PackageNotFoundError:
            return f"numba needs {requirement.name}, which is not installed"
        if not requirement.specifier.contains(there, prereleases=True):
            return f"numba {version('numba')} needs {requirement}, but {there} is installed"
    return None
