"""Run folders for tests of what comes after training."""

import pytest
import torch
from trained_runs import train_plan

from bnreg import experiment
from bnreg.data import attach
from bnreg.plan import plan_experiment
from bnreg.training.workers import train_and_keep


def train_here(folder, text):
    """Train an experiment in this process, without charts, which spares the start of a worker; the run folder."""
    config = folder / "small.yaml"
    config.write_text(text)
    plan = plan_experiment(config, ["device=cpu"], data_folder=None, log=pytest.fail, load_data=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "train_shards", _train_shards)
        return train_plan(plan, folder / "runs", log=pytest.fail)


def _train_shards(jobs, data_folders, *, snapshot_seconds, log, **_):
    for shard, place in jobs:
        dataset = attach(data_folders[shard.settings.data.dataset])
        cpu = torch.device("cpu")
        yield from train_and_keep(shard, place, dataset, cpu, snapshot_seconds=snapshot_seconds, log=log)
