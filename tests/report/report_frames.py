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
    running: dict[str, float] | None = None,
    **fields: Any,
) -> RunView:
    """A run in which each later arm is a little worse; accuracies are whole numbers of 10,000 test images."""
    sweep = sweep or {}
    points = [dict(zip(sweep, values, strict=True)) for values in product(*sweep.values())]
    splits = ["train", *(["validation"] if validation else []), "test"]
    random = np.random.default_rng(7)
    metrics, summary = [], []
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
                    accuracy = round(1 - error + noise[epoch - 1], 4)
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
            summary.append({**final, "seconds": 2.0 + 0.1 * arm_index, "num_parameters": 26506})
    described = {"name": "bn_vs_plain", "dataset": "mnist", "device": "cpu", "seconds": 41.3, **fields}
    return RunView(
        id=described.pop("id", f"{described['name']}-20261123T025048Z-ba735d"),
        arms=arms,
        baseline=baseline,
        point_keys=tuple(sweep),
        requested_dataset=described.pop("requested_dataset", described["dataset"]),
        metrics=pd.DataFrame(metrics),
        summary=pd.DataFrame(summary),
        **described,
    )
