"""Small tables and helpers shared by the config tests."""

from pathlib import Path

from bnreg.config.experiment import Experiment
from bnreg.config.load import load_experiment
from bnreg.config.schema import Choices
from bnreg.config.source.strict_yaml import MAX_BYTES
from bnreg.errors import UserError

CHOICES = Choices(
    executors={"processes": (), "ray": ("address",)},
    engines=("compiled", "torch"),
    datasets=("mnist", "mnist_5k"),
    activations=("relu", "tanh", "sigmoid"),
    diagnostics=("pre_activations", "shift"),
    models={"mlp": (), "cnn": ("channels", "kernel", "stride", "pool")},
    norms={"none": (), "batch": (), "group": ("norm_groups",), "layer": ()},
    inits={"torch": (), "he": (), "normal": ("std",)},
    optimizers={"sgd": ("momentum", "nesterov"), "adam": ("betas", "eps"), "adamw": ("betas", "eps")},
    schedules={"constant": (), "cosine": ("final_factor",), "step": ("step_epochs", "step_factor")},
    penalties={"none": ("l1_share",), "l1": (), "l2": (), "elastic": ("l1_share",)},
    sinks=("mlflow", "tensorboard"),
)

PAIR = """\
arms:
  bn: {model: {norm: batch}}
  plain: {model: {norm: none}}
baseline: plain
"""

# The content of a file of the largest size: a start, and then one unit over and over.
LARGEST_STARTS = {"bare": b"", "list": b"a: [", "quote": b'a: "', "block": b"a: |\n "}
LARGEST_UNITS = [
    b"\n",
    b"#",
    b"[",
    b"- ",
    b"? ",
    b"a:\n",
    b" ",
    b"--- ",
    b"%TAG !a! b\n",
    b"'",
    b"{a: ",
    b"&a ",
    b"x, ",
]


def largest_file(start: bytes, unit: bytes) -> bytes:
    """The largest number of bytes that is read, from a start and a repeated unit."""
    return (start + unit * MAX_BYTES)[:MAX_BYTES]


def load(folder: Path, text: str | bytes, *overrides: str, file: str = "a.yaml") -> Experiment:
    """Load the experiment that a file with this text describes."""
    path = folder / file
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_experiment(path, overrides, CHOICES)


def mistakes(folder: Path, text: str | bytes, *overrides: str, file: str = "a.yaml") -> list[str]:
    """The error lines for such a file, without its folder."""
    try:
        load(folder, text, *overrides, file=file)
    except UserError as error:
        return [line.replace(f"{folder}/", "") for line in error.lines]
    return []
