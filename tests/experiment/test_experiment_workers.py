"""The plan: as many processes as cores and memory allow."""

import pytest
from support.command_line import EXPERIMENT

from bnreg.errors import UserError
from bnreg.executors import machine
from bnreg.experiment.plan import plan_experiment
from bnreg.training.engines import ENGINES


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """A function that plans an experiment for 8 cores with memory for so many workers."""
    config = tmp_path / "small.yaml"
    config.write_text(EXPERIMENT)
    monkeypatch.setattr(machine, "num_cores", lambda: 8)

    def plan(num_fitting, *overrides):
        monkeypatch.setattr(
            machine, "memory_bytes", lambda: int((num_fitting + 0.9) * ENGINES["compiled"].process_bytes)
        )
        settings = ["device=cpu", "seeds=8", *overrides]
        return plan_experiment(config, settings, data_folder=None, log=pytest.fail, load_data=False)

    return plan


def test_the_memory_bounds_the_number_of_workers_and_leaves_the_shards(planned):
    """The shards decide the results' last digits, so they depend on the cores alone."""
    free, tight = planned(100, "jobs=null"), planned(3, "jobs=null")
    assert (free.num_workers, tight.num_workers) == (8, 3)
    assert tight.shards == free.shards
    assert "3 workers instead of 8: there is no memory for more" in tight.notices
    assert not any("memory" in notice for notice in free.notices)


def test_a_chosen_number_of_workers_is_kept_or_refused(planned):
    assert planned(3, "jobs=2").num_workers == 2
    with pytest.raises(UserError, match="memory"):
        planned(3, "jobs=8")


def test_where_no_worker_fits_the_plan_is_refused(planned):
    with pytest.raises(UserError, match="memory"):
        planned(0, "jobs=null")


@pytest.mark.parametrize(
    ("epochs", "engine", "num_shards"), [(1, "compiled", 2), (10_000, "compiled", 8), (10_000, "torch", 2)]
)
def test_long_training_is_handed_out_in_pieces_by_an_engine_that_trains_networks_one_by_one(
    planned, epochs, engine, num_shards
):
    plan = planned(100, "jobs=2", f"training.epochs={epochs}", f"engine={engine}")
    assert [shard.seeds for shard in plan.shards] == [
        tuple(range(8 * i // num_shards, 8 * (i + 1) // num_shards)) for i in range(num_shards)
    ]
