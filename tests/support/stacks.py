"""Stacks and shards of tiny networks, trained in this process."""

import torch
from support.cells import TINY_SIZES

from bnreg.names import ReplicaId
from bnreg.training.engines import ENGINES
from bnreg.training.shards import architecture, plan_shards
from bnreg.training.stacked.stack import Stack

CPU = torch.device("cpu")
BN = {"hidden": (8, 6), "norm": "batch"}
PLAIN = {"hidden": (8, 6), "norm": "none"}
CNN = {"kind": "cnn", "channels": (3, 4), "hidden": (6,)}


def shard_of(cells, seeds=(3, 5)):
    """The only shard of some cells for the tiny images."""
    (shard,) = plan_shards(cells, seeds, num_workers=1, sizes=TINY_SIZES)
    return shard


def make_engine(name, shard, dataset, device="cpu", state=None):
    """An engine of the table."""
    return ENGINES[name].make(shard, dataset, str(device), state)


def trained(shard, dataset, device=CPU, state=None, engine="torch"):
    """Train a shard to the end in this process; return its result."""
    engine = make_engine(engine, shard, dataset, device, state)
    for _ in engine.train():
        pass
    return engine.result()


def run(dataset, cells, seeds, device=CPU, **plan):
    """Train in this process; return metrics rows by replica and epoch, summary rows and proofs by replica."""
    shards = plan_shards(cells, seeds, **{"num_workers": 1, "sizes": TINY_SIZES, **plan})
    rows, summary, pairing = {}, {}, {}
    for shard in shards:
        result = trained(shard, dataset, device)
        rows |= {(*replica_of(r), r["epoch"]): r for r in result.tables["metrics"]}
        summary |= {replica_of(r): r for r in result.tables["summary"]}
        pairing |= {proof.replica: proof for proof in result.pairing}
    return rows, summary, pairing


def replica_of(row):
    """The replica that a row belongs to."""
    return ReplicaId(*(row[name] for name in ReplicaId._fields))


def make_stack(cells, seeds, **arguments):
    """A stack for the tiny images."""
    return Stack(cells, seeds, architecture=architecture(cells[0].settings, (6, 6), 4), **arguments)
