"""Run folders for tests of what comes after training."""

import pytest
import torch

from bnreg import experiment
from bnreg.beginning import describe_beginning
from bnreg.data import attach
from bnreg.plan import plan_experiment
from bnreg.training.workers import train_and_keep


def train_here(folder, text):
    """Train an experiment in this process, without charts, which spares the start of a worker; the run folder."""
    config = folder / "small.yaml"
    config.write_text(text)
    plan = plan_experiment(config, ["device=cpu"], data_folder=None, log=pytest.fail, load_data=True)
    beginning = describe_beginning(plan, command=["bnreg", "train"], data_folder=None)
    run = experiment.begin_experiment(plan, beginning, folder / "runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "train_shards", _train_shards)
        return experiment.run_experiment(plan, run, watch=lambda _: None, draw=lambda _: {}, log=pytest.fail)


def _train_shards(jobs, data_folders, *, snapshot_seconds, log, **_):
    for shard, place in jobs:
        dataset = attach(data_folders[shard.settings.data.dataset])
        cpu = torch.device("cpu")
        yield from train_and_keep(shard, place, dataset, cpu, snapshot_seconds=snapshot_seconds, log=log)
