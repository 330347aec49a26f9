"""Batch normalisation whose output is made unstable on purpose, to separate two explanations of its success."""

from collections.abc import Sequence

import torch
from torch import Tensor

from bnreg.nn.batch_norm import StackedBatchNorm
from bnreg.nn.norms import NormSize

# n_μ, n_σ, r_μ and r_σ of the paper.
MEAN_RANGE, LARGEST_SCALE, MEAN_SPREAD, SCALE_SPREAD = 0.5, 1.25, 0.1, 0.1


class StackedNoisyBatchNorm(StackedBatchNorm):
    """Batch normalisation followed, in training, by noise whose distribution changes with every step.

    At each step, for each node of each replica, and then for each example i::

        μ ~ U(−n_μ, n_μ)          σ ~ U(1, n_σ)
        mᵢ ~ U(μ − r_μ, μ + r_μ)  sᵢ ~ N(σ, r_σ²)
        yᵢ ← sᵢ yᵢ + mᵢ

    The inputs of the next layer therefore shift more than without any norm. If batch norm helps because it reduces this
    shift, the noise must undo its benefit. In evaluation there is no noise.

    Args:
        num_replicas: Number of stacked layers, R.
        size: What is normalised; a map's noise is drawn per node or map and, for each image, equal at all places.
        epsilon: ε, added to the variance.
        momentum: Share of each batch in the running statistics.
        generators: One per replica, on the device of the layer, so that a replica's noise does not depend on the
            replicas that are trained with it; they are not needed for evaluation.

    References:
        Santurkar et al., How Does Batch Normalization Help Optimization?, arXiv:1805.11604, appendix A
    """

    def __init__(
        self,
        num_replicas: int,
        size: NormSize,
        *,
        epsilon: float = 1e-5,
        momentum: float = 0.1,
        generators: Sequence[torch.Generator] = (),
    ) -> None:
        super().__init__(num_replicas, size.width, epsilon=epsilon, momentum=momentum)
        self.num_places = size.num_places
        self.generators = tuple(generators)

    def forward(self, z: Tensor) -> Tensor:
        """Normalise z of shape (R, batch·places, width) and, in training, add noise.

        Raises:
            ValueError: In training, if the batch holds a single example, see ``StackedBatchNorm``.
        """
        y = super().forward(z)
        if not self.training:
            return y
        scale, shift = (
            torch.stack(noise).repeat_interleave(self.num_places, 1)
            for noise in zip(*(self._noise(z, one) for one in self.generators), strict=True)
        )
        return torch.addcmul(shift, y, scale)

    def _noise(self, z: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The scales s and shifts m of a replica's examples, each of shape (batch, width)."""
        shape = (z.shape[1] // self.num_places, z.shape[2])

        def uniform(least: float, most: float, rows: int) -> Tensor:
            return z.new_empty((rows, shape[1])).uniform_(least, most, generator=generator)

        mean, deviation = uniform(-MEAN_RANGE, MEAN_RANGE, 1), uniform(1.0, LARGEST_SCALE, 1)
        shift = mean + uniform(-MEAN_SPREAD, MEAN_SPREAD, shape[0])
        return deviation + SCALE_SPREAD * z.new_empty(shape).normal_(generator=generator), shift
