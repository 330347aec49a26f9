"""The first engine: torch with stacked parameters, on CPU and CUDA."""

import time
from collections.abc import Iterator

import torch

from bnreg.data import Dataset
from bnreg.training.feed import Feed
from bnreg.training.messages import EpochDone, Message, Row, ShardDone, StepsDone
from bnreg.training.record import ReplicaRecord
from bnreg.training.shards import Shard, count_parameters, layer_sizes
from bnreg.training.stack import Stack

REPORT_SECONDS = 0.2


def train_shard(shard: Shard, dataset: Dataset, device: torch.device) -> Iterator[Message]:
    """Train all replicas of a shard and say how it goes.

    Nothing inside an epoch waits for the device; the metrics are read after its last step.
    """
    settings = shard.settings
    num_pixels = dataset.train_images[0].size
    feed = Feed(dataset, settings.data, shard.seeds, device, drop_single=shard.drop_single)
    evaluation_sets = feed.evaluation_sets()
    stacks = [
        Stack(
            cells,
            shard.seeds,
            sizes=layer_sizes(cells[0].settings, num_pixels, dataset.num_classes),
            steps_per_epoch=feed.num_steps,
            device=device,
        )
        for cells in shard.stacks
    ]
    records = [[ReplicaRecord(cell, seed, dataset.num_classes) for cell, seed in stack.replicas] for stack in stacks]
    weight_hashes = [stack.weight_hashes() for stack in stacks]

    seconds = [0.0] * len(stacks)
    steps = 0
    order_hashes: dict[int, list[str]] = {}
    last_report = time.monotonic()
    for epoch in range(1, settings.training.epochs + 1):
        rows: list[Row] = []
        epoch_start, epoch_seconds = time.perf_counter(), [0.0] * len(stacks)
        for x, y in feed.batches(epoch):
            for i, stack in enumerate(stacks):
                start = time.perf_counter()
                stack.step(x, y)
                epoch_seconds[i] += time.perf_counter() - start
            steps += 1
            if time.monotonic() - last_report > REPORT_SECONDS:
                last_report = time.monotonic()
                yield StepsDone(shard.index, steps)
        if device.type == "cuda":  # a step returns before it is done: only the whole epoch can be timed, and shared out
            torch.cuda.synchronize(device)
            whole = time.perf_counter() - epoch_start
            epoch_seconds = [whole * len(stack.replicas) / shard.num_replicas for stack in stacks]
        seconds = [total + spent for total, spent in zip(seconds, epoch_seconds, strict=True)]
        for stack, stack_records in zip(stacks, records, strict=True):
            for record, metrics in zip(stack_records, stack.evaluate(evaluation_sets), strict=True):
                row = record.add(epoch, metrics)
                rows += [row] if row else []
        order_hashes[epoch] = feed.order_hashes()
        yield EpochDone(shard.index, epoch, steps, rows)
        if all(record.stopped for stack_records in records for record in stack_records):
            break

    done = ShardDone(shard.index)
    places = {seed: place for place, seed in enumerate(shard.seeds)}
    for stack, stack_records, hashes, stack_seconds in zip(stacks, records, weight_hashes, seconds, strict=True):
        for (cell, seed), record, weights in zip(stack.replicas, stack_records, hashes, strict=True):
            cost = {
                "seconds": stack_seconds / len(stack.replicas),
                "num_parameters": count_parameters(cell.settings, num_pixels, dataset.num_classes),
            }
            done.summary.append(record.summary() | cost)
            order = order_hashes[record.num_epochs][places[seed]]
            proof = {"initial_weights": weights, "batch_order": order, "epochs": record.num_epochs}
            done.pairing.append(record.identity | proof)
    yield done
