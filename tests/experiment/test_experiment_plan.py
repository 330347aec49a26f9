"""The plan of an experiment: the memory that it will take, worked out by hand for one small network."""

import pytest

from bnreg.errors import UserError
from bnreg.experiment import plan as planning
from bnreg.experiment.plan import plan_experiment

# 784-3-10 with batches of 50. Every number takes 4 bytes; a parameter is kept with its gradient and Adam's two moments.
# plain: 784·3 + 3 + 3·10 + 10 = 2395 parameters; bn: no bias in the hidden layer, but γ and β, so 2398.
# A batch: 50 images of 784 pixels, and 8 numbers for each of the 3 + 10 values that the layers compute from an image.
BATCH = 50 * (784 + 8 * (3 + 10))
PLAIN, BN = 4 * (4 * 2395 + BATCH), 4 * (4 * 2398 + BATCH)
TEXT = """\
data: {dataset: mnist_5k, batch_size: 50}
model: {hidden: [3]}
arms: {plain: {}, bn: {model: {norm: batch}}}
baseline: plain
device: cpu
"""
WORKER = 300_000_000


@pytest.fixture
def planned(tmp_path):
    """The plan of the small experiment with some overrides; nothing is loaded."""
    config = tmp_path / "small.yaml"
    config.write_text(TEXT)
    return lambda *overrides: plan_experiment(config, overrides, data_folder=None, log=pytest.fail, load_data=False)


def test_the_bytes_of_a_replica_and_of_a_shard_are_those_of_an_arithmetic_by_hand(planned):
    assert (PLAIN, BN) == (215_920, 215_968)
    plan = planned("seeds=5", "jobs=2")
    described = plan.describe()
    assert {cell["arm"]: cell["bytes_per_replica"] for cell in described["cells"]} == {"plain": 215_920, "bn": 215_968}
    assert [(len(shard["seeds"]), shard["bytes"]) for shard in described["shards"]] == [(2, 863_776), (3, 1_295_664)]
    assert described["memory_bytes"] == 863_776 + 1_295_664 + 2 * WORKER


def test_only_the_largest_shards_that_train_at_a_time_count(planned):
    """Arms with other batches are in a shard of their own; one worker trains one shard after the other."""
    plan = planned("seeds=2", "jobs=1", "arms.bn.data.batch_size=100")
    larger = 2 * 4 * (4 * 2398 + 2 * BATCH)
    assert sorted(plan.num_bytes(shard) for shard in plan.shards) == [2 * PLAIN, larger]
    assert plan.memory_bytes == larger + WORKER


def test_a_batch_of_the_whole_training_set_counts_all_its_examples(planned):
    plan = planned("seeds=1", "jobs=1", "data.batch_size=all", "data.validation_size=3900")
    assert plan.memory_bytes == 4 * (4 * 2395 + 2 * BATCH) + 4 * (4 * 2398 + 2 * BATCH) + WORKER


@pytest.mark.parametrize(
    ("limit", "what"), [("MAX_FOLDER_BYTES", "all networks take 0.0 GB"), ("MAX_FILE_BYTES", "a network take 0.0 GB")]
)
def test_weights_that_could_not_be_read_are_not_trained(planned, monkeypatch, limit, what):
    """Of 2 arms with 2,395 and 2,398 parameters and 3 seeds."""
    num_bytes = {"MAX_FOLDER_BYTES": 4 * 3 * (2395 + 2398), "MAX_FILE_BYTES": 4 * 2398}[limit]
    monkeypatch.setattr(planning, limit, int(num_bytes / 0.89))
    planned("seeds=3", "training.weights=last")
    monkeypatch.setattr(planning, limit, int(num_bytes / 0.91))
    planned("seeds=3")
    with pytest.raises(UserError, match=rf"training.weights=last': the weights of {what}.*use training.weights: none"):
        planned("seeds=3", "training.weights=last")
