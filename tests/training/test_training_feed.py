"""The feed's label noise, augmentation and batch size."""

import numpy as np
import pytest
import torch
from support.cells import make_cell
from torch import nn

from bnreg.config.schema import Augment
from bnreg.data import epoch_order, noisy_labels, split
from bnreg.nn.architecture import Architecture
from bnreg.nn.evaluation import evaluate
from bnreg.nn.examples import Examples
from bnreg.nn.network import StackedNetwork
from bnreg.training.stacked.augmentation import Augmentation
from bnreg.training.stacked.feed import Feed

CPU = torch.device("cpu")
MOVED = {"shift": 1, "rotate": 10.0, "elastic": 0.5}


def make_feed(dataset, seeds=(0, 1), device=CPU, **data):
    return Feed(dataset, make_cell(data=data).settings.data, seeds, device, drop_single=True)


def epoch_of(feed, epoch=1):
    """All of an epoch's inputs and labels."""
    x, y = zip(*feed.batches(epoch), strict=True)
    return torch.cat(x, dim=1), torch.cat(y, dim=1)


def labels_of(examples):
    return examples.labels_of(examples.indices)


@pytest.mark.parametrize("train_size", [50, None])
def test_only_the_training_split_has_noisy_labels(tiny, train_size, device):
    """In training and in the train metrics; the noise of an example does not depend on the train size."""
    feed = make_feed(tiny, device=device, train_size=train_size, validation_size=100, label_noise=0.4)
    sets = feed.evaluation_sets()
    _, y = epoch_of(feed)
    for row, seed in enumerate((0, 1)):
        parts = split(400, train_size, 100, seed)
        noisy = noisy_labels(tiny.train_labels, 4, 0.4, seed)
        order = epoch_order(parts.train, seed, 1)
        np.testing.assert_array_equal(y[row].cpu(), noisy[order][: y.shape[1]])
        np.testing.assert_array_equal(labels_of(sets["train"])[row].cpu(), noisy[parts.train])
        np.testing.assert_array_equal(labels_of(sets["validation"])[row].cpu(), tiny.train_labels[parts.validation])
        assert np.mean(noisy[parts.train] != tiny.train_labels[parts.train]) > 0.2
    np.testing.assert_array_equal(labels_of(sets["test"])[0].cpu(), tiny.test_labels)


def test_without_noise_all_seeds_share_one_row_of_labels(tiny):
    for examples in make_feed(tiny, validation_size=100).evaluation_sets().values():
        assert examples.labels.shape[0] == 1


def test_shared_images_are_gathered_once_even_if_each_seed_has_its_own_labels(tiny):
    examples = make_feed(tiny, label_noise=0.4).evaluation_sets()["train"]
    x, y = examples.batch(examples.indices)
    assert x.shape == (1, 400, 36)
    assert y.shape == (2, 400)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("num_index_rows", [1, 2])
@pytest.mark.parametrize("num_label_rows", [1, 2])
def test_each_replica_is_evaluated_on_its_own_seeds_labels(tiny, num_label_rows, num_index_rows, device):
    """Two arms of two seeds against torch, whether or not the seeds share examples or labels."""
    network = StackedNetwork(Architecture((6, 6), 4, hidden=()), 4)
    for parameter in network.parameters():
        nn.init.normal_(parameter, generator=torch.Generator().manual_seed(0))
    images = torch.from_numpy(tiny.train_images).flatten(1)
    labels = torch.stack([torch.from_numpy(noisy_labels(tiny.train_labels, 4, 0.5, seed)) for seed in (0, 1)])
    indices = torch.stack([torch.arange(300), torch.arange(400).flip(0)[:300]])
    labels, indices = labels[:num_label_rows], indices[:num_index_rows]
    examples = Examples(*(tensor.to(device) for tensor in (images, labels, indices)))
    means = evaluate(network.to(device), examples).means
    network.cpu()
    (linear,) = network.affine_layers
    for replica in range(4):
        mine = indices[replica % num_index_rows]
        y = labels[replica % num_label_rows, mine]
        logits = (images[mine] / 255).double() @ linear.weight[replica].T + linear.bias[replica]
        assert means["loss"][replica].item() == pytest.approx(nn.functional.cross_entropy(logits, y).item(), rel=1e-6)
        assert means["accuracy"][replica].item() == (logits.argmax(1) == y).double().mean().item()


def test_training_images_are_moved_and_no_others(tiny, device):
    """Labels, order and the evaluated examples are the same as without augmentation."""
    still, moving = (make_feed(tiny, device=device, validation_size=100, augment=a) for a in ({}, MOVED))
    (x, y), (moved, labels) = epoch_of(still), epoch_of(moving)
    assert torch.equal(labels, y)
    assert moving.order.hashes() == still.order.hashes()
    assert moved.shape == x.shape
    assert moved.dtype == x.dtype
    assert (moved - x).abs().amax(2).gt(0.1).all()
    for one, other in zip(still.evaluation_sets().values(), moving.evaluation_sets().values(), strict=True):
        assert all(map(torch.equal, one, other))


def test_without_augmentation_a_batch_holds_the_original_pixels(tiny):
    x, _ = epoch_of(make_feed(tiny))
    expected = tiny.train_images[epoch_order(np.arange(400), 1, 1)].reshape(400, 36)
    np.testing.assert_array_equal(x[1], expected.astype(np.float32) / np.float32(255))


def test_every_epoch_is_moved_by_its_own_augmentation(tiny, device):
    """Bit for bit, whether or not another epoch came before."""
    augmentation = Augmentation(Augment(**MOVED), (0, 1), (6, 6), device)
    for epochs in ((1, 2), (2,)):
        still, moving = (make_feed(tiny, device=device, augment=a) for a in ({}, MOVED))
        for epoch in epochs:
            draw = augmentation.for_epoch(epoch)
            for (x, _), (moved, _) in zip(still.batches(epoch), moving.batches(epoch), strict=True):
                assert torch.equal(moved, augmentation.moved(x, draw(x.shape[1])))


@pytest.mark.usefixtures("float64")
def test_a_seeds_augmented_noisy_batches_do_not_depend_on_the_other_seeds(tiny, device):
    feeds = [make_feed(tiny, seeds, device, augment=MOVED, label_noise=0.3) for seeds in ((0, 1), (1,))]
    (x, y), (x_alone, y_alone) = map(epoch_of, feeds)
    assert (x[1] - x_alone[0]).abs().max() < 1e-12
    assert torch.equal(y[1], y_alone[0])


@pytest.mark.parametrize("data", [{}, {"train_size": 70}, {"validation_size": 90}])
def test_a_batch_of_all_examples_is_the_entire_training_split(tiny, data):
    """It is in the order of the epoch, as with any batch size."""
    whole, small = (make_feed(tiny, batch_size=batch_size, **data) for batch_size in ("all", 10))
    assert whole.order.num_steps == 1
    ((x, y),) = whole.batches(1)
    assert all(map(torch.equal, (x, y), epoch_of(small)))
    assert whole.order.hashes() == small.order.hashes()
