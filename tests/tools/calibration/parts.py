"""What is measured, part by part."""

from collections.abc import Callable

from tools.calibration.looks import forecasts, stopping
from tools.calibration.on_test_sets import border, equal_networks, tried
from tools.calibration.one_look import divergence, equal_arms, families, redrawn_splits
from tools.calibration.peers import peers
from tools.calibration.real import real
from tools.calibration.tables import Table

# Name → a function from the number of experiments a cell to the part's tables.
PARTS: dict[str, Callable[[int], list[Table]]] = {
    "equal arms": equal_arms,
    "networks": equal_networks,
    "border": border,
    "families": families,
    "looks": stopping,
    "forecasts": forecasts,
    "divergence": divergence,
    "splits": redrawn_splits,
    "peers": peers,
    "tried": tried,
    "real": real,
}
