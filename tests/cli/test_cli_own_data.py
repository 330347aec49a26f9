"""Data of one's own on the command line: trained on by each engine, found again, and refused when they changed."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from support.own_data import own_arrays, write_idx, write_npz
from support.small_runs import plan_of, train_plan

from bnreg.experiment.beginning import describe_beginning
from bnreg.experiment.story import begin_experiment
from bnreg.runs import read_run, unfinished_runs
from bnreg.runs.info import RunInfo
from bnreg.trained.load import load_trained

EXPERIMENT = """\
name: own
data: {dataset: digits.npz, batch_size: 20}
model: {hidden: [8]}
optimizer: {lr: 0.01}
training: {epochs: 2, weights: last}
arms: {bn: {model: {norm: batch}}, plain: {}}
baseline: plain
seeds: 2
device: cpu
jobs: 1
report: false
"""
QUIET = ("--no-progress", "--runs", "runs")

pytestmark = pytest.mark.usefixtures("without_workers")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a config and an archive."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BNREG_DATA", raising=False)
    Path("own.yaml").write_text(EXPERIMENT)
    write_npz(tmp_path / "digits.npz")
    return tmp_path


@pytest.fixture
def train(folder):
    """Train the experiment with some of its text replaced, in this process and without charts; return the run."""

    def train(*replaced):
        text = EXPERIMENT
        for old, new in replaced:
            text = text.replace(old, new)
        return read_run(train_plan(plan_of(folder, text), folder / "runs"))

    return train


@pytest.fixture
def run(train):
    """The folder of a run on that archive."""
    return train().path


SHAPES = {
    "three classes": own_arrays(),
    "two classes, not square": own_arrays(2, (20, 30)),
    "more classes than a byte": own_arrays(300, (5, 5), 600, 300),
    "one pixel": own_arrays(2, (1, 1)),
}


@pytest.mark.parametrize("what", SHAPES)
def test_both_engines_train_on_images_of_any_size(folder, train, what):
    """The same networks, as far as floats of 32 bits agree."""
    write_npz(folder / "digits.npz", **SHAPES[what])
    runs = [train(("device: cpu", f"device: cpu\nengine: {engine}")) for engine in ("compiled", "torch")]
    assert [run.info.engine for run in runs] == ["compiled", "torch"]
    np.testing.assert_allclose(*(run.metrics["train_loss"] for run in runs), rtol=1e-3)


def test_a_cnn_with_moved_images_learns_from_them(folder, train):
    write_npz(folder / "digits.npz", **own_arrays(2, (20, 30), 200))
    run = train(
        ("hidden: [8]", "kind: cnn, channels: [4], hidden: [8]"),
        ("batch_size: 20", "batch_size: 20, augment: {shift: 1, elastic: 1}"),
        ("epochs: 2", "epochs: 4"),
    )
    assert min(run.summary["final_test_accuracy"]) > 0.9


def test_a_run_names_its_data_without_their_folders(folder, bnreg):
    """The config keeps the path as it was written."""
    write_idx(folder / "sets" / "mine" / "raw")
    for dataset, name in ((folder / "digits.npz", "digits.npz"), ("./sets/mine", "mine.idx")):
        assert bnreg("train", "own.yaml", f"data.dataset={dataset}", f"name={name}", *QUIET).code == 0
        (path,) = Path("runs").glob(f"{name}-*")
        info = json.loads((path / "run.json").read_text())
        assert {used: data["name"] for used, data in info["data"].items()} == {name: name}
        assert (info["data"][name]["image_shape"], info["data"][name]["num_classes"]) == ([8, 8], 3)
        assert str(folder) not in json.dumps([info["data"], info["command"]])
        assert yaml.safe_load((path / "config.yaml").read_text())["data"]["dataset"] == str(dataset)
        assert bnreg("compare", path).out.startswith(f"{path.name}: {name}, 2 epochs")


def test_equal_data_in_another_file_train_the_same_networks(folder, train):
    write_idx(folder / "mine")
    one, other = train(), train(("digits.npz", "./mine"))
    assert one.metrics.equals(other.metrics)
    assert one.info.data["digits.npz"].fingerprint == other.info.data["mine.idx"].fingerprint


def test_a_sweep_mixes_the_table_and_files_of_different_sizes(folder, train, bnreg):
    write_npz(folder / "wide.npz", **own_arrays(2, (20, 30)))
    run = train(
        ("dataset: digits.npz", "train_size: 40"),
        ("seeds: 2", "seeds: 2\nsweep: {data.dataset: [mnist_5k, digits.npz, wide.npz]}"),
    )
    assert [*run.info.data] == ["mnist_5k", "digits.npz", "wide.npz"]
    assert [arm.network.architecture.image_shape for arm in load_trained(run, "bn")] == [(28, 28), (8, 8), (20, 30)]
    done = bnreg("compare", run.path)
    assert (done.code, "wide.npz" in done.out) == (0, True)


@pytest.mark.parametrize(
    ("overrides", "lines"),
    {
        ("data.dataset=digit.npz",): "override 'data.dataset=digit.npz': no file or folder 'digit.npz' in the current "
        "folder or the data root ROOT; did you mean 'digits.npz'?\n",
        ("data.augment.shift=5",): "override 'data.augment.shift=5': 5 is too far for images of 8 × 8 pixels; at most "
        "4\n",
        ("arms.bn.data.dataset=mnist_5k",): "override 'arms.bn.data.dataset=mnist_5k': arms 'plain' and 'bn' would be "
        "tested on different examples (digits.npz and mnist_5k) and cannot be compared; sweep data.dataset instead\n",
        ("sweep={data.dataset: [digits.npz, ./digits.npz]}",): "override 'sweep={data.dataset: [digits.npz, "
        "./digits.npz]}': sweep.data.dataset[1]: 'digits.npz' and './digits.npz' would both be called digits.npz in "
        "the run; rename one\n",
        ("data.dataset=digits",): "override 'data.dataset=digits': unknown data set 'digits' (choices: fashion_mnist, "
        "kmnist, mnist, mnist_5k), or a path such as ./folder or file.npz\n",
        ("data.batch_size=61",): "override 'data.batch_size=61': 61 is larger than the training set; at most 60, or "
        "all\n",
        ("data.dataset=wrong.npz", "data.train_size=99"): "wrong.npz: x_train: has shape (60, 64); expected (examples, "
        "height, width): x.reshape(-1, 8, 8)\nwrong.npz: y_test: has the label 3; the training labels are 0 to 2\n",
    }.items(),
)
def test_a_mistake_is_a_line_and_nothing_is_written(folder, bnreg, monkeypatch, overrides, lines):
    monkeypatch.setenv("BNREG_DATA", "ROOT")
    arrays = own_arrays()
    write_npz(folder / "wrong.npz", x_train=arrays["x_train"].reshape(60, 64), y_test=arrays["y_test"] + 1)
    done = bnreg("train", "own.yaml", *overrides, *QUIET)
    assert (done.code, done.out, done.err) == (2, "", lines)
    assert not Path("runs").exists()


@pytest.mark.usefixtures("folder")
def test_nothing_replaces_data_that_are_missing(bnreg):
    """The fallback is one for MNIST."""
    done = bnreg("train", "own.yaml", "data.dataset=./mnist/", "data.fallback=mnist_5k", *QUIET)
    assert (done.code, "mnist_5k" in done.err.replace("data.fallback=mnist_5k", "")) == (2, False)


def test_the_drawn_test_set_is_said_before_training(folder, bnreg):
    arrays = own_arrays()
    write_npz(folder / "digits.npz", **dict.fromkeys(arrays), x=arrays["x_train"], y=arrays["y_train"])
    done = bnreg("train", "own.yaml", *QUIET)
    assert done.err.startswith("note: digits.npz: has no test set: 48 of its 60 examples are trained on")
    assert done.err.count("has no test set") == 1


def test_a_stopped_run_resumes_only_with_its_data(folder, bnreg):
    """Where they are now, is up to the user; that they are the same, the fingerprint says."""
    plan = plan_of(folder, EXPERIMENT)
    begin_experiment(plan, describe_beginning(plan, command=["bnreg"], data_folder=None), folder / "runs")
    (begun,) = unfinished_runs(folder / "runs")
    resume = ("train", "--resume", begun.final.name, *QUIET)
    Path("moved").mkdir()
    Path("digits.npz").rename("moved/digits.npz")
    done = bnreg(*resume)
    assert done.code == 2
    assert done.err.rstrip().endswith("; name the folder that has it now with --data-root")
    write_npz(folder / "digits.npz", **own_arrays(4))
    done = bnreg(*resume)
    assert done.code == 2
    assert "cannot be resumed: the data for 'digits.npz' is digits.npz with sha256:" in done.err
    Path("digits.npz").unlink()
    done = bnreg(*resume, "--data-root", "moved")
    assert done.code == 0, done.err
    assert read_run(begun.final).info.data["digits.npz"].num_train == 60


def test_a_finished_run_is_extended_and_used_only_with_its_data(run, bnreg):
    commands = [("extend", run.name, "seeds=3", *QUIET), ("modes", run, "-o", "m.svg", "--force")]
    for command in commands:
        assert bnreg(*command).code == 0
    Path("moved").mkdir()
    Path("digits.npz").rename("moved/digits.npz")
    for command in commands:
        done = bnreg(*command)
        assert (done.code, "name the folder that has it now with --data-root" in done.err) == (2, True)
        assert bnreg(*command, "--data-root", "moved").code == 0
    write_npz(Path("moved/digits.npz"), **own_arrays(4))
    for command in commands:
        done = bnreg(*command, "--data-root", "moved")
        assert done.code == 2
        assert "sha256:" in done.err


def test_its_page_shows_their_images_and_its_networks_classify_more(run, bnreg):
    """Only if the very same data are there."""
    Image.fromarray(own_arrays()["x_test"][0]).save("one.png")
    assert json.loads(bnreg("predict", run, "one.png", "--json").out)[0]["image"] == "one.png"
    assert bnreg("report", run, "-o", "with.html").code == 0
    Path("digits.npz").unlink()
    assert bnreg("report", run, "-o", "without.html").code == 0
    numbers = [Path(name).read_text().count("data:image/png") for name in ("with.html", "without.html")]
    assert numbers[0] > numbers[1]


def test_an_exported_network_was_tried_on_their_test_set(run, bnreg):
    done = bnreg("export", run, "--format", "onnx", "--arm", "bn")
    assert "checked with onnxruntime on 30 test images" in done.err


def test_data_are_checked_before_a_config_names_them(folder, bnreg):
    done = bnreg("data", "check", "digits.npz")
    summary, *table, use = done.out.splitlines()
    assert summary.startswith("digits.npz: 60 + 30 images of 8 × 8 pixels, 3 classes, sha256:")
    assert [line.split() for line in table] == [["class", "train", "test"], *([str(n), "20", "10"] for n in range(3))]
    assert use == "use it: data: {dataset: digits.npz}"
    write_idx(folder / "my digits")
    done = bnreg("data", "check", "my digits", "--json")
    assert json.loads(done.out)["classes"][1] == {"class": 1, "num_train": 20, "num_test": 10}
    assert bnreg("data", "--json", "check", "my digits").out == done.out
    assert bnreg("data", "check", "my digits").out.endswith("use it: data: {dataset: './my digits'}\n")


@pytest.mark.parametrize("name", ["it's.npz", "a,b.npz", "a b.npz", "#1.npz", "[x].npz", "~/-é.npz"])
def test_what_a_check_says_to_write_is_the_path(folder, bnreg, monkeypatch, name):
    monkeypatch.setenv("HOME", str(folder))
    write_npz(folder / Path(name).name)
    *_, use = bnreg("data", "check", name).out.splitlines()
    assert yaml.safe_load(use.removeprefix("use it: ")) == {"data": {"dataset": name}}


def test_a_check_tells_what_is_wrong(folder, bnreg):
    write_npz(folder / "digits.npz", y_test=None, x_val=np.zeros(3))
    done = bnreg("data", "check", "digits.npz")
    assert (done.code, len(done.err.splitlines())) == (2, 2)
    done = bnreg("data", "check", "mnist")
    assert done.err == "check: mnist is no path but a data set that `bnreg data` lists and verifies\n"


@pytest.mark.parametrize(
    "forged", [{"image_shape": [10**6, 10**6]}, {"image_shape": [8]}, {"num_classes": 1}, {"num_classes": 10**9}]
)
def test_a_run_cannot_claim_impossible_images(run, forged):
    """Its networks would be built from them."""
    content = json.loads((run / "run.json").read_text())
    content["data"]["digits.npz"] |= forged
    with pytest.raises(ValueError, match="the value of data is not what bnreg writes"):
        RunInfo.parse(json.dumps(content).encode())


def test_a_run_that_is_older_than_sizes_has_those_of_the_table(run):
    content = json.loads((run / "run.json").read_text())
    for key in ("image_shape", "num_classes"):
        del content["data"]["digits.npz"][key]
    used = RunInfo.parse(json.dumps(content).encode()).data["digits.npz"]
    assert replace(used, fingerprint="") == replace(used, fingerprint="", image_shape=(28, 28), num_classes=10)
