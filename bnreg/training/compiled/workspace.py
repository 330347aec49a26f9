"""The memory that networks write in a step, and need no longer after it."""

from collections.abc import Sequence

import numpy as np

from bnreg.training.compiled.layout import PANEL, Layout, zeros
from bnreg.training.compiled.network import AHEAD, SCRATCH
from bnreg.training.compiled.products import BLOCK, GROUP, bytes_of_list
from bnreg.training.compiled.sparsity import WORD
from bnreg.training.compiled.vectors import WIDTH


class Workspace:
    """Memory for one network at a time.

    Attributes:
        panels: For the batch and the outputs of all operations.
        scratch: Everything else, structured as ``network.SCRATCH``.
        ahead: The next batch, structured as ``network.AHEAD``.

    Args:
        layouts: The layouts of all networks that use it.
        num_classes: Number of classes.
        rows: The most examples at a time.
    """

    def __init__(self, layouts: Sequence[Layout], num_classes: int, rows: int) -> None:
        row = max(layout.widest for layout in layouts) * PANEL
        num_inputs = max(int(layout.operations["inputs"][0]) for layout in layouts)
        num_words = -(-num_inputs // WORD)
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
            "masks": zeros(rows, 2 * num_words),
            "columns": zeros(-(-rows // BLOCK) * bytes_of_list(num_inputs) // 4),
            "rows": zeros(-(-num_inputs // GROUP) * bytes_of_list(rows) // 4),
            "halves": zeros(2 * num_words, -(-rows // WIDTH) * WIDTH),
        }
        self._arrays["padding"][num_classes:] = -np.inf
        scratch = np.zeros(1, SCRATCH)
        for name, array in self._arrays.items():
            scratch[name] = array.ctypes.data
        self.scratch = scratch[0]
        self.ahead = np.zeros(1, AHEAD)[0]
