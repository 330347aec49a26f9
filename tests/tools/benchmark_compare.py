"""Measure how long ``bnreg compare`` takes on synthetic runs of two arms, ten seeds and twenty epochs.

python tests/tools/benchmark_compare.py
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parent.parent))
from support.made_runs import CONFIG, MadeReplica, made_name, made_run

from bnreg.names import ReplicaId
from bnreg.runs import UsedData

ARMS, NUM_SEEDS, NUM_EPOCHS, NUM_EXAMPLES = ("bn", "plain"), 10, 20, 10_000
PROGRAM = "import sys; from bnreg.cli import main; sys.argv[0] = 'bnreg'; main()"


def write_runs(root: Path, num_runs: int) -> None:
    """Write runs with different learning rates; in about half of them, the arms do not differ."""
    random = np.random.default_rng(0)
    for number in range(num_runs):
        lift = random.choice([0.0, 0.01])
        replicas = []
        for arm, seed in product(ARMS, range(NUM_SEEDS)):
            right = random.random(NUM_EXAMPLES) < 0.95 + random.normal(0, 0.002) + (lift if arm == "bn" else 0)
            values = {"train_loss": 0.1, "train_accuracy": 0.97, "test_loss": 3 * (1 - float(right.mean()))}
            values["test_accuracy"] = float(right.mean())
            replicas.append(
                MadeReplica(
                    ReplicaId(0, arm, seed),
                    epochs=[values] * NUM_EPOCHS,
                    final=values,
                    proof={"initial_weights": f"{seed:064x}", "batch_order": f"{seed:064x}", "epochs": NUM_EPOCHS},
                    num_parameters=26506,
                    flags=np.packbits(right),
                )
            )
        config = CONFIG | {
            "optimizer": {"name": "adam", "lr": 0.001 * (1 + number % 10)},
            "training": CONFIG["training"] | {"epochs": NUM_EPOCHS},
            "compare": {"smallest_effect": 0.002},
        }
        made_run(
            replicas,
            arms=ARMS,
            seeds=range(NUM_SEEDS),
            id=made_name("bench", number),
            name="bench",
            baseline="plain",
            seconds=30.0,
            config=config,
            data={"mnist": UsedData("mnist", "sha256:mnist", 60_000, NUM_EXAMPLES)},
        ).write(root, num_examples=NUM_EXAMPLES)


def seconds_of(root: Path, *options: str) -> float:
    """Wall-clock time of ``bnreg compare`` on all runs below a folder, in a fresh process, including Python's start.

    It uses compiled modules, as an installed bnreg does after its first call, even if PYTHONDONTWRITEBYTECODE is set.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", PROGRAM, "compare", f"{root}/*", "--width", "80", *options],
        check=True,
        stdout=subprocess.DEVNULL,
        env=environment,
    )
    return time.perf_counter() - start


def compare_seconds(num_runs: int) -> dict[str, float]:
    """The fastest of three calls for tables, and one call for a chosen epoch, which reads all metrics."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_runs(root, num_runs)
        return {
            "tables": min(seconds_of(root) for _ in range(3)),
            "by learning rate": min(seconds_of(root, "--group-by", "run,optimizer.lr") for _ in range(3)),
            "at an epoch": seconds_of(root, "--at", "epoch=7", "--json"),
        }


if __name__ == "__main__":
    for num_runs in map(int, sys.argv[1:] or ["200", "1000"]):
        print(num_runs, "runs:", json.dumps({name: round(took, 2) for name, took in compare_seconds(num_runs).items()}))
