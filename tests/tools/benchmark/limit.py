"""The limit: a core's peak in products of float32 matrices, and what a step of training needs of them."""

import statistics
import time
from collections.abc import Sequence
from itertools import pairwise

from tools.benchmark.processes import answer, turn

SIZES = (384, 768, 1024, 1536)  # of square matrices: which one is fastest depends on the caches
SECONDS = 0.5  # for each size


def peak(*, seconds: float = SECONDS) -> dict[str, float]:
    """Floating-point operations per second of torch's product on one thread, of the size that is fastest.

    The median of each size, as of every contender: the fastest of a thousand products would be that of a moment in
    which the machine did nothing else.
    """
    import torch

    torch.set_num_threads(1)
    medians = []
    for size in SIZES:
        rates = []
        a, b, c = (torch.ones(size, size) for _ in range(3))
        turn()
        end = time.perf_counter() + seconds
        while (start := time.perf_counter()) < end:
            torch.mm(a, b, out=c)
            rates.append(2 * size**3 / (time.perf_counter() - start))
        medians.append(statistics.median(rates))
    return {"rate": max(medians)}


def necessary(layers: Sequence[int], batch: int) -> int:
    """Floating-point operations of the products of one step of one network.

    Each layer needs its outputs and its weights' gradients and, except for the first layer, its inputs' gradients.

    Args:
        layers: The numbers of values, from the pixels to the classes.
        batch: Number of examples.
    """
    weights = [inputs * outputs for inputs, outputs in pairwise(layers)]
    return 2 * batch * (3 * sum(weights) - weights[0])


if __name__ == "__main__":
    answer(peak)
