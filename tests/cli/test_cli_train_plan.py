"""Before anything is trained: the plan that a dry run prints, and the mistakes that stop the command."""

import json
from pathlib import Path

import pytest
from support.command_line import EXPERIMENT


@pytest.fixture(autouse=True)
def config(tmp_path):
    """An experiment in the folder in which the test runs."""
    path = tmp_path / "small.yaml"
    path.write_text(EXPERIMENT)


def test_a_dry_run_prints_the_plan_and_writes_nothing(bnreg):
    done = bnreg("train", "small.yaml", "--dry-run", "optimizer.lr=0.1", "seeds=4")
    assert done.code == 0
    assert "1 point × 2 arms × 4 seeds = 8 replicas" in done.out
    assert "784-16-10" in done.out
    assert "12,730" in done.out
    assert "GB of memory" in done.out
    assert [path.name for path in Path.cwd().iterdir()] == ["small.yaml"]


def test_a_dry_run_of_a_sweep_as_json(bnreg):
    done = bnreg("train", "small.yaml", "sweep={optimizer.lr: [0.1, 0.01, 0.001]}", "--dry-run", "--json")
    plan = json.loads(done.out)
    assert plan["num_points"] == 3
    assert plan["num_replicas"] == 3 * 2 * 3
    assert sum(shard["replicas"] for shard in plan["shards"]) == 18


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["smal.yaml"], "smal.yaml: no such file; did you mean 'small.yaml'?"),
        (["small.yaml", "data.batch_size=501"], "data.batch_size"),
        (["small.yaml", "device=cuda:7"], "override 'device=cuda:7': 'cuda:7' is not available"),
        (["small.yaml", "--device", "gpu"], "gpu"),
        (["small.yaml", "model.activation=rleu"], "unknown activation 'rleu'; did you mean 'relu'?"),
        (["small.yaml", "data.dataset=mnst"], "unknown data set 'mnst'; did you mean 'mnist'?"),
        (["small.yaml", "modle.norm=none"], "unknown key 'modle'; did you mean 'model'?"),
        (["small.yaml", "seeds=[1, 1]"], "repeated seeds: 1"),
        (["small.yaml", "baseline=plane"], "did you mean 'plain'?"),
        (["small.yaml", "arms.bn.model.norm=none"], "arms 'bn' and 'plain' are equal"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line_and_nothing_is_written(bnreg, arguments, message):
    before = sorted(Path.cwd().rglob("*"))
    done = bnreg("train", *arguments)
    assert done.code == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert done.out == ""
    assert sorted(Path.cwd().rglob("*")) == before


def test_a_folder_that_cannot_hold_runs_is_named(bnreg):
    Path("runs").write_text("a file")
    done = bnreg("train", "small.yaml")
    assert done.code == 2
    assert "runs: cannot write a run here" in done.err


def test_a_network_that_the_machine_cannot_hold_is_refused(bnreg, monkeypatch):
    """The largest layer has 10¹² weights of 4 × 4 bytes; each of 2 workers trains the 2 arms of a seed at a time."""
    monkeypatch.setattr("bnreg.executors.machine.memory_bytes", lambda: 1_234_567_890_123)
    done = bnreg("train", "small.yaml", "model.hidden=[1000000, 1000000]", "device=cpu")
    assert done.code == 2
    assert done.err == (
        "override 'model.hidden=[1000000, 1000000]': training needs about 64,064 GB of memory, but this machine has "
        "1,235 GB; use a smaller model.hidden, data.batch_size or jobs\n"
    )


def test_mistakes_in_the_device_and_in_the_data_are_reported_at_once(bnreg):
    done = bnreg("train", "small.yaml", "device=cuda:99", "data.batch_size=501", "--dry-run")
    assert done.code == 2
    assert len(done.err.splitlines()) == 2
