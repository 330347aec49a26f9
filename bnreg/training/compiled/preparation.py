"""The setup of a process before it trains its first network: its programs, loaded or compiled."""

from functools import cache

import numpy as np

from bnreg.training.compiled.cache import folder, is_sealed, opened


def is_compiled() -> bool:
    """Whether the programs only need to be loaded."""
    return is_sealed(folder())


@cache
def prepare_process() -> None:
    """Load the programs or, in the first process ever, compile them, which takes some seconds."""
    with opened():
        from bnreg.training.compiled import kernels
        from bnreg.training.compiled.images import IMAGES
        from bnreg.training.compiled.layout import KINDS, OPERATION
        from bnreg.training.compiled.network import AHEAD, NETWORK, SCRATCH
        from bnreg.training.compiled.updates import RULE

        integers, rows = np.zeros(0, np.int64), np.zeros((0, 0), np.int64)
        panels, scratch = np.zeros(0, np.float32), np.zeros(1, SCRATCH)[0]
        networks, table = np.zeros(0, NETWORK), np.zeros((0, 0))
        rules, flags = np.zeros((0, 0, len(KINDS)), RULE), np.zeros((0, 0), np.bool_)
        operations, of_each = np.zeros(0, OPERATION), np.zeros((0, 0), OPERATION)
        images = np.zeros(1, IMAGES)[0]
        # Without an example nothing is done, but the types of the arguments are those of real calls.
        kernels.train(
            images,
            integers,
            integers,
            1,
            0,
            rules,
            operations,
            rows,
            networks,
            panels,
            scratch,
            np.zeros(1, AHEAD)[0],
            integers,
        )
        judged = np.zeros(0), flags
        kernels.evaluate(images, rows, integers, integers, 1, operations, rows, networks, panels, scratch, *judged)
        kernels.add_moments(images, integers, of_each, networks, 0, panels, scratch, 1, table, table)
