"""A number of steps instead of epochs, and evaluations at any step: what is trained stays the same."""

import pytest
from support.cells import TINY_SIZES, make_cell
from support.stacks import BN, PLAIN, make_engine, shard_of, trained

from bnreg.training.engines import ENGINES
from bnreg.training.messages import EvaluationDone
from bnreg.training.schedules import lr_factor

DATA = {"batch_size": 20, "train_size": 100}  # five steps per epoch


def result_of(engine, dataset, *, optimizer=None, **training):
    cells = [
        make_cell(name, model=model, data=DATA, optimizer=optimizer or {}, training=training)
        for name, model in (("bn", BN | {"dropout": 0.2}), ("plain", PLAIN))
    ]
    return trained(shard_of(cells), dataset, engine=engine)


def by_moment(result):
    return {(row["arm"], row["seed"], row["step"]): row for row in result.tables["metrics"]}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("evaluate", [{"every_steps": 3}, {"every_steps": 1}, {"at": "log"}])
def test_when_networks_are_evaluated_changes_no_bit_of_them(tiny, engine, evaluate):
    usual, often = (by_moment(result_of(engine, tiny, epochs=3, **extra)) for extra in ({}, {"evaluate": evaluate}))
    shared = usual.keys() & often.keys()
    assert {step for _, _, step in shared} >= {15}
    assert len(often) > len(usual)
    for key in shared:
        assert usual[key] == often[key]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_number_of_steps_trains_as_the_epochs_that_have_as_many(tiny, engine):
    epochs, steps = result_of(engine, tiny, epochs=2), result_of(engine, tiny, epochs=9, steps=10)
    assert epochs.tables["metrics"] == steps.tables["metrics"]
    assert epochs.pairing == steps.pairing


@pytest.mark.parametrize("engine", ENGINES)
def test_training_may_end_within_an_epoch(tiny, engine):
    rows = result_of(engine, tiny, steps=7).tables
    assert [(row["epoch"], row["step"]) for row in rows["metrics"] if row["seed"] == 3 and row["arm"] == "bn"] == [
        (1, 5),
        (2, 7),
    ]
    assert {(row["final_epoch"], row["final_step"]) for row in rows["summary"]} == {(2, 7)}


def test_a_schedule_ends_with_the_steps(tiny):
    cell = make_cell(optimizer={"schedule": {"name": "cosine"}}, training={"epochs": 99, "steps": 8}, data=DATA)
    budget = cell.settings.training.budget(5)
    assert lr_factor(cell.settings.optimizer.schedule, 4, budget) == pytest.approx(0.5)
    one, other = (
        by_moment(result_of("torch", tiny, optimizer={"schedule": {"name": "cosine"}}, **training))
        for training in ({"epochs": 2}, {"epochs": 99, "steps": 10})
    )
    assert one == other


@pytest.mark.parametrize("engine", ENGINES)
def test_patience_counts_evaluations(tiny, engine):
    training = {
        "epochs": 4,
        "evaluate": {"every_steps": 1},
        "early_stopping": {"patience": 2, "metric": "validation_loss", "min_delta": 9.0},  # nothing improves so much
    }
    cell = make_cell(data=DATA | {"validation_size": 40}, training=training)
    it = make_engine(engine, shard_of([cell], (0,)), tiny)
    assert [message.steps for message in it.train() if isinstance(message, EvaluationDone)] == [1, 2, 3]
    (row,) = it.result().tables["summary"]
    assert (row["final_step"], row["best_step"]) == (1, 1)
    assert it.result().pairing[0].epochs == 1


def test_cells_that_are_evaluated_at_other_times_are_in_other_shards():
    from bnreg.training.shards import plan_shards

    cells = [
        make_cell("a"),
        make_cell("b", training={"steps": 5}),
        make_cell("c", training={"evaluate": {"at": "log"}}),
    ]
    shards = plan_shards(cells, (0,), num_workers=1, sizes=TINY_SIZES)
    assert [shard.stacks[0][0].arm for shard in shards] == ["a", "b", "c"]
