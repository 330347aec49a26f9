"""``bnreg fold`` on the command line: folded weights with a certificate, or one line with the reason why not."""

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from support.small_runs import train_here

EXPERIMENT = """\
data: {dataset: mnist_5k, batch_size: 50, train_size: 300}
model: {hidden: [8, 6], activation: prelu}
training: {epochs: 1, weights: last}
arms:
  bn: {model: {norm: batch}}
  plain: {}
baseline: plain
sweep: {model.norm_placement: [pre_activation, post_activation]}
seeds: [5, 2, 7]
jobs: 1
"""

POST = "the activation is between each affine layer and its norm (norm_placement: post_activation)"
NONE = "there is no batch norm: nothing to fold"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run in which one arm can be folded, at the first of two points."""
    return train_here(tmp_path_factory.mktemp("experiment"), EXPERIMENT)


def assert_refused(done, *lines):
    assert (done.code, done.err.splitlines(), done.out) == (2, [*lines], "")
    assert not list(Path.cwd().iterdir())


def test_folding_writes_weights_and_a_certificate(bnreg, run):
    done = bnreg("fold", run)
    folder = Path(f"{run.name}-folded")
    assert (done.code, done.out.splitlines()[-1]) == (0, f"{folder}/")
    assert "3,000 of 3,000" in done.out
    assert done.err.splitlines() == [
        f"note: {run}: arm 'plain' at point 0 cannot be folded: {NONE}",
        f"note: {run}: arm 'bn' at point 1 cannot be folded: {POST}",
        f"note: {run}: arm 'plain' at point 1 cannot be folded: {NONE}",
    ]

    weights = [f"weights/point-0/bn-{seed}.safetensors" for seed in (5, 2, 7)]
    manifest = json.loads((folder / "manifest.json").read_text())
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    assert set(files) == {*weights, "certificate.json", "manifest.json"}
    del files["manifest.json"]
    assert manifest["sha256"] == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}

    certificate = json.loads((folder / "certificate.json").read_text())
    (arm,) = certificate["arms"]
    assert certificate["run"] == run.name
    assert (arm["arm"], arm["point"], arm["seeds"]) == ("bn", {"model.norm_placement": "pre_activation"}, [5, 2, 7])
    assert (arm["dataset"], arm["num_images"], arm["num_replicas"]) == ("mnist_5k", 1000, 3)
    assert arm["fingerprint"] == json.loads((run / "run.json").read_text())["data"]["mnist_5k"]["fingerprint"]
    assert 0 < arm["largest_difference_float64"] < 1e-12
    assert 1e-9 < arm["largest_difference_float32"] < 1e-4
    assert arm["num_agreeing"] == arm["agreement"] * arm["num_predictions"]
    assert arm["speed_up"] == pytest.approx(arm["seconds_before"] / arm["seconds_after"])


def test_the_folded_weights_are_those_of_the_equations(bnreg, run):
    """W′ = γ/√(σ² + ε)·W and b′ = β − γμ/√(σ² + ε), computed here with numpy; the rest stays unchanged."""
    bnreg("fold", run, "--arm", "bn", "--point", 0, "-o", "folded")
    for seed in (5, 2, 7):
        name = f"weights/point-0/bn-{seed}.safetensors"
        with safe_open(run / name, "numpy") as before, safe_open(f"folded/{name}", "numpy") as after:
            about = json.loads(after.metadata()["about"])
            assert about == {"arm": "bn", "seed": seed, "point_index": 0, "folded": run.name}
            old = {key: before.get_tensor(key).astype(np.float64) for key in before.keys()}  # noqa: SIM118 # no mapping
            new = {key: after.get_tensor(key) for key in after.keys()}  # noqa: SIM118 # no mapping
        for i in (0, 1):
            scale = old[f"norm{i}.gamma"] / np.sqrt(old[f"norm{i}.running_variance"] + 1e-5)
            bias = old[f"norm{i}.beta"] - scale * old[f"norm{i}.running_mean"]
            np.testing.assert_array_equal(
                new.pop(f"linear{i}.weight"), (scale[:, None] * old[f"linear{i}.weight"]).astype(np.float32)
            )
            np.testing.assert_allclose(new.pop(f"linear{i}.bias"), bias, rtol=1e-6)
        assert set(new) == {"activation0.slope", "activation1.slope", "linear2.weight", "linear2.bias"}
        assert all((values == old[key]).all() for key, values in new.items())


def test_the_certificate_can_be_printed(bnreg, run):
    done = bnreg("fold", run, "--arm", "bn", "--json", "-o", "here")
    printed = json.loads(done.out)
    assert printed.pop("folder") == "here"
    assert printed == json.loads(Path("here/certificate.json").read_text())


def test_if_no_arm_can_be_folded_each_reason_is_printed(bnreg, run):
    lines = [f"{run}: arm {arm!r} at point 1 cannot be folded: {why}" for arm, why in (("bn", POST), ("plain", NONE))]
    assert_refused(bnreg("fold", run, "--point", 1), *lines)
    assert_refused(bnreg("fold", run, "--point", 1, "--arm", "bn"), lines[0])


def test_a_fold_that_changes_the_logits_is_an_error_and_is_not_written(bnreg, run, monkeypatch):
    """Its bias is off by a rounding error of float32, which no test set would reveal in the predictions."""
    from bnreg.nn.fold import fold
    from bnreg.trained import folding

    for change in (1e-9, math.nan):

        def wrong(network, change=change):
            folded = fold(network)
            folded.affine_layers[-1].bias.data += change
            return folded

        monkeypatch.setattr(folding, "fold", wrong)
        done = bnreg("fold", run)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith(f"{run}: arm 'bn' at point 0: FOLDING CHANGES THE LOGITS")
        assert len(done.err.splitlines()) == 1
        assert not list(Path.cwd().iterdir())


def test_an_existing_folder_is_refused_before_any_work(bnreg, run, monkeypatch):
    from bnreg.trained import folding

    monkeypatch.setattr(folding, "fold_arms", lambda *_: pytest.fail("began to work"))
    Path("taken").mkdir()
    done = bnreg("fold", run, "-o", "taken")
    line = "taken: already exists and will not be overwritten; choose another path with --output\n"
    assert (done.code, done.err) == (2, line)
    assert not list(Path("taken").iterdir())


def test_mistakes_are_one_line_and_nothing_is_written(bnreg, run):
    assert_refused(bnreg("fold", run, "--arm", "nb"), f"{run}: unknown arm 'nb' (choices: bn, plain)")
    assert_refused(bnreg("fold", run, "--point", 2), f"{run}: no point 2; this run's points are 0 to 1")
    assert_refused(bnreg("fold", run / "weights"), f"{run / 'weights'}: not a run folder (it has no manifest.json)")
    assert_refused(bnreg("fold", "none"), "none: no such run; `bnreg runs` lists the runs")
    (run.parent / "another").mkdir()
    several = f"{run.parent}/*"
    assert_refused(
        bnreg("fold", several), f"{several}: matches 2 runs, newest first: {run.name}, another; give one to fold"
    )


def test_one_thread_is_used_for_measuring_only(bnreg, run, monkeypatch):
    import torch

    from bnreg.trained import folding

    seen = []
    measure = folding._median_seconds
    monkeypatch.setattr(
        folding, "_median_seconds", lambda *arguments: seen.append(torch.get_num_threads()) or measure(*arguments)
    )
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert bnreg("fold", run, "--arm", "bn").code == 0
        assert (seen, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(before)
