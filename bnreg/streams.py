"""Named streams of random numbers, the basis of pairing.

Every random number in an experiment is drawn from a stream that is named by a seed and a purpose, never from a global
generator. Two arms that use the same stream get the same numbers, and draws from one stream do not affect the others.
"""

import hashlib

import numpy as np


def stream(seed: int, *purpose: str | int) -> np.random.Generator:
    """The stream of random numbers for one purpose within a seed.

    Args:
        seed: The replica's seed, at least 0.
        purpose: The use of the numbers, e.g. ``("order", epoch)`` or ``("init", "hidden.0.weight")``.

    References:
        Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011 (Philox)
    """
    digest = hashlib.sha256("/".join(map(str, purpose)).encode()).digest()
    words = np.frombuffer(digest, dtype="<u4")
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=tuple(map(int, words)))))
