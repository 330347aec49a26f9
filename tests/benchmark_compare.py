"""How long does ``bnreg compare`` take? Synthetic runs of two arms, ten seeds and twenty epochs, in a fresh process.

python tests/benchmark_compare.py
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from made_runs import new_run

from bnreg.runs import CORRECT, correct_bytes

ARMS, NUM_SEEDS, NUM_EPOCHS, NUM_EXAMPLES = ("bn", "plain"), 10, 20, 10_000
PROGRAM = "import sys; from bnreg.cli import main; sys.argv[0] = 'bnreg'; main()"


def write_runs(root: Path, num_runs: int) -> None:
    """Runs at different learning rates, in about half of which the arms do not differ."""
    random = np.random.default_rng(0)
    for number in range(num_runs):
        name = f"run{number:04d}"
        lift = random.choice([0.0, 0.01])
        metrics, summary, pairing, correct = [], [], [], []
        for arm in ARMS:
            for seed in range(NUM_SEEDS):
                right = random.random(NUM_EXAMPLES) < 0.95 + random.normal(0, 0.002) + (lift if arm == "bn" else 0)
                correct.append(np.packbits(right))
                accuracy = float(right.mean())
                values = {"train_loss": 0.1, "train_accuracy": 0.97, "test_loss": 3 * (1 - accuracy)}
                values["test_accuracy"] = accuracy
                replica = {"arm": arm, "seed": seed}
                metrics += [{**replica, "epoch": epoch, **values} for epoch in range(1, NUM_EPOCHS + 1)]
                final = {f"final_{key}": value for key, value in values.items()}
                summary.append(
                    {
                        **replica,
                        "status": "ok",
                        "final_epoch": NUM_EPOCHS,
                        **final,
                        "seconds": 1.5,
                        "num_parameters": 26506,
                    }
                )
                proof = {"initial_weights": f"{seed:064x}", "batch_order": f"{seed:064x}", "epochs": NUM_EPOCHS}
                pairing.append({"point_index": 0, **replica, **proof})
        data = {"name": "mnist", "fingerprint": "sha256:mnist", "num_train": 60_000, "num_test": NUM_EXAMPLES}
        info = {
            "schema": 1,
            "id": name,
            "name": "bench",
            "state": "complete",
            "command": ["bnreg", "train", "bench.yaml"],
            "started": "2026-11-23T03:45:29+00:00",
            "seconds": 30.0,
            "arms": list(ARMS),
            "baseline": "plain",
            "seeds": list(range(NUM_SEEDS)),
            "config": {
                "name": "bench",
                "data": {"dataset": "mnist", "batch_size": 100, "train_size": None, "validation_size": 0},
                "model": {"hidden": [32, 32], "activation": "relu", "norm": "none"},
                "optimizer": {"name": "adam", "lr": 0.001 * (1 + number % 10)},
                "training": {"epochs": NUM_EPOCHS},
                "arms": {"bn": {"model": {"norm": "batch"}}, "plain": {}},
                "compare": {"smallest_effect": 0.002},
            },
            "point_keys": [],
            "points": [{}],
            "data": {"mnist": data},
            "device": "cpu",
            "pairing": pairing,
        }
        packed = {0: np.stack(correct).reshape(len(ARMS), NUM_SEEDS, -1)}
        with new_run(root, name) as (_, draft):
            draft.write_json("run.json", info)
            draft.write_csv("metrics.csv", list(metrics[0]), metrics)
            draft.write_csv("summary.csv", list(summary[0]), summary)
            draft.write(CORRECT, correct_bytes(packed, {0: NUM_EXAMPLES}))


def seconds_of(root: Path, *options: str) -> float:
    """Wall-clock time of ``bnreg compare`` on all runs below a folder, from the start of Python to the last line.

    With compiled modules, which an installed bnreg has from its first call on, whatever is set here.
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
    """The best of three for tables and for data, and of one for a chosen epoch, which reads all metrics."""
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
