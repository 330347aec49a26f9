"""Whether a run's pairs are pairs: what its arms had in common, seed by seed."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bnreg.report.run_view import counted

MAX_SEEDS_SHOWN = 10

PROVEN = {"initial_weights": "initial weights", "batch_order": "batch order"}


def pairing_lines(proof: Sequence[Mapping[str, Any]]) -> list[str]:
    """In a line each, for which seeds the arms began with equal weights and saw the same examples in the same order.

    The order is compared among arms that trained for equally many epochs: of others, one saw more of it.

    Args:
        proof: For each replica its ``point_index``, ``arm`` and ``seed``, the hashes ``initial_weights`` and
            ``batch_order``, and its ``epochs``.
    """
    if not proof:
        return ["nothing is recorded of what the arms had in common"]
    if len({row["arm"] for row in proof}) == 1:
        return ["one arm: nothing is paired"]
    unequal = {key: _unequal_seeds(proof, key) for key in PROVEN}
    where = f"of each of {counted(len({row['seed'] for row in proof}), 'seed')}"
    num_points = len({row["point_index"] for row in proof})
    where += f" at each of {num_points} points" if num_points > 1 else ""
    equal = [name for key, name in PROVEN.items() if not unequal[key]]
    lines = [f"{' and '.join(equal)} equal in all arms {where}"] if equal else []
    return lines + [
        f"{name} not equal in all arms: {_named(unequal[key])}" for key, name in PROVEN.items() if unequal[key]
    ]


def _unequal_seeds(proof: Iterable[Mapping[str, Any]], key: str) -> list[int]:
    """The seeds whose arms have different hashes at some point."""
    hashes: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for row in proof:
        length = row["epochs"] if key == "batch_order" else None
        hashes[row["seed"], row["point_index"], length].add(row[key])
    return sorted(Counter(seed for (seed, *_), different in hashes.items() if len(different) > 1))


def _named(seeds: Sequence[int]) -> str:
    shown = ", ".join(map(str, seeds[:MAX_SEEDS_SHOWN]))
    more = f" and {len(seeds) - MAX_SEEDS_SHOWN} more" if len(seeds) > MAX_SEEDS_SHOWN else ""
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {shown}{more}"
