"""The study of modes: its results in train mode, and that it leaves the networks unchanged."""

import numpy as np
import pytest
import torch
from support.cells import make_cell, make_tiny
from torch import nn

from bnreg.errors import RunError
from bnreg.nn.dropout import StackedDropout
from bnreg.streams import stream
from bnreg.trained import modes
from bnreg.trained.load import TrainedArm, empty_network
from bnreg.trained.modes import BATCH_SIZES, ORDERS, deliberately_training, state_checksums, study_modes
from bnreg.training.shards import architecture

SEEDS = (3, 0, 7)


def make_trained(dataset, **model):
    """Networks that look trained: random weights, and statistics that differ from those of a new norm."""
    cell = make_cell(model=model)
    network = empty_network(cell, architecture(cell.settings, dataset.train_images.shape[1:], 4), len(SEEDS))
    for replica, seed in enumerate(SEEDS):
        network.initialise(replica, seed=seed, scheme="he_normal", gain=1.0)
    random = np.random.default_rng(5)
    for _, norm in network.batch_norms:
        shape = tuple(norm.running_mean.shape)
        mean, variance = random.normal(0, 1, shape), random.uniform(0.1, 2, shape)
        norm.set_statistics(torch.from_numpy(mean), torch.from_numpy(variance))
    return TrainedArm(cell, SEEDS, (), network)


def accuracies(study):
    return {(result.order, result.batch_size): result.accuracies for result in study.train_results}


def oracle(trained, replica):
    """One replica as torch's own modules, in train mode."""
    state = trained.network.state_of(replica)
    first, second, output = nn.Linear(36, 8, bias=False), nn.Linear(8, 6, bias=False), nn.Linear(6, 4)
    norms = nn.BatchNorm1d(8), nn.BatchNorm1d(6)
    with torch.no_grad():
        for index, linear in enumerate((first, second, output)):
            linear.weight.copy_(state[f"linear{index}.weight"])
        output.bias.copy_(state["linear2.bias"])
    return nn.Sequential(first, norms[0], nn.ReLU(), second, norms[1], nn.ReLU(), output).train()


@pytest.mark.parametrize("batch_size", BATCH_SIZES)
def test_train_mode_is_torchs_own(tiny, batch_size):
    """BatchNorm1d in train mode, fed with the same batches."""
    trained = make_trained(tiny, norm="batch")
    found = accuracies(study_modes(trained, tiny))["shuffled", batch_size]
    order = stream(0, "modes", "order").permutation(len(tiny.test_labels))
    x = torch.tensor(tiny.test_images[order]).flatten(1) / 255
    y = torch.tensor(tiny.test_labels[order])
    for replica in range(len(SEEDS)):
        network = oracle(trained, replica)
        with torch.no_grad():
            answers = torch.cat([network(batch).argmax(1) for batch in x.split(batch_size or len(x))])
        assert found[replica] == pytest.approx(float((answers == y).double().mean()), abs=1.5 / len(y))


def test_batches_sorted_by_class_contain_a_single_class():
    """Every batch of 50 then contains one class: the norms remove what distinguishes the classes."""
    dataset = make_tiny(num_test=200)
    trained = make_trained(dataset, norm="batch")
    labels = torch.tensor(dataset.test_labels).unsqueeze(0)
    orders = modes._orders(labels)
    assert list(orders) == list(ORDERS)
    assert labels[0, orders["sorted"][0]].tolist() == sorted(dataset.test_labels.tolist())
    for indices in orders.values():
        assert sorted(indices[0].tolist()) == list(range(200))
    found = accuracies(study_modes(trained, dataset))
    assert found["sorted", None] == pytest.approx(found["shuffled", None], abs=1e-9)
    assert found["sorted", 8] != found["shuffled", 8]


def test_a_network_without_norm_and_dropout_gives_the_same_answers_in_both_modes(tiny):
    study = study_modes(make_trained(tiny), tiny)
    assert len(study.train_results) == len(ORDERS) * len(BATCH_SIZES)
    assert {result.accuracies for result in study.train_results} == {study.eval_accuracies}


def test_the_mode_matters_with_dropout_only(tiny):
    study = study_modes(make_trained(tiny, dropout=0.5), tiny)
    assert study.eval_accuracies not in {result.accuracies for result in study.train_results}


@pytest.mark.parametrize("model", [{"norm": "batch"}, {"dropout": 0.5}, {"norm": "batch", "dropout": 0.3}])
def test_the_same_study_twice_gives_the_same_numbers(tiny, model):
    """Dropout masks too: every pass restarts their random streams."""
    trained = make_trained(tiny, **model)
    assert study_modes(trained, tiny) == study_modes(trained, tiny)


def test_a_networks_masks_do_not_depend_on_the_others(tiny):
    trained = make_trained(tiny, dropout=0.5)
    alone = empty_network(trained.cell, trained.network.architecture, 1)
    alone.restore(0, trained.network.state_of(1))
    study = study_modes(TrainedArm(trained.cell, SEEDS[1:2], (), alone), tiny)
    both = accuracies(study_modes(trained, tiny))
    assert {key: values[0] for key, values in accuracies(study).items()} == {key: v[1] for key, v in both.items()}


def test_too_large_a_batch_is_evaluated_by_a_few_networks_at_a_time(tiny, monkeypatch):
    trained = make_trained(tiny, norm="batch", dropout=0.2)
    at_once = study_modes(trained, tiny)
    monkeypatch.setattr(modes, "MAX_PASS_BYTES", 2 * 4 * modes.COPIES_OF_VALUES * 8 * len(tiny.test_labels))
    assert [len(part.seeds) for part in modes._parts(trained, len(tiny.test_labels))] == [2, 1]
    assert [part.network for part in modes._parts(trained, 2)] == [trained.network]
    assert study_modes(trained, tiny).train_results == at_once.train_results


@pytest.mark.parametrize("num_test", [129, 128])
def test_a_last_batch_of_one_example_is_left_out(num_test):
    dataset = make_tiny(num_test=num_test)
    found = accuracies(study_modes(make_trained(dataset, norm="batch"), dataset))
    num_correct = np.array(found["shuffled", 128]) * 128
    assert num_correct == pytest.approx(num_correct.round())


def test_train_mode_leaves_no_trace(tiny):
    """Weights, statistics and mode are as before."""
    trained = make_trained(tiny, norm="batch", dropout=0.5)
    before = {name: values.clone() for name, values in trained.network.state_dict().items()}
    study = study_modes(trained, tiny)
    for name, values in trained.network.state_dict().items():
        assert values.equal(before[name]), name
    assert not any(module.training for module in trained.network.modules())
    assert study.checksums == state_checksums(trained.network)
    assert {name.rpartition(".")[0] for name in study.checksums} >= {"linear0", "norm0", "norm1", "linear2"}


def test_mode_and_statistics_are_restored_after_a_failure(tiny):
    trained = make_trained(tiny, norm="batch")
    before = state_checksums(trained.network)
    during = {}

    def fail():
        with deliberately_training(trained.network, [0, 0, 0]):
            assert all(layer.training for layer in trained.network.layers)
            trained.network(torch.rand(1, 5, 36))
            during.update(state_checksums(trained.network))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert during != before
    assert state_checksums(trained.network) == before
    assert not any(module.training for module in trained.network.modules())


def test_a_statistic_that_was_not_restored_fails_the_study(tiny, monkeypatch):
    """The checksums really detect a change."""
    trained = make_trained(tiny, norm="batch")
    (_, norm), *_ = trained.network.batch_norms
    measured = modes._train_mode_accuracies

    def leave_a_trace(*arguments):
        norm.running_mean[1, 0, 2] += 1e-6
        return measured(*arguments)

    monkeypatch.setattr(modes, "_train_mode_accuracies", leave_a_trace)
    with pytest.raises(RunError, match=r"arm 'arm': evaluation in train mode changed norm0\.running_mean"):
        study_modes(trained, tiny)


def test_loaded_networks_have_the_dropout_of_their_arm(tiny):
    trained = make_trained(tiny, dropout=0.25, dropout_placement="last_layer")
    (layer,) = (layer for layer in trained.network.layers if isinstance(layer, StackedDropout))
    assert layer.rates.flatten().tolist() == [0.25] * 3
    assert len(set(map(id, layer.generators))) == 3


def test_the_description_is_the_spread_of_the_accuracies(tiny):
    study = study_modes(make_trained(tiny, norm="batch"), tiny)
    described = study.describe()
    assert described["eval"]["accuracies"] == list(study.eval_accuracies)
    assert described["eval"]["mean"] == pytest.approx(np.mean(study.eval_accuracies))
    assert [row["batch_size"] for row in described["train"]] == [2, 8, 32, 128, 512, "all"] * 2
    for row, result in zip(described["train"], study.train_results, strict=True):
        assert (row["lowest"], row["highest"]) == (min(result.accuracies), max(result.accuracies))
