"""The first engine: torch with stacked parameters, on CPU and CUDA."""

import time
from collections.abc import Iterator

import torch

from bnreg.data import Dataset
from bnreg.training.feed import Feed
from bnreg.training.keeping import Keeper
from bnreg.training.messages import EpochDone, Message, Row, ShardDone, StepsDone, WeightsDone
from bnreg.training.population import correct_statistics
from bnreg.training.record import ReplicaRecord
from bnreg.training.shards import Shard, architecture, count_parameters
from bnreg.training.stack import Stack

REPORT_SECONDS = 0.2


def train_shard(shard: Shard, dataset: Dataset, device: torch.device) -> Iterator[Message]:
    """Train all replicas of a shard and say how it goes.

    Nothing inside an epoch waits for the device; the metrics are read after its last step.
    """
    settings = shard.settings
    height, width = dataset.train_images.shape[1:]
    feed = Feed(dataset, settings.data, shard.seeds, device, drop_single=shard.drop_single)
    evaluation_sets = feed.evaluation_sets()
    stacks = [
        Stack(
            cells,
            shard.seeds,
            architecture=architecture(cells[0].settings, (height, width), dataset.num_classes),
            steps_per_epoch=feed.num_steps,
            device=device,
        )
        for cells in shard.stacks
    ]
    for stack in stacks:
        if stack.settings.model.norm_init == "identity":
            correct_statistics(stack.network, *evaluation_sets["train"], as_identity=True)
    records = [[ReplicaRecord(cell, seed, dataset.num_classes) for cell, seed in stack.replicas] for stack in stacks]
    weight_hashes = [stack.weight_hashes() for stack in stacks]
    keepers = [Keeper(stack, some) for stack, some in zip(stacks, records, strict=True)]

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
        for stack, stack_records, keeper in zip(stacks, records, keepers, strict=True):
            evaluated, test_correct = stack.evaluate(evaluation_sets)
            for record, metrics in zip(stack_records, evaluated, strict=True):
                row = record.add(epoch, metrics)
                rows += [row] if row else []
            keeper.keep(test_correct)
        order_hashes[epoch] = feed.order_hashes()
        yield EpochDone(shard.index, epoch, steps, rows)
        if all(record.stopped for stack_records in records for record in stack_records):
            break

    done = ShardDone(shard.index)
    places = {seed: place for place, seed in enumerate(shard.seeds)}
    for stack, stack_records, hashes, stack_seconds, keeper in zip(
        stacks, records, weight_hashes, seconds, keepers, strict=True
    ):
        corrected = keeper.finish(evaluation_sets)
        for replica, arrays in keeper.weights(evaluation_sets):
            yield WeightsDone(replica, arrays)
        done.test_correct.extend(keeper.test_correct())
        cost = {
            "seconds": stack_seconds / len(stack.replicas),
            "num_parameters": count_parameters(stack.network.architecture),
        }
        for (_, seed), record, weights, metrics in zip(stack.replicas, stack_records, hashes, corrected, strict=True):
            done.summary.append(record.summary(metrics) | cost)
            order = order_hashes[record.num_epochs][places[seed]]
            proof = {"initial_weights": weights, "batch_order": order, "epochs": record.num_epochs}
            done.pairing.append(record.identity | proof)
    yield done
