"""Run folders that were never trained, whose figures are known: quickly written, and read like any other."""

import math
from pathlib import Path

import numpy as np
from made_runs import new_run

from bnreg.runs import CORRECT, correct_bytes

NUM_EXAMPLES = 200


def write_run(
    name,
    *,
    root=Path("runs"),
    num_seeds=6,
    arms=("bn", "plain"),
    baseline="plain",
    lift=0.01,
    noise=0.0,
    settings=None,
    dataset="mnist_5k",
    batch_order="order",
    num_epochs=2,
    diverged=(),
    correct=False,
    validation=False,
):
    """Write a run in which the first arm is better by ``lift``, and return its folder.

    Each seed's luck is shared by all arms; ``noise`` is what the arms do not share. Over the epochs nothing changes but
    that the first one's accuracies are lower by 0.1.
    """
    random = np.random.default_rng(3)
    rows, summary, pairing, flags = [], [], [], []
    for index, arm in enumerate(arms):
        for seed in range(num_seeds):
            accuracy = 0.95 + 0.001 * math.sin(seed) + (0 if index else lift) + noise * random.normal()
            values = {"train_loss": 0.1, "train_accuracy": 0.97, "test_loss": 0.15, "test_accuracy": accuracy}
            has_diverged = (arm, seed) in diverged
            replica = {"arm": arm, "seed": seed}
            for epoch in range(1, num_epochs + 1):
                now = values | {"test_accuracy": accuracy - (0.1 if epoch == 1 else 0)}
                rows.append({**replica, "epoch": epoch} | (dict.fromkeys(now) if has_diverged else now))
            final = {f"final_{key}": value for key, value in values.items()}
            if has_diverged:
                final |= {"final_test_accuracy": 0.1, "final_test_loss": math.log(10)}
            if validation:
                final |= {f"best_{key}": value - 0.02 for key, value in values.items()} | {"best_epoch": 1}
            status = {"status": "diverged" if has_diverged else "ok", "final_epoch": num_epochs}
            summary.append({**replica, **status, **final, "seconds": 1.5, "num_parameters": 100})
            proof = {"initial_weights": "w", "batch_order": f"{batch_order}-{seed}", "epochs": num_epochs}
            pairing.append({"point_index": 0, **replica, **proof})
            flags.append(np.packbits(random.random(NUM_EXAMPLES) < accuracy))
    config = {
        "name": name,
        "data": {"dataset": "mnist", "batch_size": 100, "train_size": None, "validation_size": 0},
        "model": {"hidden": [32, 32], "norm": "none"},
        "optimizer": {"name": "adam", "lr": 0.001},
        "training": {"epochs": num_epochs, "early_stopping": None},
        "compare": {"smallest_effect": 0.002},
    }
    for key, value in (settings or {}).items():
        section, _, inner = key.partition(".")
        config[section] = {**config[section], inner: value}
    changes = {"bn": {"model": {"norm": "batch"}}}
    info = {
        "id": name,
        "name": name,
        "command": ["train", f"{name}.yaml"],
        "arms": list(arms),
        "baseline": baseline,
        "seeds": list(range(num_seeds)),
        "config": {**config, "arms": {arm: changes.get(arm, {}) for arm in arms}, "baseline": baseline},
        "point_keys": [],
        "points": [{}],
        "data": {
            "mnist": {
                "name": dataset,
                "fingerprint": f"sha256:{dataset}",
                "num_train": 4000,
                "num_test": NUM_EXAMPLES,
            }
        },
        "device": "cpu",
        "seconds": 3.0,
        "pairing": pairing,
    }
    with new_run(Path(root), name) as (folder, draft):
        draft.write_json("run.json", info)
        draft.write_csv("metrics.csv", list(rows[0]), rows)
        draft.write_csv("summary.csv", list(dict.fromkeys(key for row in summary for key in row)), summary)
        if correct:
            packed = {0: np.stack(flags).reshape(len(arms), num_seeds, -1)}
            draft.write(CORRECT, correct_bytes(packed, {0: NUM_EXAMPLES}))
    return folder
