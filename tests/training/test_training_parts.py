"""Each part of training works as documented: proofs, evaluation, schedules, masks, shards and records."""

import hashlib
import time

import numpy as np
import pytest
import torch
from support.cells import TINY_SIZES, make_cell, make_tiny
from support.stacks import BN, CPU, PLAIN, make_stack, run
from torch import nn

from bnreg.budget import Moment
from bnreg.data import epoch_order, split
from bnreg.metrics import cross_entropy
from bnreg.nn import evaluation
from bnreg.nn.examples import for_replicas
from bnreg.nn.network import StackedNetwork
from bnreg.training.record import ReplicaRecord
from bnreg.training.shards import architecture, plan_shards
from bnreg.training.stacked.feed import Feed


def test_the_hashes_are_of_the_actual_weights_and_batches(tiny):
    """They are recomputed here: all linear layers, all epochs, and no example that was skipped."""
    data = {"batch_size": 32, "train_size": 65}
    *_, pairing = run(tiny, [make_cell("bn", model=BN, data=data)], (0, 1))
    stack = make_stack([make_cell(model=PLAIN)], (0, 1), steps_per_epoch=2, device=CPU)
    for row, seed in enumerate((0, 1)):
        weights = [layer.weight[row].detach().numpy().tobytes() for layer in stack.network.affine_layers]
        assert pairing[0, "bn", seed].initial_weights == hashlib.sha256(b"".join(weights)).hexdigest()
        train = split(400, 65, 0, seed).train
        seen = [epoch_order(train, seed, epoch)[:64].astype("<i8").tobytes() for epoch in (1, 2)]
        assert pairing[0, "bn", seed].batch_order == hashlib.sha256(b"".join(seen)).hexdigest()


def test_every_epoch_has_its_own_order(tiny):
    feed = Feed(tiny, make_cell().settings.data, (0,), CPU, drop_single=False)
    first, second = (torch.cat([y for _, y in feed.batches(epoch)], dim=1) for epoch in (1, 2))
    assert not torch.equal(first, second)
    assert torch.equal(first.sort().values, second.sort().values)


def test_on_a_gpu_the_pixels_of_a_chunk_are_limited_too(monkeypatch):
    """Each seed with its own examples has its own pixels; on a CPU a chunk has at most a thousand examples."""
    monkeypatch.setitem(evaluation.CHUNK, "meta", 1 << 20)
    monkeypatch.setitem(evaluation.CHUNK_VALUES, "meta", 10_000)
    network = make_stack([make_cell(model=BN)], (0, 1), steps_per_epoch=1, device=CPU).network
    for num_rows, at_a_time in ((1, 10_000 // 36), (30, 10_000 // (30 * 36))):
        indices = torch.zeros((num_rows, 400), dtype=torch.int64, device="meta")
        assert evaluation.chunks(network, indices, dim=1)[0].shape == (num_rows, at_a_time)


def test_evaluation_in_many_chunks_equals_evaluation_in_one(tiny, monkeypatch):
    """200 test examples in chunks of 64; the last chunk is smaller."""
    stack = make_stack([make_cell(model=BN)], (0, 1), steps_per_epoch=12, device=CPU)
    sets = Feed(tiny, make_cell().settings.data, (0, 1), CPU, drop_single=True).evaluation_sets()
    whole, correct = stack.evaluate(sets)
    monkeypatch.setitem(evaluation.CHUNK, "cpu", 64)
    chunked, correct_in_chunks = stack.evaluate(sets)
    assert np.array_equal(correct_in_chunks, correct)
    for one, other in zip(whole, chunked, strict=True):
        assert one == pytest.approx(other, rel=1e-6)


@pytest.mark.parametrize(
    ("model", "num_values"),
    [
        ({"hidden": (50, 20)}, 50),
        ({"hidden": (50, 20), "norm": "batch", "norm_placement": "input"}, 50),
        ({"hidden": (20,), "norm": "batch", "norm_placement": "input"}, 36),
        ({"kind": "cnn", "channels": (3, 8), "hidden": (20,)}, 3 * 6 * 6),
        ({"kind": "cnn", "channels": (3, 8), "hidden": (200,)}, 200),
    ],
)
def test_a_chunk_holds_as_many_examples_as_the_largest_layer_allows(monkeypatch, model, num_values):
    """The limit counts a stack of two, or of the usual size; together the chunks hold the same examples in order."""
    network = StackedNetwork(architecture(make_cell(model=model).settings, (6, 6), 4), 2)
    monkeypatch.setattr(evaluation, "USUAL_REPLICAS", 3)
    num_replicas = 2 if network.architecture.channels else 3
    monkeypatch.setitem(evaluation.CHUNK_VALUES, "cpu", 7 * num_replicas * num_values + 1)
    parts = evaluation.chunks(network, torch.arange(30)[None], dim=1)
    assert [part.shape for part in parts] == [(1, 7)] * 4 + [(1, 2)]
    assert torch.equal(torch.cat(parts, dim=1), torch.arange(30)[None])
    monkeypatch.setitem(evaluation.CHUNK_VALUES, "cpu", 1)
    assert len(evaluation.chunks(network, torch.arange(3), dim=0)) == 3


def test_each_split_is_measured_on_its_own_examples(tiny):
    """Each seed is compared with the eval-mode network itself."""
    cell = make_cell(model=BN, data={"batch_size": 32, "train_size": 200, "validation_size": 100})
    stack = make_stack([cell], (0, 1), steps_per_epoch=12, device=CPU)
    feed = Feed(tiny, cell.settings.data, (0, 1), CPU, drop_single=True)
    for x, y in feed.batches(1):
        stack.step(x, y)
    measured, _ = stack.evaluate(feed.evaluation_sets())
    stack.network.eval()
    for row, seed in enumerate((0, 1)):
        parts = split(400, 200, 100, seed)
        for name, indices in (("train", parts.train), ("validation", parts.validation)):
            x = torch.from_numpy(tiny.train_images[indices]).flatten(1).float() / 255
            labels = torch.from_numpy(tiny.train_labels[indices])
            logits = stack.network(x[None])[row]
            loss = nn.functional.cross_entropy(logits, labels).item()
            assert measured[row][f"{name}_loss"] == pytest.approx(loss, rel=1e-5)
            assert measured[row][f"{name}_accuracy"] == (logits.argmax(1) == labels).double().mean().item()


def test_no_validation_example_is_trained_on():
    """Checked in the batches themselves: every image contains its own number."""
    dataset = make_tiny(num_train=60)
    numbered = dataset.train_images.copy()
    numbered[:, 0, 0] = np.arange(60)
    dataset = type(dataset)(**{**vars(dataset), "train_images": numbered})
    settings = make_cell(data={"batch_size": 10, "validation_size": 20}).settings.data
    feed = Feed(dataset, settings, (0, 1), CPU, drop_single=False)
    held_out = feed.evaluation_sets()["validation"].indices
    assert held_out[0].tolist() != held_out[1].tolist()
    for row in range(2):
        seen = {round(v) for x, _ in feed.batches(1) for v in (x[row, :, 0] * 255).tolist()}
        assert len(seen) == 40
        assert not seen & set(held_out[row].tolist())


@pytest.mark.usefixtures("float64")
def test_a_schedule_moves_each_cells_learning_rate_step_by_step(tiny):
    """Plain gradient descent by hand: one cell has a constant rate, in the other it falls along a cosine to zero."""
    falling = {"name": "sgd", "lr": 0.5, "schedule": {"name": "cosine"}}
    cells = [make_cell("constant", optimizer={"name": "sgd", "lr": 0.5}), make_cell("falling", optimizer=falling)]
    feed = Feed(tiny, cells[0].settings.data, (0,), CPU, drop_single=False)
    stack = make_stack(cells, (0,), steps_per_epoch=feed.order.num_steps, device=CPU)
    weight = stack.network.affine_layers[0].weight
    num_steps = 2 * feed.order.num_steps
    step = 0
    for epoch in (1, 2):
        for x, y in feed.batches(epoch):
            before = weight.detach().clone()
            loss = cross_entropy(stack.network(x), for_replicas(y, 2)).mean(1).sum()
            (gradient,) = torch.autograd.grad(loss, weight)
            stack.step(x, y)
            factors = torch.tensor([1, (1 + np.cos(np.pi * step / num_steps)) / 2]).view(2, 1, 1)
            torch.testing.assert_close(weight.detach(), before - 0.5 * factors * gradient)
            step += 1


@pytest.mark.usefixtures("float64")
def test_the_rate_drops_exactly_at_the_end_of_an_epoch(tiny):
    """Even if its last batch is skipped: after the drop, nothing changes."""
    frozen = {"name": "sgd", "lr": 0.1, "schedule": {"name": "step", "step_epochs": 1, "step_factor": 1e-15}}
    data = {"batch_size": 32, "train_size": 97}
    rows, *_ = run(tiny, [make_cell(data=data, optimizer=frozen), make_cell("bn", model=BN, data=data)], (0,))
    first, second = (rows[0, "arm", 0, epoch]["train_loss"] for epoch in (1, 2))
    assert second == pytest.approx(first, rel=1e-12)


def test_every_replica_has_its_own_dropout_masks():
    """No seed, arm or point shares them, because their layers may differ."""
    dropped = {"hidden": (8, 6), "dropout": 0.5}
    cells = [make_cell(arm, model=dropped, point={"optimizer.lr": lr}) for arm in ("a", "b") for lr in (0.1, 0.2)]
    stack = make_stack(cells, (0, 1), steps_per_epoch=1, device=CPU)
    generators = {g for layer in stack.network.layers for g in getattr(layer, "generators", ())}
    assert len({generator.initial_seed() for generator in generators}) == 8


def test_a_hidden_layer_is_linear_norm_activation_dropout():
    """Dropout is last: with a sigmoid, dropped values must be zero for the next layer."""
    cell = make_cell(model={"hidden": (8,), "norm": "batch", "activation": "sigmoid", "dropout": 0.5})
    stack = make_stack([cell], (0,), steps_per_epoch=1, device=CPU)
    names = [type(layer).__name__.removeprefix("Stacked") for layer in stack.network.layers]
    assert names == ["Linear", "BatchNorm", "Activation", "Dropout", "Linear"]


def test_cells_of_another_structure_get_another_stack_and_of_another_length_another_shard():
    variants = [
        make_cell("base"),
        make_cell("norm", model=BN),
        make_cell("activation", model=PLAIN | {"activation": "tanh"}),
        make_cell("optimizer", optimizer={"name": "sgd"}),
        make_cell("width", model={"hidden": (8, 7)}),
        make_cell("number", optimizer={"lr": 0.3}),
        make_cell("longer", training={"epochs": 3}),
    ]
    shards = plan_shards(variants, (0,), num_workers=1, sizes=TINY_SIZES)
    stacks = [[[cell.arm for cell in stack] for stack in shard.stacks] for shard in shards]
    assert stacks == [[["base", "number"], ["norm"], ["activation"], ["optimizer"], ["width"]], [["longer"]]]
    assert [shard.settings.training.epochs for shard in shards] == [2, 3]


def record(losses, *, num_classes=4, **early_stopping):
    """A record with one validation loss per epoch, and the rows that it kept."""
    training = {"epochs": 9, "early_stopping": early_stopping or None}
    it = ReplicaRecord(
        make_cell(data={"batch_size": 32, "validation_size": 10}, training=training), 0, num_classes=num_classes
    )
    rows = []
    for epoch, loss in enumerate(losses, 1):
        # The test metrics would choose another epoch; they must not be used.
        metrics = {"train_loss": loss, "validation_loss": loss, "validation_accuracy": 1 / (1 + loss)}
        rows.append(
            it.add(Moment(epoch, 10 * epoch), metrics | {"test_loss": float(epoch), "test_accuracy": 1 / epoch})
        )
    return it, [row for row in rows if row]


@pytest.mark.parametrize("metric", ["validation_loss", "validation_accuracy"])
def test_training_stops_when_patience_is_used_up_and_ends_at_the_best_epoch(metric):
    it, rows = record([3, 2, 1, 1.5, 1.2, 0.5], patience=2, metric=metric)
    assert it.stopped
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5]
    summary = it.summary({})
    assert (summary["final_epoch"], summary["final_validation_loss"], summary["final_test_loss"]) == (3, 1, 3.0)
    assert (summary["best_epoch"], summary["best_test_loss"]) == (3, 3.0)


def test_only_an_improvement_beyond_min_delta_counts():
    it, rows = record([1.0, 0.95, 0.91], patience=2, min_delta=0.1)
    assert it.stopped
    assert it.summary({})["final_epoch"] == 1
    assert len(rows) == 3
    assert not record([1.0, 0.85, 0.7], patience=2, min_delta=0.1)[0].stopped


def test_without_early_stopping_the_last_epoch_is_final_and_the_best_is_reported_too():
    it, rows = record([3, 1, 2])
    assert not it.stopped
    assert len(rows) == 3
    summary = it.summary({})
    assert (summary["final_epoch"], summary["final_validation_loss"]) == (3, 2)
    assert (summary["best_epoch"], summary["best_validation_loss"]) == (2, 1)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e7])
def test_a_replica_that_diverged_once_stays_diverged(bad):
    """Its metrics may become finite again; non-finite numbers are never written."""
    it, rows = record([1.0, bad, 0.5])
    assert all(
        value is None or np.isfinite(value) for row in rows for value in row.values() if not isinstance(value, str)
    )
    summary = it.summary({})
    assert summary["status"] == "diverged"
    assert summary["final_test_accuracy"] == 0.25
    assert summary["final_test_loss"] == pytest.approx(np.log(4))
    assert summary["best_epoch"] is None
    assert summary["best_test_accuracy"] is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e7])
def test_a_replica_that_diverges_after_its_best_epoch_stays_stopped(bad):
    """Its patience is not used up yet, and its stack may train on for others; whatever it measures is not recorded."""
    it, rows = record([1.0, 0.8, bad, 0.5, 0.1], patience=5)
    assert it.stopped
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert it.num_epochs == 3
    summary = it.summary({})
    assert (summary["status"], summary["final_epoch"], summary["best_epoch"]) == ("diverged", 2, None)
    assert summary["final_test_accuracy"] == 0.25


def test_a_summary_without_a_validation_split_has_no_best_epoch(tiny):
    _, summary, _ = run(tiny, [make_cell()], (0,))
    assert not any(name.startswith("best_") for name in summary[0, "arm", 0])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_replica_that_fails_on_any_split_has_diverged(bad):
    """A test image may overflow even if no training image does; the CSV contains no such numbers."""
    it = ReplicaRecord(make_cell(), 0, num_classes=4)
    row = it.add(Moment(1, 10), {"train_loss": 5.0, "train_accuracy": 0.5, "test_loss": bad, "test_accuracy": 0.5})
    assert row["test_loss"] is row["train_loss"] is None
    assert it.summary({})["status"] == "diverged"
    assert it.summary({})["final_test_accuracy"] == 0.25


def test_a_shard_trains_until_its_last_replica_stops(tiny):
    """Two arms that stop at different epochs keep exactly the rows that they have alone."""
    training = {"epochs": 20, "early_stopping": {"patience": 1}}
    data = {"batch_size": 32, "validation_size": 100}
    cells = [make_cell(f"lr {lr}", data=data, training=training, optimizer={"lr": lr}) for lr in (0.3, 0.003)]
    together, *_ = run(tiny, cells, (0, 1))
    alone = {key for cell in cells for seed in (0, 1) for key in run(tiny, [cell], (seed,))[0]}
    assert set(together) == alone
    assert (
        len({max(e for _, a, s, e in alone if (a, s) == replica) for replica in {(a, s) for _, a, s, _ in alone}}) > 1
    )


def test_num_parameters_matches_the_network():
    from bnreg.training.shards import count_parameters

    cnn = {"kind": "cnn", "channels": (3, 2), "hidden": (5,), "activation": "prelu"}
    for model in (BN, PLAIN, PLAIN | {"activation": "prelu"}, {"hidden": ()}, cnn, cnn | {"norm": "batch"}):
        cell = make_cell(model=model)
        stack = make_stack([cell], (0,), steps_per_epoch=1, device=CPU)
        assert sum(p.numel() for p in stack.network.parameters()) == count_parameters(stack.network.architecture)


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_each_parameter_has_the_right_kind(norm):
    """These kinds decide which parameters weight decay applies to."""
    cell = make_cell(model={"hidden": (8, 6), "norm": norm, "activation": "prelu"})
    network = make_stack([cell], (0,), steps_per_epoch=1, device=CPU).network
    names = {id(parameter): name.rpartition(".")[2] for name, parameter in network.named_parameters()}
    kinds = {(names[id(parameter)], kind) for kind, parameter in network.parameters_with_kinds()}
    norms = {("gamma", "norm"), ("beta", "norm")} if norm == "batch" else set()
    assert kinds == {("weight", "weights"), ("bias", "biases"), ("slope", "prelu")} | norms


def test_a_last_batch_of_one_is_skipped_in_arms_of_any_length():
    """Arms that train for another number of epochs are in other shards, and still see the same batches."""
    data = {"batch_size": 32, "train_size": 33}
    cells = [make_cell("bn", model=BN, data=data), make_cell("plain", data=data, training={"epochs": 3})]
    shards = plan_shards(cells, (0,), num_workers=1, sizes=TINY_SIZES)
    assert [shard.drop_single for shard in shards] == [True, True]


def test_a_diverged_replica_does_not_keep_its_shard_from_stopping(tiny):
    training, data = {"epochs": 30, "early_stopping": {"patience": 1}}, {"batch_size": 32, "validation_size": 100}
    sane = make_cell("sane", data=data, training=training, optimizer={"lr": 0.3})
    wild = make_cell("wild", data=data, training=training, optimizer={"name": "sgd", "lr": 1e30})
    rows, summary, _ = run(tiny, [sane, wild], (0, 1))
    assert summary[0, "wild", 0]["status"] == "diverged"
    assert max(epoch for *_, epoch in rows) < 30


def test_a_replicas_proof_of_its_batches_does_not_depend_on_when_others_stop(tiny):
    training, data = {"epochs": 20, "early_stopping": {"patience": 1}}, {"batch_size": 32, "validation_size": 100}
    cells = [make_cell(f"lr {lr}", data=data, training=training, optimizer={"lr": lr}) for lr in (0.3, 0.003)]
    *_, together = run(tiny, cells, (0, 1))
    for cell in cells:
        *_, alone = run(tiny, [cell], (0, 1))
        assert alone.items() <= together.items()


def test_the_replicas_seconds_add_up_to_at_most_the_elapsed_time(tiny):
    start = time.perf_counter()
    _, summary, _ = run(tiny, [make_cell("bn", model=BN), make_cell("plain", model=PLAIN)], range(8))
    assert 0 < sum(row["seconds"] for row in summary.values()) <= time.perf_counter() - start
