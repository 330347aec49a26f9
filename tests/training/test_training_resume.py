"""An engine that continues from a state behaves bit for bit like one that never stopped."""

import numpy as np
import pytest
from support.cells import make_cell
from support.stacks import BN, CNN, PLAIN, make_engine, shard_of, trained

from bnreg import stopping
from bnreg.runs.in_training.shard import ShardPlace
from bnreg.runs.origin import Origin
from bnreg.training import frame
from bnreg.training.compiled import program
from bnreg.training.engines import ENGINES
from bnreg.training.messages import ShardDone, ShardResult
from bnreg.training.shard_job import train_and_keep

DATA = {"batch_size": 30, "train_size": 80, "validation_size": 40}
STOPPING = {"patience": 1, "metric": "validation_loss"}
CASES = {
    "dropout and adam": [
        make_cell("bn", model=BN | {"dropout": 0.3, "dropout_placement": "last_layer"}, data=DATA),
        make_cell("plain", model=PLAIN | {"dropout": 0.2}, data=DATA),
    ],
    "sgd with momentum, a schedule, label noise and a penalty": [
        make_cell(
            model=PLAIN | {"activation": "prelu"},
            data=DATA | {"label_noise": 0.2},
            optimizer={"name": "sgd", "lr": 0.1, "momentum": 0.9, "schedule": {"name": "cosine"}},
            training={"penalty": {"kind": "l2", "strength": 0.01}},
        )
    ],
    "augmentation": [
        make_cell(model=BN, data=DATA | {"augment": {"shift": 1, "rotate": 10.0, "elastic": 0.5}}),
    ],
    "early stopping, the best weights and population statistics": [
        make_cell(
            model=BN | {"inference_statistics": "population", "norm_init": "identity"},
            data=DATA,
            optimizer={"lr": 0.3},
            training={"epochs": 5, "early_stopping": STOPPING, "weights": "best"},
        )
    ],
    "a number of steps, evaluated within the epochs": [
        make_cell(
            model=BN | {"dropout": 0.3, "dropout_placement": "last_layer"},
            data=DATA,
            optimizer={"schedule": {"name": "cosine"}},
            training={"steps": 7, "evaluate": {"every_steps": 2}, "early_stopping": STOPPING, "weights": "best"},
        )
    ],
    "logarithmic evaluations": [make_cell(model=PLAIN, data=DATA, training={"evaluate": {"at": "log"}})],
    "a network that diverges": [make_cell(model=PLAIN, data=DATA, optimizer={"name": "sgd", "lr": 1e9})],
    "feature maps": [make_cell(model=CNN | {"norm": "batch"}, data=DATA, training={"weights": "last"})],
}


ON_ENGINES = [
    (engine, case)
    for case, cells in CASES.items()
    for engine in ENGINES
    if not any(ENGINES[engine].uncovered(cell.settings, "cpu") for cell in cells)
]
ON_MACHINES = [
    *((engine, "cpu", case) for engine, case in ON_ENGINES),
    *(pytest.param("torch", "cuda", case, marks=pytest.mark.cuda) for case in CASES),
]


def place_of(shard, run):
    cells = [(cell.point_index, cell.arm) for stack in shard.stacks for cell in stack]
    return ShardPlace(run, shard.index, Origin("run", "plan", shard.index, shard.seeds, tuple(cells)))


def assert_same(result: ShardResult, other: ShardResult):
    """Compare everything except the seconds."""
    assert result.tables.keys() == other.tables.keys()
    assert result.tables["metrics"] == other.tables["metrics"]
    assert result.pairing == other.pairing
    untimed = [[row | {"seconds": 0} for row in one.tables["summary"]] for one in (result, other)]
    assert untimed[0] == untimed[1]
    assert result.correct.keys() == other.correct.keys()
    assert all(np.array_equal(result.correct[replica], other.correct[replica]) for replica in result.correct)
    assert [weights[:2] for weights in result.weights] == [weights[:2] for weights in other.weights]
    for weights, others in zip(result.weights, other.weights, strict=True):
        assert weights.arrays.keys() == others.arrays.keys()
        assert all(np.array_equal(weights.arrays[name], others.arrays[name]) for name in weights.arrays)


@pytest.mark.parametrize(("engine", "device", "case"), ON_MACHINES)
def test_results_are_bit_identical_after_resuming_from_any_step(engine, device, case, tiny, tmp_path, monkeypatch):
    """The state is written to disk and read back, as in a run that was stopped."""
    monkeypatch.setattr(frame, "REPORT_SECONDS", -1.0)  # report every step
    monkeypatch.setattr(program, "PRODUCTS_BETWEEN_REPORTS", 0)  # call for every step
    if device == "cuda":
        ENGINES[engine].prepare_process()
    shard = shard_of(CASES[case])
    whole = trained(shard, tiny, device, engine=engine)
    place = place_of(shard, tmp_path)
    first = make_engine(engine, shard, tiny, device)
    num_states = 0
    for _ in first.train():
        place.save(first.num_steps, first.state())
        state = next(place.states(pytest.fail))
        assert_same(trained(shard, tiny, device, state, engine), whole)
        num_states += 1
    assert num_states > 5
    assert_same(first.result(), whole)


def test_taking_the_state_changes_nothing(tiny):
    shard = shard_of(CASES["dropout and adam"])
    watched = make_engine("torch", shard, tiny, "cpu")
    for _ in watched.train():
        watched.state()
    assert_same(watched.result(), trained(shard, tiny))


@pytest.mark.parametrize(("engine", "case"), ON_ENGINES)
def test_a_shard_that_is_stopped_anywhere_resumes_with_the_same_results(engine, case, tiny, tmp_path, monkeypatch):
    """In training, evaluation and statistics: each loop obeys the request, and the state is then always intact."""
    monkeypatch.setattr(frame, "REPORT_SECONDS", -1.0)
    monkeypatch.setattr(program, "PRODUCTS_BETWEEN_REPORTS", 0)
    shard = shard_of(CASES[case])
    whole = trained(shard, tiny, engine=engine)
    asked, limit = 0, 0

    def is_set():
        nonlocal asked
        asked += 1
        return asked > limit

    monkeypatch.setattr(stopping._requested, "is_set", is_set)
    num_stops = 0
    for limit in range(200):  # read by is_set
        place = place_of(shard, tmp_path / str(limit))
        place.run.mkdir()
        asked = 0
        try:
            list(train_and_keep(shard, place, tiny, engine=engine, device="cpu", snapshot_seconds=1e9, log=pytest.fail))
        except stopping.StoppedError:
            num_stops += 1
        else:
            break
        with monkeypatch.context() as patch:
            patch.setattr(stopping._requested, "is_set", lambda: False)
            list(train_and_keep(shard, place, tiny, engine=engine, device="cpu", snapshot_seconds=1e9, log=pytest.fail))
        assert_same(place.result(), whole)
    assert num_stops > 10
    assert_same(place.result(), whole)


def test_a_stop_takes_effect_between_two_chunks_of_any_long_loop(tiny, monkeypatch):
    """Evaluation, input gradients and population statistics check the request at each chunk."""
    monkeypatch.setattr(stopping._requested, "is_set", lambda: True)
    cell = make_cell(model=BN | {"norm_init": "identity"})
    with pytest.raises(stopping.StoppedError):
        make_engine("torch", shard_of([cell]), tiny, "cpu")
    watched = {"names": ("input_gradient",)}
    engine = make_engine("torch", shard_of([make_cell(model=BN, diagnostics=watched)]), tiny, "cpu")
    with pytest.raises(stopping.StoppedError):
        engine._evaluate(engine._moments[0])
    with pytest.raises(stopping.StoppedError):
        next(engine._train_and_look_until(0))


def test_a_shard_that_another_process_has_finished_meanwhile_is_not_trained_again(tiny, tmp_path):
    """A worker may outlive its coordinator, and finish while the run is being resumed."""
    shard = shard_of(CASES["augmentation"])
    place = place_of(shard, tmp_path)
    place.commit(trained(shard, tiny))
    before = place.result()
    assert list(
        train_and_keep(shard, place, tiny, engine="torch", device="cpu", snapshot_seconds=1.0, log=pytest.fail)
    ) == [ShardDone(0)]
    assert place.result().tables == before.tables


def test_results_survive_the_disk(tiny, tmp_path):
    shard = shard_of(CASES["feature maps"])
    result = trained(shard, tiny)
    place = place_of(shard, tmp_path)
    place.commit(result)
    again = place.result()
    assert_same(again, result)
    assert again.tables["summary"] == result.tables["summary"]
