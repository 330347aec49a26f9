"""Proof that a run's pairs are real pairs: what its arms had in common, seed by seed."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from bnreg.training.messages import Proof

# Each property to compare, and what must match besides seed and point before it is compared: if two arms trained for
# different numbers of epochs, one saw more of the batch order than the other.
_COMPARED: dict[str, Callable[[Proof], Hashable]] = {
    "initial_weights": lambda _: None,
    "batch_order": lambda proof: proof.epochs,
}


@dataclass(frozen=True)
class PairingProof:
    """The properties that the arms of a run shared.

    Attributes:
        num_arms: Number of arms; 0 if nothing was recorded.
        num_points: Number of points in the sweep.
        num_seeds: Number of seeds.
        unequal_seeds: ``initial_weights`` and ``batch_order`` → seeds whose arms differ in it at some point.
    """

    num_arms: int
    num_points: int
    num_seeds: int
    unequal_seeds: Mapping[str, Sequence[int]]


def prove_pairing(proofs: Sequence[Proof]) -> PairingProof:
    """Check, seed by seed, whether the arms started with equal weights and saw the same examples in the same order."""
    return PairingProof(
        num_arms=len({proof.replica.arm for proof in proofs}),
        num_points=len({proof.replica.point_index for proof in proofs}),
        num_seeds=len({proof.replica.seed for proof in proofs}),
        unequal_seeds={name: _unequal_seeds(proofs, name) for name in _COMPARED},
    )


def _unequal_seeds(proofs: Sequence[Proof], name: str) -> list[int]:
    hashes: dict[tuple[int, int, Hashable], set[str]] = defaultdict(set)
    for proof in proofs:
        hashes[proof.replica.seed, proof.replica.point_index, _COMPARED[name](proof)].add(getattr(proof, name))
    return sorted({seed for (seed, *_), different in hashes.items() if len(different) > 1})
