"""Run folders made by hand, of any shape, the same at every call but for what is asked to differ."""

import json
import shutil
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from bnreg.runs import new_folder
from bnreg.runs.names import UNFINISHED, new_name
from bnreg.runs.unfinished import UnfinishedRun, begin_run

CONFIG = {
    "data": {"dataset": "mnist", "batch_size": 100, "train_size": None, "validation_size": 0},
    "model": {"hidden": [32, 32], "activation": "relu", "norm": "none", "dropout": 0.0},
    "optimizer": {"name": "adam", "lr": 0.001},
    "training": {"epochs": 2, "early_stopping": None},
    "arms": {"bn": {"model": {"norm": "batch"}}, "plain": {}},
    "baseline": "plain",
}
DATA = {"mnist": {"name": "mnist", "fingerprint": "sha256:" + "39275f10" * 8, "num_train": 60000, "num_test": 10000}}


def made_name(name="lift", number=0, day=1):
    """A run folder's name: of an experiment, with a day in November 2026."""
    return f"{name}-202611{day:02}T120000Z-{number:06x}"


@contextmanager
def new_run(root, name):
    """Within this block a run is drafted, as at the end of its training."""
    folder = root / new_name(name)
    with new_folder(folder, what="run", option="--runs") as draft:
        yield folder, draft


def make_run(
    root,
    folder_name,
    *,
    accuracies=None,
    num_seeds=10,
    seeds=None,
    num_epochs=2,
    points=({},),
    config=None,
    diverged=(),
    files=None,
    pairing=None,
    **info,
):
    """Write a complete run of this name.

    ``accuracies`` are each arm's by point, or one for all; ``config`` goes into run.json, and not at all if it is
    False; ``pairing`` may change a replica's proof; further names replace what run.json says.
    """
    seeds = seeds or list(range(num_seeds))
    accuracies = accuracies or {"bn": 0.97, "plain": 0.96}
    rows, summary, proof = [], [], []
    for (index, point), arm, seed in product(enumerate(points), accuracies, seeds):
        reached = accuracies[arm]
        accuracy = reached[index] if isinstance(reached, list) else reached
        metrics = {"train_loss": 0.1, "train_accuracy": 0.98, "test_loss": 0.2, "test_accuracy": accuracy}
        rows += [{**point, "arm": arm, "seed": seed, "epoch": epoch + 1, **metrics} for epoch in range(num_epochs)]
        status = "diverged" if (arm, seed) in diverged else "ok"
        final = {f"final_{key}": value for key, value in metrics.items()}
        cost = {"seconds": 1.5, "num_parameters": 26570 if arm == "bn" else 26506}
        summary.append(
            {**point, "arm": arm, "seed": seed, "status": status, "final_epoch": num_epochs, **final, **cost}
        )
        row = {"point_index": index, "arm": arm, "seed": seed, "initial_weights": f"w{seed}", "batch_order": f"b{seed}"}
        row["epochs"] = num_epochs
        proof.append(row | (pairing(row) if pairing else {}))
    written = {
        "schema": 1,
        "name": folder_name.partition("-")[0],
        "id": folder_name,
        "command": ["bnreg", "train", "lift.yaml", "seeds=10"],
        "started": "2026-11-23T03:45:29+00:00",
        "seconds": 16.1,
        "arms": list(accuracies),
        "baseline": "plain" if "plain" in accuracies else None,
        "seeds": seeds,
        "point_keys": list(points[0]),
        "points": list(points),
        "data": DATA,
        "device": "cpu",
        "num_workers": 2,
        "versions": {"bnreg": "0.1.0", "torch": "2.15.0"},
        "platform": "Linux",
        "git_commit": "0123456789abcdef",
        "pairing": proof,
    } | info
    if config is not False:
        written["config"] = CONFIG if config is None else config
    with new_run(Path(root), folder_name) as (folder, draft):
        draft.write_json("run.json", written)
        draft.write_csv("metrics.csv", list(rows[0]), rows)
        draft.write_csv("summary.csv", list(summary[0]), summary)
        for name, content in (files or {}).items():
            draft.write(name, content)
    return folder.rename(Path(root) / folder_name)


def flip(path):
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def make_every_state(root):
    """One run in each state, newest last; returns their names by state."""
    names = {"complete": made_name("lift", 1, 1), "damaged": made_name("lift", 2, 2), "newer": made_name("rise", 3, 3)}
    for name in names.values():
        make_run(root, name)
    flip(Path(root) / names["damaged"] / "metrics.csv")
    manifest = Path(root) / names["newer"] / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"schema": 2, "bnreg": "9.9.0"}))
    names["created"] = make_unfinished(root, made_name("rise", 4, 4)).folder.name
    return names


def make_unfinished(root, name, num_shards=2):
    """A run that was begun and never trained."""
    plan = {
        "name": "lift",
        "arms": ["bn", "plain"],
        "baseline": "plain",
        "seeds": list(range(num_shards)),
        "config": CONFIG,
        "point_keys": [],
        "points": [{}],
        "data": DATA,
        "device": "cpu",
        "command": ["bnreg", "train", "lift.yaml"],
        "shards": [{"seeds": [seed], "replicas": 2} for seed in range(num_shards)],
        "versions": {"bnreg": "0.1.0", "torch": "2.15.0", "numpy": "2.0.0"},
        "resume": {"data_folder": None, "cut_for": 2},
    }
    run = begin_run(Path(root), "lift", plan, b"{}")
    return UnfinishedRun(run.folder.rename(Path(root) / f"{name}{UNFINISHED}"))


def copy_runs(source, root, number):
    """So many runs, all alike but for their names."""
    for index in range(number):
        shutil.copytree(source, Path(root) / made_name("lift", index, 1 + index % 28))
