"""The laws of the stack: no replica sees another, arms are paired, and evaluation changes nothing."""

import numpy as np
import pytest
import torch
from support.cells import TINY_SIZES, make_cell, make_tiny
from support.stacks import BN, CNN, CPU, PLAIN, make_engine, make_stack, run
from support.torch_oracle import as_torch, assert_same_state
from torch import nn

from bnreg.budget import Budget
from bnreg.config.schema import Optimizer, Schedule
from bnreg.data import Dataset
from bnreg.nn import evaluation
from bnreg.nn.activations import ACTIVATIONS
from bnreg.nn.evaluation import evaluate
from bnreg.nn.examples import Examples
from bnreg.nn.norms import NORMS
from bnreg.training.messages import EvaluationDone
from bnreg.training.schedules import lr_factor
from bnreg.training.shards import Shard, architecture, estimate_bytes, plan_shards
from bnreg.training.stacked import capture
from bnreg.training.stacked.feed import Feed
from bnreg.training.stacked.optimizers import OPTIMIZERS
from bnreg.training.stacked.process import prepare_process

TORCH_OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def assert_same_metrics(rows, others):
    assert rows
    for key, row in rows.items():
        for name, value in row.items():
            if isinstance(value, float):
                assert value == pytest.approx(others[key][name], rel=1e-9, abs=1e-12), (key, name)


def evaluated_after(engine):
    """The steps after which it evaluates."""
    return [message.steps for message in engine.train() if isinstance(message, EvaluationDone)]


ARMS = [
    make_cell("bn", model=BN),
    make_cell("plain", model=PLAIN),
    make_cell("dropout", model=PLAIN | {"dropout": 0.3}),
    make_cell("fast", model=BN, optimizer={"lr": 0.03}),
    make_cell("decayed", model=PLAIN, optimizer={"weight_decay": 0.1}),
    make_cell("prelu", model=PLAIN | {"activation": "prelu", "init": {"scheme": "he_normal", "gain": 2.0}}),
    make_cell("cnn", model=CNN | {"dropout": 0.2}),
    make_cell("cnn_bn", model=CNN | {"norm": "batch"}),
    make_cell("normed_input", model=BN | {"norm_placement": "input", "norm_init": "identity"}),
    make_cell("normed_last", model=BN | {"norm_placement": "post_activation", "inference_statistics": "population"}),
    make_cell("dropped", model=BN | {"dropout": 0.3, "dropout_placement": "before_norm"}),
    make_cell("penalised", model=PLAIN, training={"penalty": {"kind": "elastic", "strength": 0.01}}),
    make_cell("penalised_by_l1", model=PLAIN, training={"penalty": {"kind": "l1", "strength": 0.01}}),
    make_cell("identity", model=BN | {"norm_init": "identity"}),
    make_cell("population", model=BN | {"inference_statistics": "population"}),
    make_cell("slow_statistics", model=BN | {"norm_momentum": 0.01, "norm_epsilon": 1e-2}),
    *(make_cell(f"norm_{name}", model=PLAIN | {"norm": name, "norm_groups": 2}) for name in NORMS),
    make_cell("cnn_group", model=CNN | {"norm": "group", "norm_groups": 1}),
]


@pytest.mark.usefixtures("float64")
def test_a_stack_trains_like_its_replicas_alone(tiny, device):
    """Stacking is only a speed-up: every replica of every arm and three seeds ends as it does alone."""
    together, summaries, _ = run(tiny, ARMS, (0, 1, 2), device=device)
    assert len(together) == len(ARMS) * 3 * 2
    for cell in ARMS:
        for seed in (0, 2):
            alone, summary, _ = run(tiny, [cell], (seed,), device=device)
            assert_same_metrics(alone, together)
            costless = {key: {k: v for k, v in row.items() if k != "seconds"} for key, row in summary.items()}
            assert_same_metrics(costless, summaries)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("num_workers", [2, 3, 5])
def test_the_number_of_shards_changes_no_result(tiny, num_workers, device):
    one, *_ = run(tiny, ARMS, (0, 1, 2), device=device)
    many, *_ = run(tiny, ARMS, (0, 1, 2), num_workers=num_workers, device=device)
    assert_same_metrics(one, many)


PERCEPTRONS = [
    *(cell for cell in ARMS if cell.settings.model.kind == "mlp"),
    *(
        make_cell(f"{name}_{norm}", model={"hidden": (33, 7), "norm": norm, "activation": name})
        for name, activation in ACTIVATIONS.items()
        for norm in ("none", "batch")
        if activation.trainable
    ),
    *(
        make_cell(f"{name}_{extra}", optimizer={"name": name, **settings})
        for name in OPTIMIZERS
        for extra, settings in {
            "as_it_is": {},
            "decayed": {"weight_decay": 0.1, "weight_decay_on": ("weights", "biases")},
        }.items()
    ),
    make_cell("with_momentum", optimizer={"name": "sgd", "momentum": 0.9, "nesterov": True}),
    make_cell("wide", model={"hidden": (100,), "norm": "batch"}),
]


def test_on_a_cpu_no_bit_of_a_perceptron_depends_on_the_networks_beside_it(tiny, monkeypatch):
    """Neither in smaller shards nor among fewer arms.

    Convolutions may: for another number of groups they add in another order.
    """
    monkeypatch.setitem(evaluation.CHUNK_VALUES, "cpu", 1 << 13)  # so that there are several chunks
    together, summaries, _ = run(tiny, PERCEPTRONS, (0, 1, 2))
    for others in (run(tiny, PERCEPTRONS, (0, 1, 2), num_workers=2), run(tiny, PERCEPTRONS[::2], (1,))):
        for key, row in (others[0] | others[1]).items():
            expected = together[key] if key in together else summaries[key]
            assert row | {"seconds": 0} == expected | {"seconds": 0}, key


def test_training_twice_is_bit_identical(tiny, device):
    first, second = (run(tiny, ARMS, (3, 4), device=device)[0] for _ in range(2))
    assert first == second


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize(
    "settings",
    [  # these learning rates are float32 numbers: on CUDA, a captured update reads its own as one
        {"name": "sgd", "lr": 2**-3},
        {"name": "sgd", "lr": 2**-4, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
        {"name": "adam", "lr": 2**-6, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.01},
        {"name": "adamw", "lr": 2**-6, "weight_decay": 0.1, "weight_decay_on": ("weights", "biases", "norm")},
    ],
    ids=lambda settings: f"{settings['name']}{'+' if len(settings) > 3 else ''}",
)
def test_a_replica_trains_like_torch_nn_and_torch_optim(tiny, norm, settings, device):
    """The oracle: an ordinary network and optimiser from the same weights on the same batches, step by step.

    A second cell with another learning rate trains too, so that each cell's settings must reach its own replicas.
    """
    cells = [
        make_cell("other", model={"hidden": (8, 6), "norm": norm}, optimizer={"name": settings["name"], "lr": 0.7}),
        make_cell("arm", model={"hidden": (8, 6), "norm": norm}, optimizer=settings),
    ]
    stack = make_stack(cells, (0, 1), steps_per_epoch=12, device=device)
    replica = 3  # arm "arm", seed 1
    single = as_torch(stack.network, replica)
    decay = settings.get("weight_decay", 0.0)
    reach = settings.get("weight_decay_on", ("weights",))
    groups = [{"params": [p], "weight_decay": decay if _kind(single, p) in reach else 0.0} for p in single.parameters()]
    extra = {name: settings[name] for name in OPTIMIZERS[settings["name"]].settings if name in settings}
    optimizer = TORCH_OPTIMIZERS[settings["name"]](groups, lr=settings["lr"], **extra)

    feed = Feed(tiny, cells[0].settings.data, (0, 1), device, drop_single=True)
    for x, y in feed.batches(1):
        stack.step(x, y)
        optimizer.zero_grad()
        nn.functional.cross_entropy(single(x[1]), y[1]).backward()
        optimizer.step()
    assert_same_state(stack.network, replica, single)


def _kind(network, parameter):
    for layer in network:
        if any(parameter is p for p in layer.parameters()):
            if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
                return "norm"
            return "weights" if parameter is layer.weight else "biases"
    raise AssertionError


def test_the_arms_of_a_seed_start_from_equal_weights_and_see_equal_batches(tiny):
    """No two seeds do; the hashes are computed from what was actually used."""
    *_, pairing = run(tiny, [make_cell("bn", model=BN), make_cell("plain", model=PLAIN)], (0, 1, 2), num_workers=3)
    for seed in (0, 1, 2):
        bn, plain = pairing[0, "bn", seed], pairing[0, "plain", seed]
        assert bn.initial_weights == plain.initial_weights
        assert bn.batch_order == plain.batch_order
    for proof in ("initial_weights", "batch_order"):
        assert len({getattr(row, proof) for row in pairing.values()}) == 3


def test_both_arms_of_a_seed_are_given_equal_weights_and_batches(tiny, device):
    """The same claim, checked on the tensors instead of the hashes."""
    stacks = [make_stack([make_cell(model=model)], (0, 1), steps_per_epoch=5, device=device) for model in (BN, PLAIN)]
    for bn, plain in zip(*(stack.network.affine_layers for stack in stacks), strict=True):
        assert torch.equal(bn.weight, plain.weight)
        assert not torch.equal(bn.weight[0], bn.weight[1])
    feeds = [Feed(tiny, make_cell().settings.data, seeds, device, drop_single=True) for seeds in ((0, 1), (1,))]
    for (x, y), (x_of_1, y_of_1) in zip(*(feed.batches(1) for feed in feeds), strict=True):
        assert torch.equal(x[1], x_of_1[0])
        assert torch.equal(y[1], y_of_1[0])
        assert not torch.equal(x[0], x[1])


def test_evaluation_changes_no_state(tiny, device):
    """Weights, buffers, mode and random number streams stay the same; evaluating twice gives the same."""
    cell = make_cell(model=BN | {"dropout": 0.5})
    stack = make_stack([cell], (0, 1), steps_per_epoch=12, device=device)
    feed = Feed(tiny, cell.settings.data, (0, 1), device, drop_single=True)
    for x, y in feed.batches(1):
        stack.step(x, y)

    def state():
        generators = [g.get_state() for layer in stack.network.layers for g in getattr(layer, "generators", ())]
        return [*(t.clone() for t in stack.network.state_dict().values()), *generators]

    before, mode, torch_rng = state(), stack.network.training, torch.get_rng_state()
    first, correct = stack.evaluate(feed.evaluation_sets())
    again, correct_again = stack.evaluate(feed.evaluation_sets())
    assert again == first
    assert np.array_equal(correct_again, correct)
    assert all(torch.equal(a, b) for a, b in zip(before, state(), strict=True))
    assert stack.network.training is mode is True
    assert torch.equal(torch_rng, torch.get_rng_state())
    assert all(p.grad is None for p in stack.network.parameters())


def test_evaluation_uses_running_statistics_and_drops_nothing(tiny, device):
    """It reports the loss and accuracy of the eval-mode network itself, example by example."""
    cell = make_cell(model=BN | {"dropout": 0.5})
    stack = make_stack([cell], (0,), steps_per_epoch=12, device=device)
    feed = Feed(tiny, cell.settings.data, (0,), device, drop_single=True)
    for x, y in feed.batches(1):
        stack.step(x, y)
    (metrics,), _ = stack.evaluate(feed.evaluation_sets())
    x = torch.from_numpy(tiny.test_images).flatten(1).float().to(device) / 255
    stack.network.eval()
    logits = stack.network(x[None])[0]
    stack.network.train()
    labels = torch.from_numpy(tiny.test_labels).to(device)
    assert metrics["test_loss"] == pytest.approx(nn.functional.cross_entropy(logits, labels).item(), rel=1e-5)
    assert metrics["test_accuracy"] == (logits.argmax(1) == labels).double().mean().item()


def test_the_mode_is_restored_even_when_evaluation_fails():
    stack = make_stack([make_cell(model=BN)], (0,), steps_per_epoch=12, device=CPU)
    labels = torch.zeros(1, 3, dtype=torch.int64)
    broken = Examples(torch.zeros(3, 5, dtype=torch.uint8), labels, torch.arange(3)[None])
    with pytest.raises(RuntimeError):
        evaluate(stack.network, broken)
    assert stack.network.training


def test_a_class_sorted_data_set_trains_as_well_as_a_shuffled_one(tiny, device):
    order = np.argsort(tiny.train_labels, kind="stable")
    in_order = Dataset(
        "tiny",
        tiny.train_images[order],
        tiny.train_labels[order],
        tiny.test_images,
        tiny.test_labels,
        4,
        "sha256:sorted",
        "made here",
    )
    cells = [make_cell("bn", model=BN, training={"epochs": 5}), make_cell("plain", model=PLAIN, training={"epochs": 5})]
    means = []
    for dataset in (tiny, in_order):
        _, summary, _ = run(dataset, cells, (0, 1, 2, 3), device=device)
        means.append(np.mean([row["final_test_accuracy"] for row in summary.values()]))
    assert min(means) > 0.9
    assert abs(means[0] - means[1]) < 0.03


@pytest.mark.usefixtures("float64")
def test_a_diverged_replica_counts_as_chance_and_stops_no_other(tiny, device):
    """A learning rate of 1e30 results in a huge but finite loss or in NaN: both count as divergence."""
    sane = make_cell("sane", model=PLAIN, optimizer={"name": "sgd", "lr": 0.1})
    wild = make_cell("wild", model=PLAIN, optimizer={"name": "sgd", "lr": 1e30})
    rows, summary, _ = run(tiny, [wild, sane], (0, 1), device=device)
    alone, *_ = run(tiny, [sane], (0, 1), device=device)
    assert_same_metrics(alone, rows)
    for seed in (0, 1):
        assert summary[0, "wild", seed]["status"] == "diverged"
        assert summary[0, "wild", seed]["final_test_accuracy"] == 0.25
        assert summary[0, "wild", seed]["final_test_loss"] == pytest.approx(np.log(4))
        assert summary[0, "sane", seed]["status"] == "ok"


def test_a_last_batch_of_one_is_skipped_in_every_arm(tiny):
    """33 examples in batches of 32: batch norm cannot use the last batch, so no arm sees it."""
    data = {"batch_size": 32, "train_size": 33}
    cells = [make_cell("bn", model=BN, data=data), make_cell("plain", model=PLAIN, data=data)]
    (shard,) = plan_shards(cells, (0,), num_workers=1, sizes=TINY_SIZES)
    steps = [
        message.steps
        for message in make_engine("torch", shard, tiny, "cpu").train()
        if isinstance(message, EvaluationDone)
    ]
    assert steps == [1, 2]
    (shard,) = plan_shards(cells[1:], (0,), num_workers=1, sizes=TINY_SIZES)
    steps = [
        message.steps
        for message in make_engine("torch", shard, tiny, "cpu").train()
        if isinstance(message, EvaluationDone)
    ]
    assert steps == [2, 4]


def test_a_last_batch_of_one_is_also_skipped_in_arms_with_noisy_or_moved_examples(tiny):
    """They see the same examples in the same batches; only the noise and the moves differ."""
    data = {"batch_size": 32, "train_size": 33}
    cells = [
        make_cell("noisy", model=BN, data=data | {"label_noise": 0.5}),
        make_cell("moved", model=PLAIN, data=data | {"augment": {"shift": 1}}),
        make_cell("plain", model=PLAIN, data=data),
    ]
    *_, pairing = run(tiny, cells, (0,))
    assert len({row.batch_order for row in pairing.values()}) == 1


def test_arms_that_read_different_batches_are_trained_in_different_shards():
    cells = [make_cell("small", data={"batch_size": 10}), make_cell("large", data={"batch_size": 50})]
    shards = plan_shards(cells, range(4), num_workers=2, sizes=TINY_SIZES)
    assert [(s.settings.data.batch_size, s.seeds) for s in shards] == [
        (10, (0, 1)),
        (10, (2, 3)),
        (50, (0, 1)),
        (50, (2, 3)),
    ]


def test_every_replica_is_in_one_shard_and_a_seeds_arms_stay_together():
    cells = [make_cell(arm, point_index=p, optimizer={"lr": 0.1 + p}) for p in range(5) for arm in ("a", "b")]
    for num_seeds, num_workers in [(1, 1), (1, 4), (3, 2), (3, 8), (7, 3)]:
        shards = plan_shards(cells, range(num_seeds), num_workers=num_workers, sizes=TINY_SIZES)
        assert [shard.index for shard in shards] == list(range(len(shards)))
        replicas = [
            (c.point_index, c.arm, seed) for s in shards for stack in s.stacks for c in stack for seed in s.seeds
        ]
        assert len(replicas) == len(set(replicas)) == 10 * num_seeds
        assert len(shards) >= min(num_workers, 5 * num_seeds)
        for shard in shards:
            arms = [{c.arm for stack in shard.stacks for c in stack if c.point_index == p} for p in range(5)]
            assert all(names in ({"a", "b"}, set()) for names in arms)


@pytest.mark.parametrize(
    ("model", "num_parameters", "values"),
    [
        ({"hidden": (5,)}, 36 * 5 + 5 + 5 * 4 + 4, 5 + 4),
        ({"hidden": (5,), "norm": "batch"}, 36 * 5 + 2 * 5 + 5 * 4 + 4, 5 + 4),
        ({"hidden": (5,), "activation": "prelu"}, 36 * 5 + 5 + 1 + 5 * 4 + 4, 5 + 4),
        ({"hidden": ()}, 36 * 4 + 4, 4),
        ({"kind": "cnn", "channels": (2,), "hidden": ()}, 9 * 2 + 2 + 2 * 9 * 4 + 4, 2 * 36 + 4),
    ],
    ids=str,
)
def test_the_memory_of_a_replica_is_that_of_an_arithmetic_by_hand(model, num_parameters, values):
    """6 × 6 pixels, 4 classes, batches of 7; each parameter counts four times, each value eight times, at 4 bytes."""
    network = architecture(make_cell(model=model).settings, (6, 6), 4)
    assert estimate_bytes(network, 7) == 4 * (4 * num_parameters + 7 * (36 + 8 * values))


def test_shards_keep_within_the_memory_limit_and_every_worker_gets_equally_many():
    """A single seed's arms stay together even if they need more."""
    cells = [make_cell("a"), make_cell("b", model=BN)]
    size = sum(estimate_bytes(architecture(cell.settings, (6, 6), 4), 32) for cell in cells)
    for num_workers, max_bytes, expected in [
        (1, 4 * size, [4, 4, 4]),
        (2, 4 * size, [3] * 4),
        (1, size // 2, [1] * 12),
    ]:
        shards = plan_shards(
            cells,
            range(12),
            num_workers=num_workers,
            sizes=TINY_SIZES,
            max_bytes=max_bytes,
        )
        assert [len(shard.seeds) for shard in shards] == expected
        assert all(shard.num_replicas == 2 * len(shard.seeds) for shard in shards)


def test_a_validation_split_is_measured_and_never_trained_on():
    dataset = make_tiny(num_train=60)
    cell = make_cell(data={"batch_size": 10, "validation_size": 20}, training={"epochs": 3})
    feed = Feed(dataset, cell.settings.data, (0, 1), CPU, drop_single=False)
    sets = feed.evaluation_sets()
    for row in range(2):
        train, validation = (set(sets[name].indices[row].tolist()) for name in ("train", "validation"))
        assert len(train) == 40
        assert len(validation) == 20
        assert not train & validation
    _, summary, _ = run(dataset, [cell], (0, 1))
    assert {"final_validation_loss", "best_validation_accuracy", "best_epoch"} <= set(summary[0, "arm", 0])


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Schedule(), [1, 1, 1, 1, 1, 1, 1, 1]),
        (Schedule(warmup_epochs=2), [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]),
        (Schedule(name="step", step_epochs=2, step_factor=0.5), [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5]),
        (Schedule(name="cosine"), [(1 + np.cos(np.pi * i / 8)) / 2 for i in range(8)]),
        (Schedule(name="cosine", final_factor=1.0), [1] * 8),
        (
            Schedule(name="cosine", warmup_epochs=2, final_factor=0.2),
            [0.25, 0.5, 0.75, 1, *(0.2 + 0.8 * (1 + np.cos(np.pi * i / 4)) / 2 for i in range(4))],
        ),
        (
            Schedule(name="step", step_epochs=1, step_factor=0.5, warmup_epochs=1),
            [0.5, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125],
        ),
    ],
    ids=["constant", "warm-up", "step", "cosine", "flat cosine", "cosine after warm-up", "step after warm-up"],
)
def test_a_schedule_takes_its_known_values(schedule, expected):
    budget = Budget(4, None, None, False, steps_per_epoch=2)
    assert [lr_factor(schedule, step, budget) for step in range(8)] == pytest.approx(expected)


def test_every_optimiser_has_its_oracle():
    assert set(TORCH_OPTIMIZERS) == set(OPTIMIZERS)


def test_an_unknown_kind_of_parameter_cannot_decay():
    with pytest.raises(ValueError, match="weights"):
        Optimizer.model_validate({"weight_decay_on": ("everything",)})


def test_a_shard_survives_the_transfer_to_a_worker():
    """Shards cross process boundaries by pickle."""
    import pickle

    (shard,) = plan_shards([make_cell()], (0, 1), num_workers=1, sizes=TINY_SIZES)
    assert pickle.loads(pickle.dumps(shard)) == shard
    assert isinstance(shard, Shard)


@pytest.mark.cuda
def test_a_captured_step_is_an_eager_one_to_the_bit(tiny, monkeypatch):
    """For every layer, optimiser and penalty, and for an epoch's last and smaller batch."""
    prepare_process()
    cells = [*ARMS, *PERCEPTRONS[len(ARMS) :]]
    monkeypatch.setattr(capture, "NUM_EAGER", 1)  # the smaller batch comes once in an epoch
    captured = run(tiny, cells, (0, 1), device=torch.device("cuda"))
    monkeypatch.setattr(capture, "NUM_EAGER", 10**9)
    eager = run(tiny, cells, (0, 1), device=torch.device("cuda"))
    assert captured[0] == eager[0]
    assert [row | {"seconds": 0} for row in captured[1].values()] == [row | {"seconds": 0} for row in eager[1].values()]


@pytest.mark.cuda
def test_a_stack_trains_on_cuda_as_on_the_cpu(tiny):
    """The same weights, batches and mathematics: metrics agree to float32's tolerance."""
    cells = [make_cell("bn", model=BN), make_cell("plain", model=PLAIN)]
    on_cpu, *_ = run(tiny, cells, (0, 1))
    on_cuda, *_ = run(tiny, cells, (0, 1), device=torch.device("cuda"))
    for key, row in on_cpu.items():
        assert on_cuda[key]["train_loss"] == pytest.approx(row["train_loss"], rel=1e-3)
        assert on_cuda[key]["test_accuracy"] == pytest.approx(row["test_accuracy"], abs=0.02)
