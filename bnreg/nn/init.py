"""The initial weights, drawn per seed and layer.

The numbers come from numpy's streams, not from the device, so a seed starts from the same weights on every device, and
in every arm whose layers have the same shape.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnreg.nn.architecture import Layer
from bnreg.streams import stream

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class InitScheme:
    """The distribution of a layer's weights and biases, given the fans of the layer.

    Attributes:
        weight: (generator, shape, fan_out) → weights of shape (outputs, fan_in), before the gain.
        bias_bound: fan_in → bound; biases are uniform in ± this bound.
        settings: The settings that not every scheme takes.
    """

    weight: Callable[[np.random.Generator, tuple[int, int], int], Floats]
    bias_bound: Callable[[int], float] = lambda _fan_in: 0.0
    settings: tuple[str, ...] = ()


def _uniform(variance: Callable[[int, int], float]) -> Callable[[np.random.Generator, tuple[int, int], int], Floats]:
    def draw(generator: np.random.Generator, shape: tuple[int, int], fan_out: int) -> Floats:
        bound = math.sqrt(3 * variance(shape[1], fan_out))
        return generator.uniform(-bound, bound, shape)

    return draw


def _normal(variance: Callable[[int, int], float]) -> Callable[[np.random.Generator, tuple[int, int], int], Floats]:
    def draw(generator: np.random.Generator, shape: tuple[int, int], fan_out: int) -> Floats:
        return generator.standard_normal(shape) * math.sqrt(variance(shape[1], fan_out))

    return draw


def _orthogonal(generator: np.random.Generator, shape: tuple[int, int], _fan_out: int) -> Floats:
    """Orthonormal rows or columns, whichever are fewer (Saxe et al., arXiv:1312.6120)."""
    gaussian = generator.standard_normal((max(shape), min(shape)))
    q, r = np.linalg.qr(gaussian)
    q *= np.sign(np.diag(r))  # makes the distribution uniform over all orthogonal matrices
    return q if q.shape == shape else q.T


def _he(fan_in: int, _fan_out: int) -> float:
    return 2 / fan_in


def _xavier(fan_in: int, fan_out: int) -> float:
    return 2 / (fan_in + fan_out)


def _lecun(fan_in: int, _fan_out: int) -> float:
    return 1 / fan_in


INITS: dict[str, InitScheme] = {
    # torch.nn.Linear's default: weights and biases uniform in ± 1/√fan_in.
    "torch": InitScheme(_uniform(lambda fan_in, _: 1 / (3 * fan_in)), bias_bound=lambda fan_in: fan_in**-0.5),
    "he_normal": InitScheme(_normal(_he)),  # He et al., arXiv:1502.01852
    "he_uniform": InitScheme(_uniform(_he)),
    "xavier_normal": InitScheme(_normal(_xavier)),  # Glorot & Bengio, AISTATS 2010
    "xavier_uniform": InitScheme(_uniform(_xavier)),
    "lecun_normal": InitScheme(_normal(_lecun)),  # LeCun et al., Efficient BackProp, 1998
    "lecun_uniform": InitScheme(_uniform(_lecun)),
    "normal": InitScheme(_normal(lambda _in, _out: 1.0), settings=("std",)),
    "orthogonal": InitScheme(_orthogonal),
}


def draw_weight(
    scheme: str, gain: float, seed: int, layer: str, shape: tuple[int, int], fan_out: int | None = None
) -> Floats:
    """Initial weights of one layer of one seed.

    Args:
        scheme: A name in ``INITS``.
        gain: Factor on the weights.
        seed: The replica's seed.
        layer: Name of the layer's random number stream.
        shape: (outputs, fan_in).
        fan_out: By default the number of outputs; for a convolution, the number of outputs times the kernel's area.
    """
    weight = INITS[scheme].weight(stream(seed, "init", layer, "weight"), shape, fan_out or shape[0])
    weight *= gain
    return weight


def draw_bias(scheme: str, seed: int, layer: str, shape: tuple[int, int]) -> Floats:
    """Initial biases of one layer of one seed, shape (outputs,); the gain does not apply to them."""
    num_outputs, fan_in = shape
    bound = INITS[scheme].bias_bound(fan_in)
    return stream(seed, "init", layer, "bias").uniform(-bound, bound, num_outputs)


def draw_layer(scheme: str, gain: float, seed: int, layer: Layer, fan_out: int | None = None) -> tuple[Floats, Floats]:
    """Initial weights of shape (outputs, fan_in) and biases of one layer of one seed, from the layer's own streams."""
    name, shape = f"{layer.kind}.{layer.index}", (layer.num_outputs, layer.fan_in)
    return draw_weight(scheme, gain, seed, name, shape, fan_out), draw_bias(scheme, seed, name, shape)
