"""The committed configs without a network."""

from pathlib import Path

import pytest

from bnreg.experiment.plan import plan_experiment

CONFIGS = Path(__file__).parent.parent.parent / "configs"


@pytest.mark.parametrize("config", sorted(CONFIGS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_committed_config_can_train_without_a_network(config, tmp_path, monkeypatch):
    """With an empty data root and an unreachable mirror, all is planned on the embedded digits, after one warning."""
    monkeypatch.setenv("BNREG_MIRROR", "http://127.0.0.1:9/")
    lines = []
    plan = plan_experiment(config, ["device=cpu"], data_folder=tmp_path, log=lines.append, load_data=True)
    assert {dataset.name for dataset in plan.datasets.values()} == {"mnist_5k"}
    assert len([line for line in lines if line.startswith("warning: ")]) == 1
    assert plan.num_replicas > 0
    assert all(plan.budget(shard).num_steps > 0 for shard in plan.shards)
