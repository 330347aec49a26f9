"""The main job, from the command line to the run folder."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from support.command_line import EXPERIMENT, command_line


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an experiment."""
    folder = tmp_path_factory.mktemp("experiment")
    (folder / "small.yaml").write_text(EXPERIMENT)
    return folder


@pytest.fixture(scope="module")
def train(folder):
    """Train the experiment once; return the command's output and the run folder."""
    done = command_line("train", folder / "small.yaml", "--runs", folder / "runs")
    assert done.returncode == 0, done.stderr
    return done, Path(done.stdout.splitlines()[-1])


def test_training_ends_with_the_comparison_and_the_folders_path(train, folder):
    done, run = train
    assert "plain (baseline)" in done.stdout
    assert run.parent == folder / "runs"
    assert run.is_dir()
    assert "small: 6 replicas in 2 shards of 2 to 4" in done.stderr
    assert "note: 3 pairs" in done.stderr
    epochs = [line.split(" · ")[0] for line in done.stderr.splitlines() if line.startswith("epoch")]
    assert epochs == ["epoch 1/2", "epoch 2/2"]
    assert "\x1b" not in done.stdout + done.stderr  # plain lines without a terminal


def test_the_run_folder_holds_what_it_should(train):
    _, run = train
    files = {path.name for path in run.iterdir()}
    assert files == {
        "config.yaml",
        "run.json",
        "metrics.csv",
        "summary.csv",
        "correct.safetensors",
        "curves.svg",
        "manifest.json",
    }
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["sha256"] == {
        name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in files - {"manifest.json"}
    }
    metrics, summary = pd.read_csv(run / "metrics.csv"), pd.read_csv(run / "summary.csv")
    assert list(metrics.columns) == [
        *("arm", "seed", "epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy"),
    ]
    expected = [(arm, seed, epoch) for arm in ("bn", "plain") for seed in range(3) for epoch in (1, 2)]
    assert list(metrics[["arm", "seed", "epoch"]].itertuples(index=False, name=None)) == expected
    last = metrics[metrics.epoch == 2].reset_index(drop=True)
    assert (summary.final_test_accuracy == last.test_accuracy).all()
    assert (summary.status == "ok").all()
    assert (summary.seconds > 0).all()
    assert (summary.num_parameters[summary.arm == "plain"] == 784 * 16 + 16 + 16 * 10 + 10).all()
    assert last.test_accuracy.min() > 0.5


def test_run_json_proves_the_pairing_and_names_the_data(train):
    _, run = train
    info = json.loads((run / "run.json").read_text())
    assert info["data"]["mnist_5k"]["name"] == "mnist_5k"
    assert info["data"]["mnist_5k"]["fingerprint"].startswith("sha256:")
    assert info["versions"]["torch"]
    assert info["device"].startswith(("cpu", "cuda"))
    proofs = {(row["arm"], row["seed"]): (row["initial_weights"], row["batch_order"]) for row in info["pairing"]}
    assert len(proofs) == 6
    for seed in range(3):
        assert proofs["bn", seed] == proofs["plain", seed]
    assert len(set(proofs.values())) == 3


def test_the_same_command_twice_gives_bit_identical_metrics(train, tmp_path):
    """Also without progress, and from the run's own config.yaml."""
    _, run = train
    shutil.copy(run / "config.yaml", tmp_path / "again.yaml")
    done = command_line("train", tmp_path / "again.yaml", "--runs", tmp_path / "runs", "--no-progress")
    assert done.returncode == 0, done.stderr
    assert "epoch" not in done.stderr
    again = Path(done.stdout.splitlines()[-1])
    assert again.name.startswith("small-")
    assert (again / "metrics.csv").read_bytes() == (run / "metrics.csv").read_bytes()


def test_one_shard_gives_the_same_results_as_two(train, folder, tmp_path):
    _, run = train
    done = command_line("train", folder / "small.yaml", "jobs=1", "--runs", tmp_path / "runs", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    (again,) = (tmp_path / "runs").iterdir()
    assert (again / "metrics.csv").read_bytes() == (run / "metrics.csv").read_bytes()


def test_a_dry_run_prints_the_plan_and_writes_nothing(bnreg, folder):
    done = bnreg("train", folder / "small.yaml", "--dry-run", "optimizer.lr=0.1", "seeds=4")
    assert done.code == 0
    assert "1 point × 2 arms × 4 seeds = 8 replicas" in done.out
    assert "784-16-10" in done.out
    assert "12,730" in done.out
    assert "GB of memory" in done.out
    assert not list(Path.cwd().iterdir())


def test_a_dry_run_of_a_sweep_as_json(bnreg, folder):
    done = bnreg("train", folder / "small.yaml", "sweep={optimizer.lr: [0.1, 0.01, 0.001]}", "--dry-run", "--json")
    plan = json.loads(done.out)
    assert plan["num_points"] == 3
    assert plan["num_replicas"] == 3 * 2 * 3
    assert sum(shard["replicas"] for shard in plan["shards"]) == 18


@pytest.mark.usefixtures("without_workers")
def test_a_sweep_puts_its_keys_into_columns(bnreg, folder):
    sweep = "sweep={model.hidden: [[4], [8]], optimizer.lr: [0.1, 1.0e+30]}"
    done = bnreg("train", folder / "small.yaml", sweep, "training.epochs=1", "optimizer.name=sgd", "seeds=[5, 2]")
    assert done.code == 0, done.err
    summary = pd.read_csv(Path(done.out.splitlines()[-1]) / "summary.csv")
    assert list(summary["model.hidden"]) == ["[4]"] * 8 + ["[8]"] * 8
    assert list(summary["optimizer.lr"]) == ([0.1] * 4 + [1e30] * 4) * 2
    assert list(summary.seed) == [5, 2] * 8
    assert list(summary.status[(summary["optimizer.lr"] > 1) & (summary.arm == "plain")]) == ["diverged"] * 4
    assert (summary.status[summary["optimizer.lr"] < 1] == "ok").all()


@pytest.mark.usefixtures("without_workers")
def test_a_run_folder_names_no_folder_of_the_machine(bnreg, folder, tmp_path, monkeypatch):
    """It is made to be shared; what reproduces the run is kept."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for place in ("here", "home", "elsewhere"):
        (tmp_path / place).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    shutil.copy(folder / "small.yaml", tmp_path / "here")
    places = ("--runs", f"{tmp_path}/here/runs", f"--data-root={tmp_path}/elsewhere/data")
    done = bnreg("train", f"{tmp_path}/here/small.yaml", "seeds=1", "training.epochs=1", *places)
    assert done.code == 0, done.err
    run = Path(done.out.splitlines()[-1])
    assert json.loads((run / "run.json").read_text())["command"] == [
        *("bnreg", "train", "small.yaml", "seeds=1", "training.epochs=1", "--runs", "runs", "--data-root=data")
    ]
    assert not [path for path in run.rglob("*") if path.is_file() and str(tmp_path).encode() in path.read_bytes()]


@pytest.mark.usefixtures("without_workers")
def test_early_stopping_stops_each_replica_on_its_own_validation_split(bnreg, folder):
    stopping = ("training={epochs: 30, early_stopping: {patience: 1}}", "data.validation_size=200", "optimizer.lr=0.1")
    done = bnreg("train", folder / "small.yaml", *stopping)
    assert done.code == 0, done.err
    run = Path(done.out.splitlines()[-1])
    metrics, summary = pd.read_csv(run / "metrics.csv"), pd.read_csv(run / "summary.csv")
    last_epochs = metrics.groupby(["arm", "seed"]).epoch.max()
    assert last_epochs.max() < 30
    assert last_epochs.nunique() > 1
    for row in summary.itertuples():
        mine = metrics[(metrics.arm == row.arm) & (metrics.seed == row.seed)].set_index("epoch")
        assert row.final_epoch == mine.validation_loss.idxmin()
        assert row.final_test_accuracy == mine.test_accuracy[row.final_epoch]
        assert last_epochs[row.arm, row.seed] == row.final_epoch + 1


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
    Path("small.yaml").write_text(EXPERIMENT)
    before = sorted(Path.cwd().rglob("*"))
    done = bnreg("train", *arguments)
    assert done.code == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert done.out == ""
    assert sorted(Path.cwd().rglob("*")) == before


def test_a_folder_that_cannot_hold_runs_is_named(bnreg):
    Path("small.yaml").write_text(EXPERIMENT)
    Path("runs").write_text("a file")
    done = bnreg("train", "small.yaml")
    assert done.code == 2
    assert "runs: cannot write a run here" in done.err


@pytest.mark.usefixtures("without_workers")
def test_without_mnist_the_run_uses_the_embedded_digits_and_says_so(bnreg, folder, monkeypatch):
    """A closed port stands for an unreachable mirror."""
    monkeypatch.setenv("BNREG_MIRROR", "http://127.0.0.1:9/")
    mnist = ("data.dataset=mnist", "training.epochs=1", "--data-root", "data")
    done = bnreg("train", folder / "small.yaml", *mnist)
    assert done.code == 0, done.err
    assert done.err.count("warning: ") == 1
    assert "using 'mnist_5k' instead" in done.err
    assert "requested mnist" in done.out
    run = Path(done.out.splitlines()[-1])
    assert json.loads((run / "run.json").read_text())["data"]["mnist"]["name"] == "mnist_5k"


def test_without_mnist_a_config_can_ask_for_an_error_instead(bnreg, folder, monkeypatch):
    monkeypatch.setenv("BNREG_MIRROR", "http://127.0.0.1:9/")
    done = bnreg("train", folder / "small.yaml", "data.dataset=mnist", "data.fallback=none", "--data-root", "data")
    assert done.code == 2
    assert "bnreg data fetch mnist" in done.err
    assert not Path("runs").exists()


def test_the_committed_configs_are_valid(bnreg, configs):
    files = sorted(configs.rglob("*.yaml"))
    assert files
    for config in files:
        done = bnreg("train", config, "--dry-run")
        assert done.code == 0, done.err
        assert yaml.safe_load(config.read_text())["name"] == config.stem


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


def test_help_lists_every_command(bnreg):
    done = bnreg("--help")
    assert done.code == 0
    for command in ("train", "compare", "plot", "data"):
        assert command in done.out


@pytest.mark.parametrize(
    "sweep",
    [
        "{training.early_stopping: [null, {patience: 1}]}",
        "{model.init: [{scheme: orthogonal}, {gain: 2.0}]}",
        "{optimizer.nesterov: [true, false]}",
        "{data.dataset: [mnist_5k]}",
    ],
)
@pytest.mark.usefixtures("without_workers")
def test_every_kind_of_value_can_be_swept(bnreg, folder, sweep):
    """Null, lists, mappings, booleans and names: trained, shown in tables and drawn."""
    small = ("data.validation_size=500", "training.epochs=1", "seeds=1", "optimizer.name=sgd", "optimizer.momentum=0.9")
    done = bnreg("train", folder / "small.yaml", f"sweep={sweep}", *small)
    assert done.code == 0, done.err
    assert "warning" not in done.err
    assert (Path(done.out.splitlines()[-1]) / "curves.svg").exists()


def test_an_absent_data_set_is_planned_without_being_downloaded(bnreg, folder, tmp_path):
    done = bnreg("train", folder / "small.yaml", "data={dataset: mnist}", "--data-root", tmp_path / "none", "--dry-run")
    assert done.code == 0
    assert "mnist" in done.out
    assert f"{2 * 2 * 600:,} steps in all" in done.out  # two shards, two epochs of 60,000 examples
    assert done.err.startswith(f"note: mnist is not in {tmp_path / 'none'}: training will download it\n")
    assert not (tmp_path / "none").exists()


def test_a_network_that_the_machine_cannot_hold_is_refused(bnreg, folder, monkeypatch):
    """The largest layer has 10¹² weights of 4 × 4 bytes; each of 2 workers trains the 2 arms of a seed at a time."""
    monkeypatch.setattr("bnreg.experiment.plan.memory_bytes", lambda: 1_234_567_890_123)
    done = bnreg("train", folder / "small.yaml", "model.hidden=[1000000, 1000000]", "device=cpu")
    assert done.code == 2
    assert done.err == (
        "override 'model.hidden=[1000000, 1000000]': training needs about 64,065 GB of memory, but this machine has "
        "1,235 GB; use a smaller model.hidden, data.batch_size or jobs\n"
    )


def test_mistakes_in_the_device_and_in_the_data_are_reported_at_once(bnreg, folder):
    done = bnreg("train", folder / "small.yaml", "device=cuda:99", "data.batch_size=501", "--dry-run")
    assert done.code == 2
    assert len(done.err.splitlines()) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["--help"], ["data"], ["data", "--json"]], ids=" ".join)
def test_a_full_disk_behind_stdout_is_one_line(arguments):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "bnreg", *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (1, "No space left on device\n")


def test_a_terminal_limited_to_ascii_still_shows_the_numbers(folder):
    done = command_line("train", folder / "small.yaml", "--dry-run", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "12,730" in done.stdout
