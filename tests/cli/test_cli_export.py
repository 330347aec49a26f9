"""``bnreg export`` on the command line: one network in a file, or one line with the reason why not."""

import csv
import io
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors import safe_open
from support.made_runs import make_run, reseal
from support.small_runs import train_here

EXPERIMENT = """\
data: {dataset: mnist_5k, batch_size: 50, train_size: 300}
model: {hidden: [8], activation: softplus}
training: {epochs: 1, weights: last}
arms:
  bn: {model: {norm: batch}}
  plain: {}
  unsaved: {optimizer: {lr: 0.01}, training: {weights: none}}
baseline: plain
seeds: [5, 2]
jobs: 1
"""
SAFETENSORS = "--format=safetensors"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run in which two of three arms have weights."""
    return train_here(tmp_path_factory.mktemp("experiment"), EXPERIMENT)


@pytest.fixture
def edit(run, tmp_path_factory):
    """A copy of the run with one file changed and a new seal: ``edit("summary.csv", change)``."""

    def edit_file(name, change):
        copy = tmp_path_factory.mktemp("edited") / "run"
        shutil.copytree(run, copy)
        reseal(copy, name, change((copy / name).read_text()).encode())
        return copy

    return edit_file


def assert_refused(done, line):
    assert (done.code, done.err, done.out) == (2, f"{line}\n", "")
    assert not list(Path.cwd().iterdir())


def test_an_onnx_file_is_written_once_it_agrees(bnreg, run):
    """The terminal shows only the check and the file's name; the messages of torch's exporter do not appear."""
    done = bnreg("export", run, "--format", "onnx", "--arm", "bn")
    assert (done.code, done.out) == (0, "bn-5.onnx\n")
    (line,) = done.err.splitlines()
    assert line.startswith("checked with onnxruntime on 1,000 test images: the logits differ by at most ")
    assert line.endswith(", 1,000 predictions agree")
    assert [path.name for path in Path.cwd().iterdir()] == ["bn-5.onnx"]


def test_an_onnx_file_that_does_not_agree_is_not_written(bnreg, run, monkeypatch):
    """The default differs from another seed's network."""
    from bnreg.runs import read_run
    from bnreg.trained import export

    other = export.choose_network(read_run(run), "plain", 2, None).network
    monkeypatch.setitem(export.EXPORT_FORMATS, "onnx", lambda _, about: export.onnx_bytes(other, about))
    done = bnreg("export", run, "--format", "onnx", "--arm", "plain")
    assert (done.code, done.out) == (1, "")
    assert "the ONNX model's logits differ from the network's" in done.err
    assert not list(Path.cwd().iterdir())


def test_a_safetensors_file_holds_the_runs_weights_under_torchs_names(bnreg, run):
    done = bnreg("export", run, "--format", "safetensors", "--arm", "bn", "--seed", 2, "-o", "a/b.safetensors")
    assert (done.code, done.out, done.err) == (0, "a/b.safetensors\n", "")
    with (
        safe_open("a/b.safetensors", "numpy") as exported,
        safe_open(run / "weights" / "bn-2.safetensors", "numpy") as saved,
    ):
        metadata = exported.metadata()
        assert (metadata["run"], metadata["arm"], metadata["seed"]) == (run.name, "bn", "2")
        assert metadata["images"] == "(batch, 1, 28, 28), pixels in [0, 1]"
        assert metadata["layers"].splitlines()[1] == "linear0: Linear(in_features=784, out_features=8, bias=False)"
        for theirs, ours in {
            "linear0.weight": "linear0.weight",
            "norm0.weight": "norm0.gamma",
            "norm0.bias": "norm0.beta",
            "norm0.running_mean": "norm0.running_mean",
            "norm0.running_var": "norm0.running_variance",
            "linear1.weight": "linear1.weight",
            "linear1.bias": "linear1.bias",
        }.items():
            assert (exported.get_tensor(theirs) == saved.get_tensor(ours)).all(), theirs


def test_the_first_seed_is_the_default(bnreg, run):
    assert bnreg("export", run, "--format", "safetensors", "--arm", "plain").out == "plain-5.safetensors\n"
    assert Path("plain-5.safetensors").is_file()


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        (["--format", "pt", "--arm", "bn"], "--format: unknown format 'pt' (choices: onnx, safetensors)"),
        ([SAFETENSORS, "--arm", "nb"], "{run}: unknown arm 'nb' (choices: bn, plain, unsaved)"),
        ([SAFETENSORS], "{run}: several arms have weights; choose one with --arm (choices: bn, plain)"),
        ([SAFETENSORS, "--arm", "bn", "--seed", "3"], "{run}: seed 3 of arm 'bn' is not in this run (choices: 5, 2)"),
        ([SAFETENSORS, "--arm", "bn", "--point", "1"], "{run}: no point 1; this run's points are 0 to 0"),
    ],
    ids=["format", "arm", "no arm", "seed", "point"],
)
def test_a_mistake_is_one_line_and_nothing_is_written(bnreg, run, arguments, mistake):
    done = bnreg("export", run, *arguments)
    assert_refused(done, mistake.format(run=run))


def test_an_arm_without_weights_is_refused_with_the_remedy(bnreg, run):
    done = bnreg("export", run, "--format", "onnx", "--arm", "unsaved")
    assert (done.code, "train again with training.weights=last" in done.err) == (2, True)
    assert len(done.err.splitlines()) == 1


def test_a_folder_that_is_no_run_is_named(bnreg, run):
    weights = run / "weights"
    done = bnreg("export", weights, "--format", "onnx")
    assert_refused(done, f"{weights}: not a run folder (it has no manifest.json)")


def test_a_diverged_seed_has_no_weights_and_is_no_default(bnreg, edit):
    def diverge(text):
        rows = list(csv.DictReader(io.StringIO(text)))
        rows[0]["status"] = "diverged"
        assert (rows[0]["arm"], rows[0]["seed"]) == ("bn", "5")
        out = io.StringIO()
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue()

    run = edit("summary.csv", diverge)
    done = bnreg("export", run, "--format", "onnx", "--arm", "bn", "--seed", 5)
    assert_refused(done, f"{run}: seed 5 of arm 'bn' diverged, so it has no weights (choices: 2)")
    assert bnreg("export", run, "--format", "safetensors", "--arm", "bn").out == "bn-2.safetensors\n"


def test_in_a_sweep_a_point_must_be_chosen(bnreg, tmp_path_factory):
    points = [{"optimizer.lr": 0.1}, {"optimizer.lr": 0.2}]
    run = make_run(tmp_path_factory.mktemp("made"), "sweep", points=points)
    done = bnreg("export", run, "--format", "onnx", "--arm", "bn")
    assert_refused(done, f"{run}: this run has 2 points; choose one with --point 0 to 1")


def test_nothing_is_overwritten(bnreg, run):
    Path("mine.onnx").write_text("mine")
    done = bnreg("export", run, "--format", "onnx", "--arm", "bn", "-o", "mine.onnx")
    line = "mine.onnx: already exists and will not be overwritten; choose another path with --output\n"
    assert (done.code, done.err, Path("mine.onnx").read_text()) == (2, line, "mine")


def test_a_place_that_cannot_be_written_to_is_named(bnreg, run):
    Path("file").write_text("")
    done = bnreg("export", run, "--format", "safetensors", "--arm", "bn", "-o", "file/x.safetensors")
    assert done.code == 2
    assert done.err.startswith("file: cannot write a file here (")


def test_other_data_are_named(bnreg, run, monkeypatch):
    """They are needed only to check an ONNX model."""
    from bnreg.trained import load

    here = load.load_dataset
    monkeypatch.setattr(
        load, "load_dataset", lambda *words, **options: replace(here(*words, **options), fingerprint="x")
    )
    done = bnreg("export", run, "--format", "onnx", "--arm", "bn")
    assert (done.code, done.out) == (2, "")
    assert f"not the data of {run.name}: the fingerprint is x, but the run used sha256:" in done.err
    assert bnreg("export", run, "--format", "safetensors", "--arm", "bn").code == 0
