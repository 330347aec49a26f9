"""Training on MNIST, with its files, without them, and what the committed configs say of it."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from support.command_line import EXPERIMENT, command_line


@pytest.fixture(autouse=True)
def config(tmp_path):
    """An experiment in the folder in which the test runs."""
    path = tmp_path / "small.yaml"
    path.write_text(EXPERIMENT)


@pytest.mark.mnist
def test_on_mnist_bn_leads_after_one_epoch_and_plain_reaches_95_to_97_after_five(configs, tmp_path):
    done = command_line("train", configs / "bn_vs_plain.yaml", "seeds=3", "--runs", tmp_path)
    assert done.returncode == 0, done.stderr
    metrics = pd.read_csv(Path(done.stdout.splitlines()[-1]) / "metrics.csv")
    accuracy = metrics.pivot_table(index="epoch", columns="arm", values="test_accuracy")
    assert accuracy.bn[1] > accuracy.plain[1] + 0.005
    assert 0.95 < accuracy.plain[5] < 0.97
    by_seed = metrics[metrics.epoch == 1].pivot_table(index="seed", columns="arm", values="test_accuracy")
    assert (by_seed.bn > by_seed.plain).all()


@pytest.mark.usefixtures("without_workers")
def test_without_mnist_the_run_uses_the_embedded_digits_and_says_so(bnreg, monkeypatch):
    """A closed port stands for an unreachable mirror."""
    monkeypatch.setenv("BNREG_MIRROR", "http://127.0.0.1:9/")
    mnist = ("data.dataset=mnist", "training.epochs=1", "--data-root", "data")
    done = bnreg("train", "small.yaml", *mnist)
    assert done.code == 0, done.err
    assert done.err.count("warning: ") == 1
    assert "using 'mnist_5k' instead" in done.err
    assert "requested mnist" in done.out
    run = Path(done.out.splitlines()[-1])
    assert json.loads((run / "run.json").read_text())["data"]["mnist"]["name"] == "mnist_5k"


def test_without_mnist_a_config_can_ask_for_an_error_instead(bnreg, monkeypatch):
    monkeypatch.setenv("BNREG_MIRROR", "http://127.0.0.1:9/")
    done = bnreg("train", "small.yaml", "data.dataset=mnist", "data.fallback=none", "--data-root", "data")
    assert done.code == 2
    assert "bnreg data fetch mnist" in done.err
    assert not Path("runs").exists()


def test_an_absent_data_set_is_planned_without_being_downloaded(bnreg, tmp_path):
    done = bnreg("train", "small.yaml", "data={dataset: mnist}", "--data-root", tmp_path / "none", "--dry-run")
    assert done.code == 0
    assert "mnist" in done.out
    assert f"{2 * 2 * 600:,} steps in all" in done.out  # two shards, two epochs of 60,000 examples
    assert done.err.startswith(f"note: mnist is not in {tmp_path / 'none'}: training will download it\n")
    assert not (tmp_path / "none").exists()


def test_the_committed_configs_are_valid(bnreg, configs):
    files = sorted(configs.rglob("*.yaml"))
    assert files
    for config in files:
        done = bnreg("train", config, "--dry-run")
        assert done.code == 0, done.err
        assert yaml.safe_load(config.read_text())["name"] == config.stem
