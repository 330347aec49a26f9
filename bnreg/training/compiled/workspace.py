"""The memory that networks write in a step, and need no longer after it."""

from collections.abc import Sequence

import numpy as np

from bnreg.training.compiled.layout import PANEL, Layout, zeros
from bnreg.training.compiled.network import AHEAD, SCRATCH


class Workspace:
    """Memory for one network at a time.

    Attributes:
        panels: For the batch and the outputs of all operations.
        scratch: The addresses of everything else, structured as ``network.SCRATCH``.
        ahead: The next batch, structured as ``network.AHEAD``.

    Args:
        layouts: The layouts of all networks that use it.
        num_classes: Number of classes.
        rows: The most examples at a time.
    """

    def __init__(self, layouts: Sequence[Layout], num_classes: int, rows: int) -> None:
        row = max(layout.widest for layout in layouts) * PANEL
        self.panels = zeros(max(layout.num_panels for layout in layouts) * rows * PANEL)
        self._arrays = {
            "zeros": zeros(row),
            "padding": zeros(row),
            "statistics": zeros(max(layout.num_statistics for layout in layouts)),
            "gradient": zeros(row * rows),
            "other_gradient": zeros(row * rows),
            "sums": zeros(row),
            "more_sums": zeros(row),
            "strip": zeros(PANEL * PANEL),
            "narrow_strip": zeros(PANEL * PANEL),
            "transposed": zeros(row * PANEL),
        }
        self._arrays["padding"][num_classes:] = -np.inf
        scratch = np.zeros(1, SCRATCH)
        for name in SCRATCH.names or ():
            scratch[name] = self._arrays[name].ctypes.data
        self.scratch = scratch[0]
        self.ahead = np.zeros(1, AHEAD)[0]
