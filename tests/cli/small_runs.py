"""Run folders for tests of what comes after training."""

import pytest
import torch

from bnreg import experiment
from bnreg.data import attach
from bnreg.plan import plan_experiment
from bnreg.training.engine import train_shard


def train_here(folder, text):
    """Train an experiment in this process, without charts, which spares the start of a worker; the run folder."""
    config = folder / "small.yaml"
    config.write_text(text)
    plan = plan_experiment(config, ["device=cpu"], data_folder=None, log=pytest.fail, load_data=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "train_shards", _train_shards)
        return experiment.run_experiment(
            plan, folder / "runs", watch=lambda _: None, draw=lambda _: {}, log=pytest.fail, command=["bnreg", "train"]
        )


def _train_shards(shards, data_folders, **_):
    for shard in shards:
        dataset = attach(data_folders[shard.settings.data.dataset])
        yield from train_shard(shard, dataset, torch.device("cpu"))
