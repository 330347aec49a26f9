"""The parts of trained networks that are kept: the requested weights, and both kinds of statistics."""

import numpy as np
import pytest
import torch
from support.cells import TINY_SIZES, make_cell, make_tiny
from support.stacks import BN, CNN, CPU, PLAIN, replica_of, trained

from bnreg.nn.evaluation import evaluate
from bnreg.nn.network import StackedNetwork
from bnreg.training.shards import architecture, plan_shards
from bnreg.training.stacked.feed import Feed

DATASET = make_tiny()
NOISY = {"batch_size": 20, "train_size": 60, "validation_size": 100}


def train(cells, seeds=(0, 1)):
    """Rows, summaries and weights by (arm, seed)."""
    rows, summaries, weights = {}, {}, {}
    shards = plan_shards(cells, seeds, num_workers=1, sizes=TINY_SIZES)
    for shard in shards:
        result = trained(shard, DATASET)
        rows |= {(r["arm"], r["seed"], r["epoch"]): r for r in result.tables["metrics"]}
        weights |= {(w.replica.arm, w.replica.seed): (w.epoch, w.arrays) for w in result.weights}
        summaries |= {(r["arm"], r["seed"]): r for r in result.tables["summary"]}
    return rows, summaries, weights


def metrics_on_test_set(cell, arrays, seed):
    """Test loss and accuracy of a network with these arrays."""
    network = StackedNetwork(architecture(cell.settings, (6, 6), 4), 1)
    network.restore(0, {name: torch.from_numpy(values) for name, values in arrays.items()})
    sets = Feed(DATASET, cell.settings.data, (seed,), CPU, drop_single=True).evaluation_sets()
    means = evaluate(network, sets["test"]).means
    return means["loss"].item(), means["accuracy"].item()


@pytest.mark.parametrize("model", [BN, PLAIN, CNN | {"norm": "batch"}], ids=["bn", "plain", "cnn"])
def test_the_last_weights_are_those_of_the_final_metrics(model):
    """They include the statistics, under descriptive names."""
    cell = make_cell(model=model, training={"weights": "last"})
    rows, summaries, weights = train([make_cell("other", model=model), cell])
    assert set(weights) == {("arm", 0), ("arm", 1)}
    for (arm, seed), (epoch, arrays) in weights.items():
        assert epoch == 2
        row = rows[arm, seed, 2]
        found = metrics_on_test_set(cell, arrays, seed)
        assert found == pytest.approx((row["test_loss"], row["test_accuracy"]), rel=1e-5)
        assert found[0] == pytest.approx(summaries[arm, seed]["final_test_loss"], rel=1e-5)
    if model is BN:
        assert {name: values.shape for name, values in weights["arm", 0][1].items()} == {
            "linear0.weight": (8, 36),
            "norm0.gamma": (8,),
            "norm0.beta": (8,),
            "norm0.running_mean": (8,),
            "norm0.running_variance": (8,),
            "linear1.weight": (6, 8),
            "norm1.gamma": (6,),
            "norm1.beta": (6,),
            "norm1.running_mean": (6,),
            "norm1.running_variance": (6,),
            "linear2.weight": (4, 6),
            "linear2.bias": (4,),
        }


@pytest.mark.parametrize("statistics", ["running", "population"])
@pytest.mark.parametrize("early_stopping", [None, {"patience": 2}])
def test_the_best_weights_are_those_of_the_best_validation_epoch(early_stopping, statistics):
    """With a learning rate that is far too high, the best epoch is not the last one and differs between seeds."""
    cell = make_cell(
        model=BN | {"inference_statistics": statistics},
        data=NOISY,
        optimizer={"lr": 0.3},
        training={"epochs": 8, "weights": "best", "early_stopping": early_stopping},
    )
    rows, summaries, weights = train([cell], seeds=(0, 1, 2))
    epochs = {seed: epoch for (_, seed), (epoch, _) in weights.items()}
    assert len(set(epochs.values())) > 1
    assert min(epochs.values()) < 8
    for seed, epoch in epochs.items():
        summary = summaries["arm", seed]
        found = metrics_on_test_set(cell, weights["arm", seed][1], seed)
        assert epoch == summary["best_epoch"]
        last = epoch if early_stopping else 8
        assert summary["final_test_loss_running"] == pytest.approx(rows["arm", seed, last]["test_loss"])
        assert summary["final_test_loss"] == summary[f"final_test_loss_{statistics}"]
        assert summary["final_test_accuracy"] == summary[f"final_test_accuracy_{statistics}"]
        assert summary["final_test_loss_population"] != pytest.approx(summary["final_test_loss_running"], rel=1e-3)
        if statistics == "running":
            assert found == pytest.approx((summary["best_test_loss"], summary["best_test_accuracy"]), rel=1e-5)
        elif early_stopping:
            assert found[0] == pytest.approx(summary["final_test_loss_population"], rel=1e-5)
        else:
            assert found[0] != pytest.approx(rows["arm", seed, epoch]["test_loss"], rel=1e-3)


@pytest.mark.parametrize("early_stopping", [None, {"patience": 2}])
def test_which_weights_are_saved_changes_no_metric(early_stopping):
    """The final network is that of the last epoch or, with early stopping, of the best epoch, saved or not."""
    summaries = []
    for weights in ("none", "best"):
        cell = make_cell(
            model=BN | {"inference_statistics": "population"},
            data=NOISY,
            optimizer={"lr": 0.3},
            training={"epochs": 8, "weights": weights, "early_stopping": early_stopping},
        )
        _, found, _ = train([cell], seeds=(0, 1, 2))
        summaries.append({key: {k: v for k, v in row.items() if k != "seconds"} for key, row in found.items()})
    assert summaries[0] == summaries[1]


@pytest.mark.parametrize("early_stopping", [None, {"patience": 2}])
def test_both_statistics_are_measured_whichever_the_network_uses(early_stopping):
    """M8: the setting chooses the final metrics, and changes neither of the two."""
    found = {}
    for statistics in ("running", "population"):
        model = BN | {"inference_statistics": statistics}
        training = {"epochs": 6, "early_stopping": early_stopping}
        _, summaries, _ = train([make_cell(model=model, data=NOISY, optimizer={"lr": 0.3}, training=training)])
        found[statistics] = [
            {key: value for key, value in row.items() if key.endswith(("_running", "_population"))}
            for row in summaries.values()
        ]
    assert found["running"] == found["population"]
    assert len(found["running"][0]) == 4


@pytest.mark.parametrize("statistics", ["running", "population"])
def test_an_arm_without_batch_norm_has_no_second_statistics(statistics):
    """The base may contain the setting for all arms."""
    model = {"inference_statistics": statistics}
    _, summaries, _ = train([make_cell("bn", model=BN | model), make_cell("plain", model=PLAIN | model)])
    assert "final_test_accuracy_population" in summaries["bn", 0]
    assert "final_test_accuracy_population" not in summaries["plain", 0]


def test_a_diverged_replica_leaves_no_weights_and_counts_as_a_guess_under_both_statistics():
    model = BN | {"inference_statistics": "population"}
    cells = [
        make_cell("wild", model=model, optimizer={"name": "sgd", "lr": 1e30}, training={"weights": "last"}),
        make_cell("sane", model=model, optimizer={"name": "sgd", "lr": 0.1}, training={"weights": "last"}),
    ]
    _, summaries, weights = train(cells)
    assert set(weights) == {("sane", 0), ("sane", 1)}
    assert summaries["wild", 0]["status"] == "diverged"
    for name in ("final_test_accuracy", "final_test_accuracy_running", "final_test_accuracy_population"):
        assert summaries["wild", 0][name] == 0.25


def test_a_state_of_another_architecture_is_refused():
    networks = [StackedNetwork(architecture(make_cell(model=model).settings, (6, 6), 4), 2) for model in (BN, PLAIN)]
    with pytest.raises(ValueError, match="another architecture"):
        networks[0].restore(0, networks[1].state_of(0))
    wider = StackedNetwork(architecture(make_cell(model=BN | {"hidden": (9, 6)}).settings, (6, 6), 4), 1)
    with pytest.raises(ValueError, match="another architecture"):
        networks[0].restore(0, wider.state_of(0))


@pytest.mark.parametrize("early_stopping", [None, {"patience": 2}])
@pytest.mark.parametrize("statistics", ["running", "population"])
def test_the_test_examples_that_the_final_network_gets_right_make_up_its_accuracy(early_stopping, statistics):
    """The accuracy is exactly their share, even if the final network is not that of the last epoch."""
    cell = make_cell(
        model=BN | {"inference_statistics": statistics},
        data=NOISY,
        optimizer={"lr": 0.3},
        training={"epochs": 6, "early_stopping": early_stopping},
    )
    (shard,) = plan_shards([cell], (0, 1, 2), num_workers=1, sizes=TINY_SIZES)
    done = trained(shard, DATASET)
    assert len(done.correct) == len(done.tables["summary"]) == 3
    for row in done.tables["summary"]:
        packed = done.correct[replica_of(row)]
        assert packed.shape == (25,)
        assert np.unpackbits(packed).sum() / 200 == row["final_test_accuracy"]


def test_the_flags_of_a_replica_are_its_own_and_in_the_order_of_the_test_set():
    cells = [make_cell("bn", model=BN, training={"weights": "last"}), make_cell("plain", training={"weights": "last"})]
    (shard,) = plan_shards(cells, (0, 1), num_workers=1, sizes=TINY_SIZES)
    done = trained(shard, DATASET)
    arrays = {w.replica: w.arrays for w in done.weights}
    images = torch.tensor(DATASET.test_images).flatten(1).float()[None] / 255
    for replica, packed in done.correct.items():
        cell = cells[replica.arm == "plain"]
        network = StackedNetwork(architecture(cell.settings, (6, 6), 4), 1).eval()
        network.restore(0, {n: torch.from_numpy(values) for n, values in arrays[replica].items()})
        right = network(images)[0].argmax(1).numpy() == DATASET.test_labels
        assert np.array_equal(np.unpackbits(packed), right)
