"""Population statistics: what batch norm needs once the network is trained."""

import torch

from bnreg.nn.evaluation import chunks, evaluating
from bnreg.nn.examples import Examples
from bnreg.nn.network import StackedNetwork
from bnreg.stopping import unless_stopped


def correct_statistics(network: StackedNetwork, examples: Examples, *, as_identity: bool = False) -> None:
    """Put the mean and variance over all of these examples in the place of each batch norm's running statistics.

    For every node, or every map over all its places, over the N values that the trained network makes of them::

        μ  = 1/N Σ z
        σ² = 1/N Σ (z − μ)²

    The norms are corrected one after another, in eval mode, so that each is fed by those before it as they will be when
    the network predicts. Averaging the statistics of batches instead errs by a few per cent in the variance; measuring
    all layers in one pass errs from the second layer on.

    Args:
        network: The stack, which is left in its mode.
        examples: Over which to take the statistics; their labels do not matter.
        as_identity: Also set γ = √(σ² + ε) and β = μ: each norm then gives back its input.

    References:
        Ioffe & Szegedy, arXiv:1502.03167, algorithm 2; Chan, Golub & LeVeque, Updating formulae, 1979
    """
    with evaluating(network):
        for place, norm in network.batch_norms:
            before = network.layers[:place]
            count, mean, squares = 0, torch.zeros(()), torch.zeros(())
            for chunk in unless_stopped(chunks(network, examples.indices, dim=1)):
                z = before(examples.inputs(chunk)).to(torch.float64)
                chunk_mean = z.mean(1, keepdim=True)
                # In place, for z is of no further use: memory for another as large takes longer than the sums.
                chunk_squares = z.sub_(chunk_mean).square_().sum(1, keepdim=True)
                if count == 0:
                    count, mean, squares = z.shape[1], chunk_mean, chunk_squares
                    continue
                shift, total = chunk_mean - mean, count + z.shape[1]
                mean = mean + shift * (z.shape[1] / total)
                squares = squares + chunk_squares + shift.square() * (count * z.shape[1] / total)
                count = total
            norm.set_statistics(mean, squares / count)
            if as_identity:
                norm.become_identity()
