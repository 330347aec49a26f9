"""Runs in the middle of their training, made without any: notes of shards, and the results of others."""

import numpy as np
from support.made_runs import shard_of

from bnreg.names import ReplicaId
from bnreg.training.messages import Proof, ShardNote, ShardResult

NUM_EPOCHS, STEPS_PER_EPOCH = 2, 3
NUM_STEPS = NUM_EPOCHS * STEPS_PER_EPOCH


def rows_of(replicas, epoch, *, diverged=()):
    """The rows of one evaluation: the first arm is better by a hundredth, and each later seed by a thousandth."""
    arms = list(dict.fromkeys(replica.arm for replica in replicas))
    rows = []
    for one in replicas:
        accuracy = 0.9 + 0.02 * epoch - 0.01 * arms.index(one.arm) + 0.001 * one.seed
        metrics = {"train_loss": 0.1, "train_accuracy": 0.97, "test_loss": 1 - accuracy, "test_accuracy": accuracy}
        if one in diverged:
            metrics = dict.fromkeys(metrics)
        rows.append(one._asdict() | {"epoch": epoch, "step": epoch * STEPS_PER_EPOCH} | metrics)
    return rows


def made_note(run, index, epoch, *, steps=None, since=0, seconds=2.0, diverged=()):
    """A note on a shard of a made run, evaluated after each epoch up to this one, with so many steps done."""
    replicas = shard_of(run, index).origin.replicas
    rows = [row for number in range(1, epoch + 1) for row in rows_of(replicas, number, diverged=diverged)]
    steps = epoch * STEPS_PER_EPOCH if steps is None else steps
    return ShardNote(steps, NUM_STEPS, STEPS_PER_EPOCH, since, seconds, rows)


def note(run, index, epoch, **options):
    """Leave such a note."""
    shard_of(run, index).note(made_note(run, index, epoch, **options))


def finish(run, index):
    """Keep the results of a shard of a made run, with a last note."""
    place = shard_of(run, index)
    replicas = place.origin.replicas
    note(run, index, NUM_EPOCHS)
    metrics = [row for epoch in range(1, NUM_EPOCHS + 1) for row in rows_of(replicas, epoch)]
    ends = [
        replica._asdict()
        | {"status": "ok"}
        | {f"final_{name}": value for name, value in row.items() if name not in ReplicaId._fields}
        | {"seconds": 1.5, "num_parameters": 100}
        for replica, row in zip(replicas, rows_of(replicas, NUM_EPOCHS), strict=True)
    ]
    proofs = [Proof(replica, "w", f"b{replica.seed}", NUM_EPOCHS) for replica in replicas]
    correct = dict.fromkeys(replicas, np.zeros(1, np.uint8))
    place.commit(ShardResult({"metrics": metrics, "summary": ends}, proofs, correct))
