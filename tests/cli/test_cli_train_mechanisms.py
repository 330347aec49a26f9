"""The lecture's mechanisms on the command line: a config is carried out, or refused."""

import csv
import json

import pytest

from bnreg.names import ReplicaId
from bnreg.runs import read_run, read_weights, weights_file

EVERYTHING = """\
data:
  dataset: mnist_5k
  batch_size: 50
  train_size: 200
  validation_size: 100
  label_noise: 0.1
  augment: {shift: 2, rotate: 10, elastic: 0.5}
model:
  kind: cnn
  channels: [2]
  pool: 4
  hidden: [8]
  activation: prelu
  norm_epsilon: 1e-3
  norm_momentum: 0.2
  norm_init: identity
  inference_statistics: population
  dropout: 0.1
  dropout_placement: last_layer
optimizer: {lr: 0.01}
training:
  epochs: 1
  penalty: {kind: elastic, strength: 1e-4, l1_share: 0.3}
  weights: best
diagnostics: {names: [pre_activations, input_gradient], probe: 50}
arms:
  bn: {model: {norm: batch}}
  plain: {}
baseline: plain
sweep:
  model.norm_placement: [pre_activation, input]
seeds: 2
device: cpu
"""


@pytest.fixture
def config(tmp_path):
    """Write a config and return its path."""

    def write(text):
        path = tmp_path / "x.yaml"
        path.write_text(text)
        return path

    return write


@pytest.mark.usefixtures("without_workers")
def test_one_config_reaches_every_mechanism(bnreg, config, tmp_path):
    """All mechanisms train together and save both kinds of statistics, the diagnostics and the weights."""
    done = bnreg("train", config(EVERYTHING), "--no-progress")
    assert done.code == 0, done.err
    assert "batch norm uses population statistics" in done.out
    (folder,) = (tmp_path / "runs").iterdir()
    with (folder / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    for row in rows:
        assert row["status"] == "ok"
        assert bool(row["final_test_accuracy_population"]) is (row["arm"] == "bn")
        assert bool(row["final_test_accuracy_running"]) is (row["arm"] == "bn")
    with (folder / "diagnostics.csv").open() as file:
        seen = list(csv.DictReader(file))
    assert {(row["arm"], row["seed"], row["layer"]) for row in seen} >= {("bn", "0", "1"), ("plain", "1", "2")}
    assert min(float(row["value"]) for row in seen if row["name"] == "input_gradient") > 0
    replicas = [ReplicaId(point, arm, seed) for point in (0, 1) for arm in ("bn", "plain") for seed in (0, 1)]
    files = [weights_file(replica, 2) for replica in replicas]
    manifest = json.loads((folder / "manifest.json").read_text())["sha256"]
    assert {name for name in manifest if "/" in name} == set(files)
    arrays = read_weights(read_run(folder), files)
    assert "norm0.running_variance" in arrays[0]
    assert not any(name.startswith("norm") for name in arrays[2])
    assert bnreg("train", folder / "config.yaml", "--dry-run").code == 0


@pytest.mark.usefixtures("without_workers")
def test_the_weights_of_a_run_are_in_one_folder_by_arm_and_seed(bnreg, config, tmp_path):
    text = "data: {dataset: mnist_5k, train_size: 100}\ntraining: {epochs: 1, weights: last}\nseeds: [3, 5]\njobs: 1"
    assert bnreg("train", config(text), "--no-progress").code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert {path.name for path in (folder / "weights").iterdir()} == {"base-3.safetensors", "base-5.safetensors"}


@pytest.mark.usefixtures("without_workers")
def test_a_flipped_bit_in_weights_is_noticed(bnreg, config, tmp_path):
    text = "data: {dataset: mnist_5k, train_size: 100}\ntraining: {epochs: 1, weights: last}\nseeds: 1"
    assert bnreg("train", config(text), "--no-progress").code == 0
    (path,) = (tmp_path / "runs").glob("*/weights/*")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    done = bnreg("predict", path.parent.parent, path)
    assert done.code == 2
    assert "the file does not match its checksum in manifest.json" in done.err


@pytest.mark.parametrize(
    ("model", "key", "place", "left"),
    [
        ("{kind: cnn, channels: [4, 4, 4, 4, 4]}", "channels", "5 of 5", "1 × 1 before pooling by 2"),
        ("{kind: cnn, channels: [4, 4], stride: 3, pool: 5}", "stride", "2 of 2", "1 × 1 before pooling by 5"),
    ],
)
def test_feature_maps_that_vanish_are_a_mistake_in_the_config(bnreg, config, tmp_path, model, key, place, left):
    done = bnreg("train", config(f"model: {model}\ndata: {{dataset: mnist_5k}}"), "--dry-run")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"{tmp_path / 'x.yaml'}:1: model.{key}: nothing is left of the feature maps after layer {place} ({left}); "
        "use fewer layers, a smaller model.stride or a smaller model.pool\n"
    )


@pytest.mark.parametrize(
    ("model", "warned"),
    [
        ("{norm: batch, dropout: 0.2}", True),
        ("{norm: batch, dropout: 0.2, hidden: [8]}", False),
        ("{norm: batch, dropout: 0.2, hidden: [8], dropout_placement: before_norm}", True),
        ("{norm: batch, dropout: 0.2, dropout_placement: last_layer}", False),
        ("{norm: batch, dropout: 0.2, dropout_placement: last_layer, norm_placement: post_activation}", False),
        ("{norm: batch, dropout: 0.2, norm_placement: input}", True),
        ("{norm: none, dropout: 0.2}", False),
        ("{norm: batch}", False),
    ],
)
def test_dropout_before_a_batch_norm_gives_a_warning(bnreg, config, model, warned):
    """Variance shift: the statistics that the norm collects in training are not those of its input in eval mode."""
    text = f"arms: {{a: {{model: {model}}}, b: {{optimizer: {{lr: 0.1}}}}}}\nbaseline: a\ndata: {{dataset: mnist_5k}}\n"
    done = bnreg("train", config(text), "--dry-run")
    assert done.code == 0
    assert ("note: arm 'a': dropout comes before a batch norm" in done.err) is warned
    assert "arm 'b': dropout" not in done.err


def test_arms_whose_layers_differ_in_shape_are_reported_as_starting_differently(bnreg, config):
    text = "arms: {wide: {model: {hidden: [64]}}, bn: {model: {norm: batch}}, plain: {}}\nbaseline: plain\n"
    done = bnreg("train", config(text + "data: {dataset: mnist_5k}"), "--dry-run")
    (note,) = [line for line in done.err.splitlines() if "shapes" in line]
    assert note == (
        "note: arm 'wide' and arm 'plain' have layers of different shapes: these cannot start from equal weights"
    )


def test_the_plan_shows_the_layers_of_a_convolutional_network(bnreg, config):
    text = "model: {kind: cnn, channels: [8, 16], hidden: [32]}\ndata: {dataset: mnist_5k}"
    done = bnreg("train", config(text), "--dry-run")
    assert "28×28-8@28×28-16@14×14-32-10" in done.out
    assert f"{8 * 9 + 8 + 16 * 72 + 16 + 784 * 32 + 32 + 330:,}" in done.out
