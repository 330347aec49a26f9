"""The compiled engine computes what the torch engine computes, and its bits depend on nothing else."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from support.cells import make_cell, make_tiny
from support.stacks import make_engine, shard_of, trained
from torch.nn.functional import cross_entropy

from bnreg.data import epoch_order, load_dataset
from bnreg.nn.activations import ACTIVATIONS
from bnreg.nn.architecture import LAYER_ORDERS
from bnreg.nn.evaluation import evaluate
from bnreg.nn.examples import Examples
from bnreg.nn.network import StackedNetwork
from bnreg.nn.penalties import PENALTIES
from bnreg.statistics.paired import compare_pairs
from bnreg.training.compiled import images, program
from bnreg.training.compiled.coverage import OPTIMIZERS, unavailable, uncovered
from bnreg.training.schedules import SCHEDULES
from bnreg.training.shards import plan_shards

pytestmark = pytest.mark.skipif(unavailable() is not None, reason=f"no compiled engine here: {unavailable()}")

TRAINABLE = [name for name, activation in ACTIVATIONS.items() if activation.trainable]
DATA = {"batch_size": 8, "train_size": 400}  # fifty steps
BN, PLAIN = {"hidden": (32, 32), "norm": "batch"}, {"hidden": (32, 32)}
SGD = {"name": "sgd", "lr": 0.1}  # Adam divides gradients that are zero but for rounding by their size
SCHEDULE_SETTINGS = {"step": {"step_epochs": 1}, "cosine": {"final_factor": 0.1}}
OPTIMIZER_SETTINGS = {
    "sgd": {"momentum": 0.9, "nesterov": True},
    "adam": {"betas": (0.8, 0.95), "eps": 1e-6},
    "adamw": {"betas": (0.8, 0.95), "eps": 1e-6},
}
EVERYWHERE = ("weights", "biases", "norm", "prelu")

COVERED = {
    **{f"{name}, with batch norm": {"model": BN | {"activation": name}, "optimizer": SGD} for name in TRAINABLE},
    **{f"{name}, without": {"model": PLAIN | {"activation": name}} for name in TRAINABLE},
    **{
        f"norm of {placement}, from {init}": {
            "model": BN
            | {"norm_placement": placement, "norm_init": init, "norm_epsilon": 1e-3, "norm_momentum": 0.3}
            | {"activation": "tanh"},  # of ReLU a unit that is rarely positive has nearly no variance
            "optimizer": SGD,
        }
        for placement in LAYER_ORDERS
        for init in ("standard", "identity")
    },
    **{f"{name} as it is": {"model": BN, "optimizer": {"name": name}} for name in OPTIMIZERS},
    **{
        f"{name} with all its settings": {
            "model": PLAIN | {"activation": "prelu"},
            "optimizer": {"name": name, "weight_decay": 0.1, "weight_decay_on": EVERYWHERE, **OPTIMIZER_SETTINGS[name]},
        }
        for name in OPTIMIZERS
    },
    **{
        f"the schedule {name}": {
            "model": BN,
            "optimizer": {"schedule": {"name": name, "warmup_epochs": 0.5, **SCHEDULE_SETTINGS.get(name, {})}},
        }
        for name in SCHEDULES
    },
    **{
        f"the penalty {name}": {
            "model": PLAIN | {"activation": "prelu"},
            "optimizer": SGD,
            "training": {"penalty": {"kind": name, "strength": 0.01, "on": EVERYWHERE}},
        }
        for name in PENALTIES
    },
    **{
        f"{unit} standardised": {"model": PLAIN | {"activation": "tanh"}, "data": DATA | {"standardise": unit}}
        for unit in ("all_pixels", "each_pixel")
    },
    "a linear classifier": {"model": {"hidden": ()}},
    "widths that fill no panel": {
        "model": {"hidden": (70, 17, 40), "norm": "batch", "activation": "tanh"},
        "optimizer": SGD,
    },
    "a width of one": {"model": {"hidden": (1,)}, "optimizer": SGD},
    "labels with noise": {"model": PLAIN, "data": DATA | {"label_noise": 0.3, "train_size": 40}},
    "a batch of everything": {"model": BN, "data": {"batch_size": "all"}},
    "batches of one": {"model": PLAIN, "data": {"batch_size": 1, "train_size": 50}},
    "a last batch of its own size": {"model": BN, "data": {"batch_size": 30, "train_size": 100}},
}


# The first weights alone read the images, so these are enough.
WITH_ZEROS = (
    "relu, with batch norm",
    "adamw with all its settings",
    "norm of input, from standard",
    "each_pixel standardised",
    "a linear classifier",
    "widths that fill no panel",
    "a width of one",
    "a batch of everything",
    "batches of one",
    "a last batch of its own size",
)


def cell_of(settings, arm="arm"):
    return make_cell(arm, **{"data": DATA, "training": {"epochs": 1}} | settings)


@pytest.fixture(scope="module")
def sparse():
    """Images most of whose pixels are 0."""
    return make_tiny(ink=0.3)


@pytest.fixture(scope="module")
def half_sparse(sparse):
    """Sparse images to train on, and others to test on."""
    return replace(sparse, test_images=make_tiny().test_images)


@pytest.fixture(scope="module")
def half_dense(sparse):
    """The reverse."""
    return replace(make_tiny(), test_images=sparse.test_images)


def are_sparse(dataset):
    """Whether the engine skips zeros of the training images, and of the test images."""
    sets = program.CompiledProgram(shard_of([cell_of({"model": BN})]), dataset).sets
    return [bool(sets[split].images.addresses["are_sparse"]) for split in ("train", "test")]


def test_zeros_are_skipped_where_there_are_many(tiny, sparse, half_sparse, half_dense):
    found = [are_sparse(dataset) for dataset in (tiny, sparse, half_sparse, half_dense)]
    assert found == [[False, False], [True, True], [True, False], [False, True]]


@pytest.mark.parametrize(
    ("covered", "data"),
    [
        *product(COVERED, ["tiny"]),
        *product(WITH_ZEROS, ["sparse"]),
        *product(["relu, with batch norm", "a linear classifier"], ["half_sparse", "half_dense"]),
    ],
)
def test_fifty_steps_give_the_losses_of_the_torch_engine(covered, data, request):
    """They start from the same weights and read the same batches; only the order of sums differs."""
    shard = shard_of([cell_of(COVERED[covered])])
    assert uncovered(shard.settings, "cpu") is None
    dataset = request.getfixturevalue(data)
    rows = [trained(shard, dataset, engine=engine) for engine in ("torch", "compiled")]
    assert rows[0].pairing == rows[1].pairing
    for one, other in zip(*(result.tables["metrics"] for result in rows), strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], abs=1e-6)
        assert one["test_loss"] == pytest.approx(other["test_loss"], abs=3e-6)


@pytest.mark.parametrize("placement", LAYER_ORDERS)
@pytest.mark.parametrize("activation", TRAINABLE)
def test_gradients_are_those_of_autograd_in_float64(tiny, activation, placement):
    """One step of gradient descent with a rate of 1 subtracts the gradient itself."""
    model = BN | {"activation": activation, "norm_placement": placement}
    data = {"batch_size": 40, "train_size": 40}
    cell = make_cell(model=model, data=data, optimizer={"name": "sgd", "lr": 1.0}, training={"epochs": 1})
    shard = shard_of([cell], (0,))
    (stack,) = (made := program.CompiledProgram(shard, tiny)).stacks
    before = stack.state_of(0)
    network = StackedNetwork(stack.architecture, 1).double()
    network.restore(0, {name: torch.from_numpy(values).double() for name, values in before.items()})
    indices = epoch_order(made.sets["train"].indices[0], 0, 1)
    x = torch.from_numpy(tiny.train_images[indices]).flatten(1).double()[None] / 255
    y = torch.from_numpy(tiny.train_labels[indices])
    cross_entropy(network.train()(x)[0], y).backward()
    for _ in made.train(1, 0, made.order.num_steps):
        pass
    after = stack.state_of(0)
    for name, parameter in network.layers.named_parameters():
        gradient = parameter.grad.numpy().reshape(after[name].shape)
        assert before[name] - after[name] == pytest.approx(gradient, abs=2e-6 * max(1, abs(gradient).max())), name


@pytest.fixture(scope="module")
def mixed():
    """Cells of several structures, with numbers of their own."""
    return [
        cell_of({"model": BN | {"dropout": 0.2}}, "bn"),
        cell_of({"model": PLAIN | {"activation": "prelu"}, "optimizer": SGD}, "plain"),
        cell_of({"model": {"hidden": (70,), "norm": "batch", "dropout": 0.5}, "optimizer": {"lr": 0.01}}, "wide"),
        cell_of({"model": BN | {"dropout": 0.4}, "optimizer": {"lr": 1e30}}, "wild"),
    ]


def results_by_arm(cells, seeds, dataset):
    shard = shard_of(cells, seeds)
    result = trained(shard, dataset, engine="compiled")
    return {(row["arm"], row["seed"]): row | {"seconds": 0} for row in result.tables["summary"]}


def test_a_network_has_the_same_bits_alone_and_beside_any_others(tiny, mixed):
    """Even if one of the others diverges."""
    together = results_by_arm(mixed, (3, 5, 8), tiny)
    assert together["wild", 3]["status"] == "diverged"
    for cell in mixed:
        for seed in (3, 8):
            assert results_by_arm([cell], (seed,), tiny)[cell.arm, seed] == together[cell.arm, seed]


def test_skipping_zeros_changes_no_bit(sparse, mixed, monkeypatch):
    """Nor anything that is recorded of a network that diverges."""
    without = results_by_arm(mixed, (3, 5), sparse)
    monkeypatch.setattr(images, "SPARSE", 0)
    assert results_by_arm(mixed, (3, 5), sparse) == without


def test_infinite_weights_of_pixels_that_are_never_lit_are_not_skipped(tiny):
    """0 · ∞ is NaN, so the network has diverged, as it has in the torch engine."""
    black = replace(tiny, train_images=tiny.train_images * 0, test_images=tiny.test_images * 0)
    growing = {"name": "sgd", "lr": 100.0, "weight_decay": 0.1}
    shard = shard_of([cell_of({"model": {"hidden": ()}, "optimizer": growing})])
    for engine in ("torch", "compiled"):
        assert {row["status"] for row in trained(shard, black, engine=engine).tables["summary"]} == {"diverged"}


@pytest.mark.parametrize("products", [0, 1e5, 1e12])
def test_however_an_epoch_is_cut_into_calls_the_bits_are_the_same(tiny, mixed, products, monkeypatch):
    whole = results_by_arm(mixed, (3, 5), tiny)
    monkeypatch.setattr(program, "PRODUCTS_BETWEEN_REPORTS", products)
    assert results_by_arm(mixed, (3, 5), tiny) == whole


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("activation", TRAINABLE)
def test_a_network_that_diverges_is_recorded_as_diverged(tiny, activation, name):
    """Where it does so in the torch engine: no NaN is swallowed on its way to the loss."""
    cell = cell_of({"model": PLAIN | {"activation": activation}, "optimizer": {"name": name, "lr": 1e30}})
    states = [
        [row["status"] for row in trained(shard_of([cell]), tiny, engine=engine).tables["summary"]]
        for engine in ("torch", "compiled")
    ]
    assert states[0] == states[1]


EDGES = {
    "statistics beyond float32": {"model": BN, "optimizer": {"name": "sgd", "lr": 1e15}},
    "a gradient whose square is infinite": {
        "model": PLAIN,
        "training": {"epochs": 1, "penalty": {"kind": "l2", "strength": 1e21}},
    },
    "an ε that float32 does not have": {"model": PLAIN | {"activation": "prelu"}, "optimizer": {"eps": 1e-50}},
    "a rate and a decay beyond float64": {
        "model": PLAIN,
        "optimizer": {"name": "adamw", "lr": 1e300, "weight_decay": 1e10},
    },
}


@pytest.mark.parametrize("settings", EDGES.values(), ids=EDGES)
def test_numbers_at_the_edge_warn_of_nothing_and_end_as_in_the_torch_engine(tiny, settings):
    shard = shard_of([cell_of(settings)])
    ends = [
        [row["status"] for row in trained(shard, tiny, engine=engine).tables["summary"]]
        for engine in ("torch", "compiled")
    ]
    assert ends[0] == ends[1]


@pytest.mark.parametrize("change", [lambda v: v.astype(np.float64), lambda v: v[:1], lambda v: v.view(np.int32)])
def test_a_state_with_other_arrays_is_refused(tiny, change):
    shard = shard_of([cell_of({"model": BN})])
    state = make_engine("compiled", shard, tiny).state()
    for name in state.arrays:
        changed = state._replace(arrays=state.arrays | {name: change(state.arrays[name])})
        with pytest.raises(ValueError, match="another shape"):
            make_engine("compiled", shard, tiny, state=changed)


def test_a_trained_network_has_the_predictions_and_losses_that_torch_gives_it(tiny, mixed):
    engine = make_engine("compiled", shard_of(mixed), tiny)
    for _ in engine.train():
        pass
    labels, images = (torch.from_numpy(array) for array in (tiny.test_labels, tiny.test_images))
    examples = Examples(images.flatten(1), labels[None], torch.arange(len(labels))[None])
    for stack in engine._program.stacks:
        found = stack.evaluate({"test": engine._program.sets["test"]})
        for replica, metrics in enumerate(found.metrics):
            if not np.isfinite(metrics["test_loss"]):
                continue
            network = StackedNetwork(stack.architecture, 1)
            network.restore(0, {name: torch.from_numpy(values) for name, values in stack.state_of(replica).items()})
            by_torch = evaluate(network, examples)
            assert np.array_equal(found.correct[replica], by_torch.correct[0].numpy())
            assert metrics["test_loss"] == pytest.approx(by_torch.means["loss"].item(), abs=1e-6)


UNCOVERED = {
    "device": ({}, "cuda:0"),
    "model.kind": ({"model": {"kind": "cnn"}}, "cpu"),
    "data.augment": ({"data": DATA | {"augment": {"shift": 1}}}, "cpu"),
}


@pytest.mark.parametrize("key", UNCOVERED)
def test_what_is_not_covered_is_named_by_its_key(key):
    settings, device = UNCOVERED[key]
    found, value = uncovered(cell_of(settings).settings, device)
    assert found == key
    assert value


@pytest.mark.parametrize("model", [BN, PLAIN | {"dropout": 0.2}], ids=["bn", "plain with dropout"])
def test_whole_trainings_are_equivalent_to_those_of_the_torch_engine(model, tmp_path):
    """Paired over 20 seeds, within a percentage point of accuracy; the masks of dropout are others."""
    digits = load_dataset("mnist_5k", tmp_path, log=pytest.fail)
    data = {"dataset": "mnist_5k", "batch_size": 50}
    cell = make_cell(model=model, data=data, optimizer={"lr": 0.003}, training={"epochs": 3})
    (shard,) = plan_shards(
        [cell],
        range(20),
        num_workers=1,
        sizes={"mnist_5k": digits.size},
        max_bytes=1 << 30,
    )
    by_engine = [
        {row["seed"]: row["final_test_accuracy"] for row in trained(shard, digits, engine=engine).tables["summary"]}
        for engine in ("compiled", "torch")
    ]
    assert min(by_engine[0].values()) > 0.8
    evidence = compare_pairs(*by_engine, higher_is_better=True, smallest_effect=0.01)
    assert evidence.verdict.word == "equivalent"
