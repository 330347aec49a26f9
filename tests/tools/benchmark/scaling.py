"""The cost of many networks: what sweeps needed that were trained, and by their slopes what a larger one would need."""

from collections.abc import Mapping
from typing import Any

from tools.calibration.tables import Table

FAR = 1_000_000  # networks
MEMORY = 8e9  # bytes
COLUMNS = ["networks", "end to end", "coordinator", "largest worker", "run folder", "`bnreg compare`", "its memory"]


def scale_table(result: Mapping[str, Any]) -> Table:
    """A row for each sweep that was trained, and one for a million networks.

    Memory, files and comparing grow with the networks, along a line through both sweeps. Time grows from that of the
    first sweep, because the networks of the second hardly train.
    """
    networks, (few, many), slopes = _measured(result)
    far = [cost + slope * (FAR - networks[1]) for cost, slope in zip(many, slopes, strict=True)]
    far[0] = few[0] * FAR / networks[0]
    far[2] = many[2]  # each worker trains one shard at a time
    named = [f"{number:,}" for number in networks]
    named[1] += f", {result['sizes']['sweeps'][1][2]} images each"
    named.append(f"{FAR:,}, by these slopes")
    rows = [[name, *_shown(costs)] for name, costs in zip(named, (few, many, far), strict=True)]
    return Table("Scale", COLUMNS, rows)


def cost_of_a_network(result: Mapping[str, Any]) -> str:
    """What one more network costs besides its training, and how many fit into the memory of a usual machine."""
    networks, (few, many), (_, coordinator, _, folder, comparing, _) = _measured(result)
    around = 1000 * many[0] / networks[1]
    fit = (MEMORY - few[1]) / coordinator + networks[0]
    return (
        f"One more network costs {around:.1f} ms around its training at the most, {coordinator / 1000:.1f} kB of the "
        f"coordinator's memory,\n{folder / 1000:.1f} kB of the folder and {1000 * comparing:.2f} ms of "
        f"`bnreg compare`; {MEMORY / 1e9:.0f} GB of memory are full at {float(f'{fit:.2g}'):,.0f} networks.\n"
    )


def _measured(result: Mapping[str, Any]) -> tuple[list[int], tuple[list[float], list[float]], list[float]]:
    """The number of networks of both sweeps, what each cost, and the costs of one network more."""
    networks = [2 * points * seeds for points, seeds, _ in result["sizes"]["sweeps"]]
    few, many = (_costs(result["answers"][str(number)][0]) for number in networks)
    slopes = [(second - first) / (networks[1] - networks[0]) for first, second in zip(few, many, strict=True)]
    return networks, (few, many), slopes


def _costs(measured: Mapping[str, Any]) -> list[float]:
    training, comparing = measured["training"], measured["comparing"]
    return [
        training["seconds"],
        training["own_bytes"],
        training["worker_bytes"],
        measured["folder_bytes"],
        comparing["seconds"],
        comparing["own_bytes"],
    ]


def _shown(costs: list[float]) -> list[str]:
    seconds, coordinator, worker, folder, comparing, its_memory = costs
    return [_time(seconds), *map(_size, (coordinator, worker, folder)), _time(comparing), _size(its_memory)]


def _time(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def _size(num_bytes: float) -> str:
    return f"{num_bytes / 1e6:.0f} MB" if num_bytes < 2e9 else f"{num_bytes / 1e9:.1f} GB"
