"""The main job, from the command line to the run folder."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
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
        *("arm", "seed", "epoch", "step", "train_loss", "train_accuracy", "test_loss", "test_accuracy"),
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
    assert info["versions"]["torch"] == info["packages"]["torch"]
    assert info["packages"]["rich"]
    assert (info["git_commit"], info["git_dirty"]) == (None, None)  # the config is in no repository
    assert isinstance(info["cpu"], str | None)
    assert info["device"].startswith(("cpu", "cuda"))
    proofs = {(row["arm"], row["seed"]): (row["initial_weights"], row["batch_order"]) for row in info["pairing"]}
    assert len(proofs) == 6
    for seed in range(3):
        assert proofs["bn", seed] == proofs["plain", seed]
    assert len(set(proofs.values())) == 3


@pytest.mark.usefixtures("without_workers")
def test_the_same_experiment_twice_gives_bit_identical_metrics(train, bnreg):
    """Also without progress, from the run's own config.yaml, and without other processes."""
    _, run = train
    shutil.copy(run / "config.yaml", "again.yaml")
    done = bnreg("train", "again.yaml", "--no-progress")
    assert done.code == 0, done.err
    assert "epoch" not in done.err
    again = Path(done.out.splitlines()[-1])
    assert again.name.startswith("small-")
    assert (again / "metrics.csv").read_bytes() == (run / "metrics.csv").read_bytes()


def test_what_the_end_of_a_run_needs_is_loaded_while_its_workers_train(folder):
    """It takes a second and more, for which this process has nothing to do."""
    program = """
import sys, threading
from bnreg.cli import main
from bnreg.executors.table import EXECUTORS, ExecutorKind

def asked(*_, **options):
    [one.join() for one in threading.enumerate() if not (one.daemon or one is threading.main_thread())]
    print(*sorted({'altair', 'pandas', 'scipy.special', 'torch'} & {*sys.modules}))
    sys.exit()

EXECUTORS['processes'] = ExecutorKind(asked)
main()
"""
    arguments = ["train", folder / "small.yaml", "--runs", folder / "not-trained"]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["altair pandas scipy.special"], done.stderr


@pytest.mark.usefixtures("without_workers")
def test_a_run_is_trained_even_if_its_charts_cannot_be_loaded(bnreg, folder, monkeypatch):
    monkeypatch.setattr("bnreg.api.watching.NEEDED_AT_THE_END", ["bnreg.report.charts.missing", "os"])
    assert bnreg("train", folder / "small.yaml", "seeds=1").code == 0


@pytest.mark.usefixtures("without_workers")
def test_one_shard_gives_the_same_results_as_two(train, bnreg, folder):
    _, run = train
    done = bnreg("train", folder / "small.yaml", "jobs=1", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)
    (again,) = Path("runs").iterdir()
    assert (again / "metrics.csv").read_bytes() == (run / "metrics.csv").read_bytes()


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
