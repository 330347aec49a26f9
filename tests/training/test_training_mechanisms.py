"""The lecture's mechanisms as laws of a stack: identity, placement, full batches, population statistics, penalties."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cells import make_cell, make_tiny
from support.stacks import BN, CNN, CPU, PLAIN, make_stack
from support.torch_oracle import as_torch, assert_same_state
from torch import nn

from bnreg.nn import evaluation
from bnreg.nn.batch_norm import StackedBatchNorm
from bnreg.nn.evaluation import evaluate
from bnreg.nn.population import correct_statistics
from bnreg.training.shards import architecture, count_parameters
from bnreg.training.stacked.feed import Feed
from bnreg.training.stacked.optimizers import OPTIMIZERS

PLACEMENTS = ("pre_activation", "post_activation", "input")


def make_feed(dataset, cell, seeds, device=CPU):
    return Feed(dataset, cell.settings.data, seeds, device, drop_single=True)


def trained(dataset, cell, seeds=(0, 1), device=CPU, epochs=2):
    """A stack of one cell after some epochs, and its feed."""
    feed = make_feed(dataset, cell, seeds, device)
    stack = make_stack([cell], seeds, steps_per_epoch=feed.order.num_steps, device=device)
    for epoch in range(1, epochs + 1):
        for x, y in feed.batches(epoch):
            stack.step(x, y)
    return stack, feed


@settings(max_examples=50)
@given(
    st.integers(0, 2**32 - 1),
    st.floats(-50, 50),
    st.floats(0.001, 100),
    st.sampled_from([1e-5, 1e-3, 1.0]),
    st.integers(2, 40),
)
def test_m5_batch_norm_can_become_the_identity(seed, mean, spread, epsilon, num_examples):
    """γ = √(Var + ε) and β = E reproduce any data, in training over its own batch and in evaluation."""
    generator = torch.Generator().manual_seed(seed)
    z = mean + spread * torch.randn(3, num_examples, 4, generator=generator, dtype=torch.float64)
    norm = StackedBatchNorm(3, 4, epsilon=epsilon).double()
    norm.set_statistics(z.mean(1, keepdim=True), z.var(1, correction=0, keepdim=True))
    norm.become_identity()
    scale = z.abs().max().item() + 1
    for mode in (True, False):
        torch.testing.assert_close(norm.train(mode)(z) / scale, z / scale, rtol=0, atol=1e-12)
        norm.set_statistics(z.mean(1, keepdim=True), z.var(1, correction=0, keepdim=True))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("model", [BN, CNN | {"norm": "batch"}], ids=["mlp", "cnn"])
def test_m5_a_network_whose_norms_start_as_identity_starts_as_the_plain_network(tiny, model, device):
    """The weights are the same, and the plain network's biases are zero with these schemes."""
    model = model | {"init": {"scheme": "he_normal"}}
    bn = make_stack([make_cell(model=model)], (0, 1), steps_per_epoch=1, device=device)
    plain = make_stack([make_cell(model=model | {"norm": "none"})], (0, 1), steps_per_epoch=1, device=device)
    sets = make_feed(tiny, make_cell(), (0, 1), device).evaluation_sets()
    correct_statistics(bn.network, sets["train"], as_identity=True)
    for split in ("train", "test"):
        ours, theirs = (evaluate(stack.network, sets[split]) for stack in (bn, plain))
        torch.testing.assert_close(ours.means["loss"], theirs.means["loss"], rtol=1e-10, atol=1e-12)
        assert torch.equal(ours.correct, theirs.correct)
    x = sets["train"][0][sets["train"][2]] / 255
    bn.network.train()
    torch.testing.assert_close(bn.network(x), plain.network(x), rtol=1e-9, atol=1e-11)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("model", [BN, CNN | {"norm": "batch"}], ids=["mlp", "cnn"])
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_m6_every_placement_and_m10_every_kind_of_network_trains_like_torch_nn(tiny, model, placement, device):
    """The oracle is an ordinary network with torch's layers in the order that the placement defines."""
    cell = make_cell(
        model=model | {"norm_placement": placement, "norm_epsilon": 1e-3, "norm_momentum": 0.3},
        optimizer={"name": "sgd", "lr": 2**-3},
    )
    feed = make_feed(tiny, cell, (0, 1), device)
    stack = make_stack([cell], (0, 1), steps_per_epoch=feed.order.num_steps, device=device)
    single = as_torch(stack.network, 1)
    kinds = [type(layer).__name__.removesuffix("1d").removesuffix("2d") for layer in single]
    norm, activation = kinds.index("BatchNorm"), kinds.index("ReLU")
    affine = min(place for place, kind in enumerate(kinds) if kind in {"Linear", "Conv"})
    order = {"pre_activation": affine < norm < activation, "post_activation": activation < norm, "input": norm < affine}
    assert [name for name, holds in order.items() if holds] == [placement]
    optimizer = torch.optim.SGD(single.parameters(), lr=2**-3)
    for x, y in feed.batches(1):
        stack.step(x, y)
        optimizer.zero_grad()
        nn.functional.cross_entropy(single(x[1]), y[1]).backward()
        optimizer.step()
    assert_same_state(stack.network, 1, single)
    assert sum(p.numel() for p in single.parameters()) == count_parameters(stack.network.architecture)


def test_every_setting_of_the_model_reaches_its_architecture():
    """Names are the same; the settings of convolutions only count if there are convolutions."""
    changed = {
        "kind": "cnn",
        "hidden": (7,),
        "channels": (3,),
        "kernel": 5,
        "stride": 2,
        "pool": 1,
        "activation": "tanh",
        "norm": "batch",
        "norm_placement": "input",
        "norm_epsilon": 0.5,
        "norm_momentum": 0.25,
        "norm_groups": 3,
        "dropout_placement": "before_norm",
    }
    found = architecture(make_cell(model=changed).settings, (6, 5), 4)
    fields = {field.name for field in dataclasses.fields(found)} - {"image_shape", "num_classes", "is_standardised"}
    assert fields == changed.keys() - {"kind"}
    for name in fields:
        assert getattr(found, name) == changed[name]
    network = make_stack([make_cell(model=changed)], (0,), steps_per_epoch=1, device=CPU).network
    for _, norm in network.batch_norms:
        assert (norm.epsilon, norm.momentum) == (0.5, 0.25)


@pytest.mark.parametrize(
    ("placement", "dropout_placement", "expected"),
    [
        ("pre_activation", "each_layer", ["affine norm activation dropout"] * 3),
        ("pre_activation", "before_norm", ["affine dropout norm activation"] * 3),
        ("pre_activation", "last_layer", ["affine norm activation"] * 2 + ["affine norm activation dropout"]),
        ("post_activation", "each_layer", ["affine activation norm dropout"] * 3),
        ("post_activation", "before_norm", ["affine activation dropout norm"] * 3),
        ("input", "before_norm", ["dropout norm affine activation"] * 3),
        ("input", "last_layer", ["norm affine activation"] * 2 + ["norm affine activation dropout"]),
    ],
)
def test_m6_and_m15_the_parts_of_each_hidden_layer_are_in_order(placement, dropout_placement, expected):
    """Even in a network of two convolutional layers and one hidden layer, and in the stack that is built."""
    model = {"kind": "cnn", "channels": (2, 3), "pool": 1, "hidden": (4,), "norm": "batch", "dropout": 0.5}
    model |= {"norm_placement": placement, "dropout_placement": dropout_placement}
    network = make_stack([make_cell(model=model)], (0,), steps_per_epoch=1, device=CPU).network
    assert [" ".join(network.architecture.parts(i)) for i in range(3)] == expected
    names = [name.rstrip("0123456789") for name, _ in network.layers.named_children()]
    built = [name for name in names if not name.startswith(("to_", "own_"))]
    layers = " ".join(expected).replace("affine", "conv", 2).replace("affine", "linear").split()
    assert built == [*layers, "linear"]


def test_m6_a_bias_is_left_out_only_if_a_norm_follows_directly():
    for placement in PLACEMENTS:
        model = BN | {"norm_placement": placement}
        network = make_stack([make_cell(model=model)], (0,), steps_per_epoch=1, device=CPU).network
        has_bias = [layer.bias is not None for layer in network.affine_layers]
        assert has_bias == [placement != "pre_activation"] * 2 + [True]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_m7_a_batch_may_be_the_entire_training_set(tiny, norm, device):
    """One step per epoch along the exact gradient over all examples; batch norm uses their statistics."""
    cell = make_cell(
        model={"hidden": (8, 6), "norm": norm, "norm_momentum": 1.0},
        data={"batch_size": "all"},
        optimizer={"name": "sgd", "lr": 0.5},
    )
    feed = make_feed(tiny, cell, (0, 1), device)
    assert feed.order.num_steps == 1
    stack = make_stack([cell], (0, 1), steps_per_epoch=1, device=device)
    single = as_torch(stack.network, 1)
    optimizer = torch.optim.SGD(single.parameters(), lr=0.5)
    images = torch.tensor(tiny.train_images, device=device).flatten(1) / 255.0
    labels = torch.tensor(tiny.train_labels, device=device)
    for epoch in (1, 2):
        for x, y in feed.batches(epoch):
            assert x.shape == (2, 400, 36)
            stack.step(x, y)
        optimizer.zero_grad()
        nn.functional.cross_entropy(single(images), labels).backward()  # in another order, which makes no difference
        optimizer.step()
    assert_same_state(stack.network, 1, single)


@pytest.mark.parametrize("model", [BN, CNN | {"norm": "batch"}], ids=["mlp", "cnn"])
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_m8_population_statistics_are_those_of_one_full_batch_in_train_mode(tiny, model, placement, device):
    """The oracle: momentum 1, dropout off, the entire training set at once, corrected by (N − 1)/N."""
    cell = make_cell(model=model | {"norm_placement": placement, "dropout": 0.4})
    stack, feed = trained(tiny, cell, device=device)
    network = stack.network
    examples = feed.evaluation_sets()["train"]
    images, _, indices = examples
    correct_statistics(network, examples)
    found = [(norm.running_mean.clone(), norm.running_variance.clone()) for _, norm in network.batch_norms]

    network.eval()
    counts = []
    for _, norm in network.batch_norms:
        norm.train()
        norm.momentum = 1.0
        norm.register_forward_pre_hook(lambda _, inputs: counts.append(inputs[0].shape[1]))
    with torch.no_grad():
        network(images[indices].float() / 255)
    for (mean, variance), (_, norm), count in zip(found, network.batch_norms, counts, strict=True):
        torch.testing.assert_close(mean, norm.running_mean, rtol=2e-5, atol=2e-6)
        torch.testing.assert_close(variance, norm.running_variance * ((count - 1) / count), rtol=2e-5, atol=1e-9)


def test_m8_population_statistics_are_exact(device):
    """Against float64 arithmetic written here, over more examples than a chunk, for each seed's own split."""
    dataset = make_tiny(num_train=2600)
    cell = make_cell(model=BN, data={"batch_size": 50, "train_size": 2300})
    stack, feed = trained(dataset, cell, device=device, epochs=1)
    examples = feed.evaluation_sets()["train"]
    images, _, indices = examples
    assert indices.shape == (2, 2300)
    correct_statistics(stack.network, examples)
    assert stack.network.training
    for replica in (0, 1):
        values = images[indices[replica]].double().cpu().numpy() / 255
        state = {name: v.double().cpu().numpy() for name, v in stack.network.state_of(replica).items()}
        for i in (0, 1):
            z = values @ state[f"linear{i}.weight"].T
            mean, variance = z.mean(0), z.var(0)
            np.testing.assert_allclose(state[f"norm{i}.running_mean"], mean, rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose(state[f"norm{i}.running_variance"], variance, rtol=1e-6)
            scale = state[f"norm{i}.gamma"] / np.sqrt(state[f"norm{i}.running_variance"] + 1e-5)
            values = np.maximum((z - state[f"norm{i}.running_mean"]) * scale + state[f"norm{i}.beta"], 0)


def test_m8_population_statistics_are_accumulated_in_float64(tiny, monkeypatch):
    """400 updates with one example each: float32 would lose digits."""
    monkeypatch.setitem(evaluation.CHUNK, "cpu", 1)
    cell = make_cell(model=BN | {"norm_placement": "input"})
    network = make_stack([cell], (0,), steps_per_epoch=1, device=CPU).network
    examples = make_feed(tiny, cell, (0,)).evaluation_sets()["train"]
    correct_statistics(network, examples)
    pixels = (examples.images.float() / 255).double().numpy()
    norm = network.batch_norms[0][1]
    np.testing.assert_allclose(norm.running_mean[0, 0].double().numpy(), pixels.mean(0), rtol=1e-7)
    np.testing.assert_allclose(norm.running_variance[0, 0].double().numpy(), pixels.var(0), rtol=1e-7)


def test_m8_each_norm_gets_its_input_from_the_corrected_norms_before_it(tiny):
    """In one pass, with the running statistics of the first norm, the second norm would get other statistics."""
    stack, feed = trained(tiny, make_cell(model=BN))
    examples = feed.evaluation_sets()["train"]
    images, _, indices = examples
    x = images[indices].float() / 255
    up_to_second = stack.network.layers[:4]
    with torch.no_grad():
        in_one_pass = stack.network.eval() and up_to_second(x).var(1, correction=0, keepdim=True)
        correct_statistics(stack.network, examples)
        one_after_another = up_to_second(x).var(1, correction=0, keepdim=True)
    found = stack.network.batch_norms[1][1].running_variance
    torch.testing.assert_close(found, one_after_another, rtol=1e-5, atol=0)
    assert (found / in_one_pass - 1).abs().max() > 0.01


def penalised(kind, strength, optimizer, **penalty):
    return make_cell(
        "arm", model=PLAIN, optimizer=optimizer, training={"penalty": {"kind": kind, "strength": strength, **penalty}}
    )


def weights_after_an_epoch(dataset, cell):
    stack, _ = trained(dataset, cell, epochs=1)
    return [layer.weight.detach() for layer in stack.network.affine_layers]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_m14_l2_is_weight_decay_for_plain_sgd_and_not_for_adamw(tiny, name):
    """For sgd, and for adam, whose weight decay is L2, the penalty equals the decay; adamw's decay is decoupled."""
    optimizer = {"name": name, "lr": 0.02}
    by_penalty = weights_after_an_epoch(tiny, penalised("l2", 0.03, optimizer))
    by_decay = weights_after_an_epoch(tiny, make_cell("arm", model=PLAIN, optimizer=optimizer | {"weight_decay": 0.03}))
    without = weights_after_an_epoch(tiny, make_cell("arm", model=PLAIN, optimizer=optimizer))
    for ours, decayed, free in zip(by_penalty, by_decay, without, strict=True):
        assert not torch.allclose(ours, free, rtol=1e-4)
        assert torch.allclose(ours, decayed, rtol=1e-8, atol=1e-10) is (name != "adamw")


@pytest.mark.usefixtures("float64")
def test_m14_an_arm_can_switch_off_the_penalty_of_its_base(tiny):
    off = weights_after_an_epoch(tiny, penalised("none", 0.03, {"lr": 0.02}))
    free = weights_after_an_epoch(tiny, make_cell("arm", model=PLAIN, optimizer={"lr": 0.02}))
    assert all(torch.equal(a, b) for a, b in zip(off, free, strict=True))


@pytest.mark.usefixtures("float64")
def test_m14_l2_with_adam_is_not_adamw(tiny):
    ours = weights_after_an_epoch(tiny, penalised("l2", 0.03, {"name": "adam", "lr": 0.02}))
    adamw = make_cell("arm", model=PLAIN, optimizer={"name": "adamw", "lr": 0.02, "weight_decay": 0.03})
    decoupled = weights_after_an_epoch(tiny, adamw)
    assert all(not torch.allclose(a, b, rtol=1e-3) for a, b in zip(ours, decoupled, strict=True))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("kind", "l1_share", "on"),
    [("l1", 1.0, ("weights",)), ("l2", 0.0, ("weights", "biases")), ("elastic", 0.3, ("biases", "prelu"))],
)
def test_m14_a_penalty_is_a_term_of_the_loss(tiny, kind, l1_share, on):
    """A step follows the gradient of J + λ R, written here, for each replica's own λ and parameters."""
    strengths = (0.0, 0.2)
    model = PLAIN | {"activation": "prelu"}
    share = {"l1_share": l1_share} if kind == "elastic" else {}
    cells = [
        make_cell(
            name,
            model=model,
            optimizer={"name": "sgd", "lr": 1.0},
            training={"penalty": {"kind": kind, "strength": strength, "on": on, **share}},
        )
        for name, strength in zip("ab", strengths, strict=True)
    ]
    feed = make_feed(tiny, cells[0], (0,))
    stack = make_stack(cells, (0,), steps_per_epoch=feed.order.num_steps, device=CPU)
    before = [parameter.detach().clone() for parameter in stack.network.parameters()]
    free = make_stack([make_cell(model=model)], (0,), steps_per_epoch=1, device=CPU).network
    x, y = next(feed.batches(1))
    nn.functional.cross_entropy(free(x)[0], y[0]).backward()
    stack.step(x, y)
    for (parameter_kind, after), start, plain in zip(
        stack.network.parameters_with_kinds(), before, free.parameters(), strict=True
    ):
        for replica, strength in enumerate(strengths):
            w = start[replica]
            reach = strength * (parameter_kind in on)
            expected = plain.grad[0] + reach * (l1_share * torch.sign(w) + (1 - l1_share) * w)
            torch.testing.assert_close(w - after[replica], expected, rtol=1e-9, atol=1e-12)
