"""Real-looking runs of any shape, the same at every call."""

import math
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from bnreg.report.run_view import RunView

NUM_CLASSES = 10


def make_view(
    *,
    arms: tuple[str, ...] = ("bn", "plain"),
    baseline: str | None = "plain",
    sweep: dict[str, list[Any]] | None = None,
    num_seeds: int = 10,
    num_epochs: int = 5,
    diverged: tuple[tuple[str, int], ...] = (),
    missing: tuple[tuple[str, int], ...] = (),
    validation: bool = False,
    batch_order: str = "order",
    lift: float = 0.0,
    running: dict[str, float] | None = None,
    inference_statistics: str = "running",
    **fields: Any,
) -> RunView:
    """A run in which each later arm is a little worse; accuracies are whole numbers of 10,000 test images."""
    sweep = sweep or {}
    points = [dict(zip(sweep, values, strict=True)) for values in product(*sweep.values())]
    splits = ["train", *(["validation"] if validation else []), "test"]
    random = np.random.default_rng(7)
    metrics, summary, pairing = [], [], []
    for (point_index, point), seed in product(enumerate(points), range(num_seeds)):
        luck = random.normal(0, 0.0015)
        for arm_index, arm in enumerate(arms):
            noise = random.normal(0, 0.001, num_epochs)
            if (arm, seed) in missing:
                continue
            replica = {**point, "arm": arm, "seed": seed}
            has_diverged = (arm, seed) in diverged
            for epoch in range(1, num_epochs + 1):
                row: dict[str, Any] = {**replica, "epoch": epoch}
                for split_index, split in enumerate(splits):
                    error = 0.10 / epoch + 0.02 + 0.006 * (arm_index + split_index + point_index) - luck
                    accuracy = round(1 - error + noise[epoch - 1] + (lift if arm_index == 0 else 0), 4)
                    is_missing = has_diverged and epoch > 1
                    row[f"{split}_loss"] = math.nan if is_missing else 3.3 * (1 - accuracy)
                    row[f"{split}_accuracy"] = math.nan if is_missing else accuracy
                metrics.append(row)
            final: dict[str, Any] = {**replica, "status": "diverged" if has_diverged else "ok"}
            final["final_epoch"] = num_epochs
            for split in splits:
                final[f"final_{split}_loss"] = math.log(NUM_CLASSES) if has_diverged else row[f"{split}_loss"]
                final[f"final_{split}_accuracy"] = 1 / NUM_CLASSES if has_diverged else row[f"{split}_accuracy"]
            if running:
                final["final_test_accuracy_running"] = running.get(arm, math.nan)
            if validation:
                final["best_epoch"] = math.nan if has_diverged else 2
                final["best_test_accuracy"] = math.nan if has_diverged else row["test_accuracy"] - 0.01
                final["best_test_loss"] = math.nan if has_diverged else row["test_loss"]
            proof = {"point_index": point_index, "arm": arm, "seed": seed}
            pairing.append((replica, proof | {"batch_order": f"{batch_order}-{seed}", "epochs": num_epochs}))
            summary.append({**final, "seconds": 2.0 + 0.1 * arm_index, "num_parameters": 26506})
    config = fields.pop("config", None) or {
        "data": {
            "dataset": "mnist",
            "batch_size": 100,
            "train_size": None,
            "validation_size": 10_000 if validation else 0,
        },
        "model": {"hidden": [32, 32], "norm": "none", "inference_statistics": inference_statistics},
        "optimizer": {"lr": 0.001},
        "training": {"epochs": num_epochs, "early_stopping": None},
        "arms": {arm: {"model": {"norm": "batch"}} if arm == "bn" else {} for arm in arms},
    }

    def place(row: dict[str, Any]) -> tuple[int, int, int]:
        """A run's files hold the rows by point, arm and seed."""
        return points.index({key: row[key] for key in sweep}), arms.index(row["arm"]), row["seed"]

    described = {"name": "bn_vs_plain", "dataset": "mnist", "device": "cpu", "seconds": 41.3, **fields}
    dataset = described["dataset"]
    return RunView(
        id=described.pop("id", f"{described['name']}-20261123T025048Z-ba735d"),
        arms=arms,
        baseline=baseline,
        point_keys=tuple(sweep),
        requested_dataset=described.pop("requested_dataset", described["dataset"]),
        load_metrics=lambda: pd.DataFrame(sorted(metrics, key=place)),
        summary=pd.DataFrame(sorted(summary, key=place)).to_dict("list"),
        overrides=tuple(described.pop("overrides", ())),
        seeds=tuple(range(num_seeds)),
        points=tuple(points),
        data={"mnist": {"name": dataset, "fingerprint": f"sha256:{dataset}", "num_train": 60_000, "num_test": 10_000}},
        pairing=[proof for _, proof in sorted(pairing, key=lambda row: place(row[0]))],
        config=config,
        **described,
    )
