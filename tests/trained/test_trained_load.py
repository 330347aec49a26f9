"""The weights that are loaded were trained under the conditions of their run."""

import shutil

import pytest
from support.made_runs import reseal
from support.small_runs import train_here

EXPERIMENT = """\
data: {dataset: mnist_5k, batch_size: 50, train_size: 100}
model: {hidden: [4]}
optimizer: {lr: 0.01}
training: {epochs: 1, weights: last}
arms:
  bn: {model: {norm: batch}}
  plain: {}
baseline: plain
seeds: 1
jobs: 1
"""
NAME = "weights/bn-0.safetensors"
COMMANDS = (
    ("fold", "--arm", "bn", "-o", "folded"),
    ("export", "--format", "safetensors", "--arm", "bn", "-o", "a.safetensors"),
    ("modes", "-o", "modes.html"),
    ("predict", "0.png"),
)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return train_here(tmp_path_factory.mktemp("original"), EXPERIMENT)


@pytest.fixture
def run(original, tmp_path):
    """A copy of a small run with weights."""
    return shutil.copytree(original, tmp_path / original.name)


def trained(tmp_path, *changes):
    """The file of weights of another run, whose experiment has these changes."""
    text = EXPERIMENT
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (tmp_path / "other").mkdir()
    return (train_here(tmp_path / "other", text) / NAME).read_bytes()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_no_command_takes_the_weights_of_another_run(bnreg, run, tmp_path, command):
    """They are of the same arm, seed and point, but were trained with another learning rate; the checksum is right."""
    from PIL import Image

    Image.new("L", (28, 28)).save("0.png")
    reseal(run, NAME, trained(tmp_path, ("lr: 0.01", "lr: 1.0")))
    done = bnreg(command[0], run, *command[1:])
    assert (done.code, done.out) == (2, "")
    assert done.err == f"{run / NAME}: damaged run: the weights of another run\n"


@pytest.mark.parametrize(
    "change",
    [("train_size: 100", "train_size: 150"), ("hidden: [4]", "hidden: [5]"), ("bn: {", "bn: {optimizer: {lr: 0.02}, ")],
    ids=["other data", "another network", "another setting of its arm"],
)
def test_weights_of_a_run_with_other_settings_are_damage(bnreg, run, tmp_path, change):
    reseal(run, NAME, trained(tmp_path, change))
    assert bnreg("fold", run).err == f"{run / NAME}: damaged run: the weights of another run\n"


def test_the_same_training_gives_the_same_file_again(bnreg, run, tmp_path):
    """What does not decide the weights of a network is not among their conditions."""
    again = trained(tmp_path, ("seeds: 1", "seeds: 2"), ("jobs: 1", "jobs: 2"), ("  plain: {}", "  plain: {data: {}}"))
    assert again == (run / NAME).read_bytes()
    assert bnreg("fold", run, "-o", "folded").code == 0
