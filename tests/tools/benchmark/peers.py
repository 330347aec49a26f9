"""The JAX peers' environment, what they train from, and the proof that they train the same as bnreg."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from support.stacks import make_engine
from tools.benchmark.ours import plan_of
from tools.benchmark.processes import ROOT, begin, end, on_cores

from bnreg.data import epoch_order, split

ENVIRONMENT = ROOT / ".benchmark" / "jax"
REQUIREMENT = "jax==0.10.2"
ONE_THREAD = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1", "JAX_PLATFORMS": "cpu"}
NAMES = ("stacked", "pair")
TOLERANCE = 1e-3  # of a loss after 20 steps


class Skipped(Exception):  # noqa: N818 # it is no error
    """A measurement that cannot be made here; the text is the reason."""


def environment() -> Path:
    """The Python of the environment with JAX, which is made if it is missing.

    Raises:
        Skipped: If JAX cannot be installed.
    """
    python = ENVIRONMENT / "bin" / "python"
    uv = [sys.executable, "-m", "uv"]
    for command in (
        [*uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(ENVIRONMENT)],
        [*uv, "pip", "install", "--quiet", "--python", str(python), REQUIREMENT],
    ):
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise Skipped(f"{REQUIREMENT} cannot be installed: {(done.stderr.splitlines() or ['?'])[-1].strip()}")
    return python


def train(peer: str, python: Path, path: Path) -> dict[str, Any]:
    """The seconds of each epoch of a peer's training on one core, and its losses, from a file of ``write_start``."""
    with on_cores(0):
        return end(begin_training(peer, python, path))


def begin_training(peer: str, python: Path, path: Path, *, in_turns: bool = False) -> "subprocess.Popen[str]":
    """Start that training."""
    return begin("jax_peers", python=python, environment=ONE_THREAD, in_turns=in_turns, peer=peer, path=str(path))


def write_start(path: Path, *, num_seeds: int, epochs: int, num_examples: int) -> None:
    """Write the data, the initial weights and the orders of bnreg's torch engine to an .npz file."""
    plan = plan_of({"engine": "torch", "seeds": num_seeds, "training.epochs": epochs, "data.train_size": num_examples})
    arrays: dict[str, list[np.ndarray]] = {}
    for shard in plan.shards:
        state = make_engine("torch", shard, plan.datasets["mnist"], "cpu").state()
        for number, (cell,) in enumerate(shard.stacks):
            prefix = f"stack{number}/network/layers."
            for name, values in state.arrays.items():
                if name.startswith(prefix):
                    arrays.setdefault(f"{cell.arm}/{name.removeprefix(prefix)}", []).append(values)
    dataset = plan.datasets["mnist"]
    num_train = len(dataset.train_labels)
    order = [
        [epoch_order(split(num_train, num_examples, 0, seed).train, seed, epoch) for seed in range(num_seeds)]
        for epoch in range(1, epochs + 1)
    ]
    networks = {name: np.concatenate(values) for name, values in arrays.items()}
    images = dataset.train_images.reshape(num_train, -1)
    np.savez(path, images=images, labels=dataset.train_labels, order=np.array(order), **networks)


def check_agreement(python: Path, folder: Path) -> None:
    """Assert that each peer's losses after 20 steps are the torch engine's."""
    write_start(folder / "few.npz", num_seeds=2, epochs=1, num_examples=2000)
    plan = plan_of({"engine": "torch", "seeds": 2, "training.epochs": 1, "data.train_size": 2000})
    engine = make_engine("torch", plan.shards[0], plan.datasets["mnist"], "cpu")
    *_, done = engine.train()
    for peer in NAMES:
        losses = train(peer, python, folder / "few.npz")["losses"]
        for row in done.rows:
            theirs, ours = losses[row["arm"]][row["seed"]], row["train_loss"]
            assert abs(theirs - ours) < TOLERANCE, (
                f"JAX, {peer}, {row['arm']}, seed {row['seed']}: {theirs}, not {ours}"
            )
