"""Whatever is watched, and however often: what is trained stays the same to the bit, also after a resume."""

import numpy as np
import pytest
from support.cells import make_cell
from support.stacks import BN, CNN, PLAIN, make_engine, shard_of, trained

from bnreg.diagnostics.table import DIAGNOSTICS
from bnreg.training import frame
from bnreg.training.engines import ENGINES

NO_COMPILED = ENGINES["compiled"].unavailable()
DATA = {"batch_size": 20, "train_size": 100}
TRAINING = {"epochs": 2}
PRELU = PLAIN | {"activation": "prelu"}
MODELS = {
    "bn": BN | {"dropout": 0.3},
    "noisy": PLAIN | {"norm": "noisy_batch"},
    "prelu": PRELU | {"norm": "layer"},
    "cnn": CNN | {"norm": "batch"},
    "linear": {"hidden": ()},
}


def shard_with(diagnostics, models=MODELS, **training):
    return shard_of(
        [
            make_cell(name, model=model, data=DATA, training=TRAINING | training, diagnostics=diagnostics)
            for name, model in models.items()
        ]
    )


ENGINE_MODELS = {
    "torch": MODELS,
    "compiled": {name: MODELS[name] for name in ("bn", "linear")} | {"prelu": PRELU | {"norm": "batch"}},
}
by_each_engine = pytest.mark.parametrize(
    "engine",
    ["torch", pytest.param("compiled", marks=pytest.mark.skipif(bool(NO_COMPILED), reason=NO_COMPILED or "-"))],
)


@pytest.fixture(scope="module")
def unwatched(tiny):
    """The metrics of networks that nothing watches, by engine."""
    return {
        name: trained(shard_with({}, models), tiny, engine=name).tables["metrics"]
        for name, models in ENGINE_MODELS.items()
        if ENGINES[name].unavailable() is None
    }


@by_each_engine
@pytest.mark.parametrize("name", DIAGNOSTICS)
def test_watching_changes_no_bit(tiny, unwatched, name, engine):
    models = ENGINE_MODELS[engine]
    result = trained(shard_with({"names": (name,), "every_steps": 1, "probe": 30}, models), tiny, engine=engine)
    assert result.tables["metrics"] == unwatched[engine]
    found = result.tables["diagnostics"]
    assert {row["arm"] for row in found} >= models.keys() - {"linear"}
    steps = {row["step"] for row in found}
    assert steps == {*range(11)} - ({0} if name == "shift" else set())
    assert len({tuple(row.items()) for row in found}) == len(found)


@pytest.mark.parametrize(
    ("diagnostics", "training", "steps"),
    [
        ({"names": ("weights",)}, {}, [0, 5, 10]),
        ({"names": ("weights",)}, {"evaluate": {"every_steps": 4}}, [0, 4, 8, 10]),
        ({"names": ("weights",), "every_steps": 3}, {}, [0, 3, 6, 9, 10]),
        ({"names": ("weights",), "at": "log"}, {}, [0, *range(1, 11)]),
        ({"names": ()}, {}, None),
    ],
)
def test_looks_are_at_their_own_steps_or_at_the_evaluations(tiny, diagnostics, training, steps):
    tables = trained(shard_with(diagnostics, {"bn": BN}, **training), tiny).tables
    found = sorted({row["step"] for row in tables["diagnostics"]}) if "diagnostics" in tables else None
    assert found == steps


def test_a_network_that_stopped_is_no_longer_watched(tiny):
    stopping = {"patience": 1, "metric": "validation_loss", "min_delta": 9.0}
    cell = make_cell(
        data=DATA | {"validation_size": 40},
        training={"epochs": 5, "early_stopping": stopping},
        diagnostics={"names": ("weights",), "every_steps": 1},
    )
    rows = trained(shard_of([cell], (0,)), tiny).tables["diagnostics"]
    assert max(row["step"] for row in rows) == 10


def test_both_engines_see_the_same_in_the_same_networks(tiny):
    """Before training their weights are equal to the bit; after ten steps, nearly."""
    if NO_COMPILED:
        pytest.skip(NO_COMPILED)
    models = {"bn": BN, "sigmoid": PLAIN | {"activation": "sigmoid"}}
    shard = shard_with({"names": tuple(DIAGNOSTICS), "every_steps": 5, "probe": 30}, models)
    rows, others = (trained(shard, tiny, engine=name).tables["diagnostics"] for name in ("torch", "compiled"))
    keys = ("arm", "seed", "step", "layer", "name")
    assert [[row[key] for key in keys] for row in rows] == [[row[key] for key in keys] for row in others]
    first = [one["value"] == other["value"] for one, other in zip(rows, others, strict=True) if one["step"] == 0]
    assert first
    assert all(first)
    np.testing.assert_allclose([row["value"] for row in rows], [row["value"] for row in others], rtol=0.01, atol=1e-4)


@by_each_engine
def test_a_run_that_is_resumed_at_any_step_saw_the_same(tiny, monkeypatch, engine):
    monkeypatch.setattr(frame, "REPORT_SECONDS", -1.0)
    shard = shard_with({"names": tuple(DIAGNOSTICS), "every_steps": 2, "probe": 30}, {"bn": BN, "plain": PLAIN})
    whole = trained(shard, tiny, engine=engine).tables
    first = make_engine(engine, shard, tiny)
    for _ in first.train():
        again = trained(shard, tiny, state=first.state(), engine=engine).tables
        assert again["diagnostics"] == whole["diagnostics"]
        assert again["metrics"] == whole["metrics"]


@by_each_engine
@pytest.mark.parametrize("name", DIAGNOSTICS)
def test_networks_that_diverge_can_be_watched(tiny, name, engine):
    models = ENGINE_MODELS[engine]
    cells = [
        make_cell(
            arm,
            model=model,
            data=DATA,
            optimizer={"name": "sgd", "lr": 1e30},
            training=TRAINING,
            diagnostics={"names": (name,), "every_steps": 1, "probe": 30},
        )
        for arm, model in models.items()
    ]
    result = trained(shard_of(cells), tiny, engine=engine)
    assert "diverged" in {row["status"] for row in result.tables["summary"]}
