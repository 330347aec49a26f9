"""Population statistics: the statistics that batch norm needs once the network is trained."""

import torch

from bnreg.nn.evaluation import chunks, evaluating
from bnreg.nn.examples import Examples
from bnreg.nn.network import StackedNetwork
from bnreg.stopping import unless_stopped


def correct_statistics(network: StackedNetwork, examples: Examples, *, as_identity: bool = False) -> None:
    """Replace each batch norm's running statistics with the mean and variance over all of these examples.

    For every node, or every map over all its places, over the N values z that the trained network computes from them::

        μ  = 1/N Σ z
        σ² = 1/N Σ (z − μ)²

    The norms are corrected one after another, in eval mode, so that each gets its input from already corrected norms,
    as it will when the network predicts. Averaging the statistics of batches instead makes an error of a few per cent
    in the variance; measuring all layers in one pass is wrong from the second layer on.

    Args:
        network: The stack; its mode does not change.
        examples: The examples to take the statistics over; their labels do not matter.
        as_identity: Also set γ = √(σ² + ε) and β = μ, so that each norm returns its input.

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
                # In place, because z is not needed again and allocating another tensor takes longer than the sums.
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
