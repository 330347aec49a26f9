"""Runs with known numbers that were never trained: quick to make, read like any other, the same at every call.

One builder assembles a run from its replicas; the functions below it differ in the numbers of the replicas.
"""

import hashlib
import json
import math
import shutil
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bnreg.analysis.run_view import RunView
from bnreg.names import ReplicaId
from bnreg.rounds import short_seeds
from bnreg.runs import CORRECT, Beginning, RunInfo, UsedData, correct_bytes, new_folder
from bnreg.runs.in_training.unfinished import PLAN, UnfinishedRun
from bnreg.runs.names import UNFINISHED, experiment_of, new_name
from bnreg.training.messages import Proof

CONFIG = {
    "data": {"dataset": "mnist", "batch_size": 100, "train_size": None, "validation_size": 0},
    "model": {"hidden": [32, 32], "activation": "relu", "norm": "none", "dropout": 0.0},
    "optimizer": {"name": "adam", "lr": 0.001},
    "training": {"epochs": 2, "early_stopping": None},
    "arms": {"bn": {"model": {"norm": "batch"}}, "plain": {}},
}
DATA = {"mnist": UsedData("mnist", "sha256:" + "39275f10" * 8, 60_000, 10_000)}
NUM_EXAMPLES = 200
NUM_CLASSES = 10
GUESS = {"loss": math.log(NUM_CLASSES), "accuracy": 1 / NUM_CLASSES}


def made_name(name="lift", number=0, day=1):
    """The name of a run folder: an experiment's name and a day in November 2026."""
    return f"{name}-202611{day:02}T120000Z-{number:06x}"


@dataclass(frozen=True)
class MadeReplica:
    """A network and its measurements: per epoch, at the end and, with a validation split, at its best epoch."""

    id: ReplicaId
    epochs: list[dict[str, Any]]
    final: dict[str, Any]
    proof: dict[str, Any]
    best: dict[str, Any] = field(default_factory=dict)
    diverged: bool = False
    seconds: float = 1.5
    num_parameters: int = 100
    flags: Any = None


@dataclass(frozen=True)
class MadeRun:
    """A run as ``made_run`` assembles it."""

    info: RunInfo
    metrics: list[dict[str, Any]]
    summary: list[dict[str, Any]]
    flags: Any

    def view(self, metrics=None, **tables):
        """The run as an analysis sees it, without a folder, with further tables as lists of rows."""
        summary = pd.DataFrame(self.summary).to_dict("list")
        rows = {"metrics": self.metrics if metrics is None else metrics, **tables}
        correct = {} if self.flags is None else {0: self.flags}
        return RunView(
            self.info, summary, self.info.config or {}, lambda name: pd.DataFrame(rows[name]), lambda: correct
        )

    def write(self, root, *, files=None, has_config=True, num_examples=NUM_EXAMPLES, **info):
        """Write the run as a folder with its name; ``info`` replaces fields of run.json."""
        content = self.info.to_json() | info
        if not has_config:
            del content["config"]
        elif content["config"]:
            content["config"] = content["config"] | repeated(content)
        with new_run(Path(root), self.info.name) as (folder, draft):
            draft.write_json("run.json", content)
            for name, rows in (("metrics.csv", self.metrics), ("summary.csv", self.summary)):
                draft.write_csv(name, list(dict.fromkeys(key for row in rows for key in row)), rows)
            if self.flags is not None:
                draft.write(CORRECT, correct_bytes({0: self.flags}, {0: num_examples}))
            for name, file in (files or {}).items():
                draft.write(name, file)
        return folder


def repeated(content):
    """What a resolved config says of its run, given the content of run.json."""
    arms = content["config"].get("arms", {})
    return {
        "name": content["name"],
        "arms": {arm: arms.get(arm, {}) for arm in content["arms"]},
        "baseline": content["baseline"],
        "seeds": short_seeds([*content["seeds"]]),
        "sweep": {"zip": {key: [point[key] for point in content["points"]] for key in content["point_keys"]}},
    }


def made_run(replicas, *, points=({},), arms, seeds, **info):
    """A run with these replicas, in any order; ``info`` goes into run.json."""
    places = {ReplicaId(*one): i for i, one in enumerate(product(range(len(points)), arms, seeds))}
    ordered = sorted(replicas, key=lambda one: places[one.id])
    metrics, summary = [], []
    for one in ordered:
        named = {**points[one.id.point_index], "arm": one.id.arm, "seed": one.id.seed}
        metrics += [named | {"epoch": number, **epoch} for number, epoch in enumerate(one.epochs, 1)]
        state = {"status": "diverged" if one.diverged else "ok", "final_epoch": len(one.epochs)}
        final = {f"final_{name}": value for name, value in one.final.items()}
        best = {f"best_{name}": value for name, value in one.best.items()}
        cost = {"seconds": one.seconds, "num_parameters": one.num_parameters}
        summary.append(named | state | final | best | cost)
    flags = None
    if ordered and ordered[0].flags is not None:
        flags = np.stack([one.flags for one in ordered]).reshape(len(arms), len(seeds), -1)
    about = {
        "schema": 1,
        "id": made_name(),
        "name": "lift",
        "command": ("bnreg", "train", "lift.yaml"),
        "arms": tuple(arms),
        "baseline": None,
        "seeds": tuple(seeds),
        "point_keys": tuple(points[0]),
        "points": tuple(points),
        "data": DATA,
        "device": "cpu",
        "pairing": tuple(Proof.from_row(one.id._asdict() | one.proof) for one in ordered),
    } | info
    return MadeRun(RunInfo(**about), metrics, summary, flags)


@contextmanager
def new_run(root, name):
    """Draft a run within this block, as at the end of its training."""
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
    """Write a complete run with this name in which nothing varies over seeds and epochs.

    ``accuracies`` gives each arm a list by point, or one value for all points; ``config`` goes into run.json, unless
    it is False; ``pairing`` may change a replica's proof; other keywords replace fields of run.json.
    """
    seeds = seeds or list(range(num_seeds))
    accuracies = accuracies or {"bn": 0.97, "plain": 0.96}
    replicas = []
    for index, arm, seed in product(range(len(points)), accuracies, seeds):
        reached = accuracies[arm]
        accuracy = reached[index] if isinstance(reached, list) else reached
        values = {"train_loss": 0.1, "train_accuracy": 0.98, "test_loss": 0.2, "test_accuracy": accuracy}
        replica = ReplicaId(index, arm, seed)
        proof = {"initial_weights": f"w{seed}", "batch_order": f"b{seed}", "epochs": num_epochs}
        proof |= pairing(replica._asdict() | proof) if pairing else {}
        replicas.append(
            MadeReplica(
                replica,
                epochs=[values] * proof["epochs"],
                final=values,
                proof=proof,
                diverged=(arm, seed) in diverged,
                num_parameters=26570 if arm == "bn" else 26506,
            )
        )
    run = made_run(
        replicas,
        points=points,
        arms=list(accuracies),
        seeds=seeds,
        id=folder_name if experiment_of(folder_name) else made_name(folder_name),
        name=experiment_of(folder_name) or folder_name,
        command=("bnreg", "train", "lift.yaml", "seeds=10"),
        started="2026-11-23T03:45:29+00:00",
        seconds=16.1,
        baseline="plain" if "plain" in accuracies else None,
        config=CONFIG if config is None else config or None,
        num_workers=2,
        versions={"bnreg": "0.1.0", "torch": "2.15.0"},
        platform="Linux",
        git_commit="0123456789abcdef",
    )
    folder = run.write(root, files=files, has_config=config is not False, **info)
    return folder.rename(Path(root) / folder_name)


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
    id=None,  # noqa: A002 # the run's own word
):
    """Write a run in which the first arm is better by ``lift``, and return its folder.

    All arms share each seed's luck; ``noise`` is the part that they do not share. All epochs are equal, except that the
    first of several has a test accuracy that is lower by 0.1.
    """
    random = np.random.default_rng(3)
    replicas = []
    for (index, arm), seed in product(enumerate(arms), range(num_seeds)):
        accuracy = 0.95 + 0.001 * math.sin(seed) + (0 if index else lift) + noise * random.normal()
        values = {"train_loss": 0.1, "train_accuracy": 0.97, "test_loss": 0.15, "test_accuracy": accuracy}
        has_diverged = (arm, seed) in diverged
        first = [values | {"test_accuracy": accuracy - 0.1}] if num_epochs > 1 else []
        by_epoch = [*first, *[values] * (num_epochs - len(first))]
        guess = {"test_accuracy": GUESS["accuracy"], "test_loss": GUESS["loss"]} if has_diverged else {}
        best = {key: value - 0.02 for key, value in values.items()} | {"epoch": 1}
        replicas.append(
            MadeReplica(
                ReplicaId(0, arm, seed),
                epochs=[dict.fromkeys(now) if has_diverged else now for now in by_epoch],
                final=values | guess,
                proof={"initial_weights": "w", "batch_order": f"{batch_order}-{seed}", "epochs": num_epochs},
                best=best if validation else {},
                diverged=has_diverged,
                flags=_flags(accuracy, random) if correct else None,
            )
        )
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
    return made_run(
        replicas,
        arms=arms,
        seeds=range(num_seeds),
        id=id or made_name(name),
        name=name,
        command=("train", f"{name}.yaml"),
        baseline=baseline,
        config={**config, "arms": {arm: changes.get(arm, {}) for arm in arms}, "baseline": baseline},
        data={"mnist": UsedData(dataset, f"sha256:{dataset}", 4000, NUM_EXAMPLES if correct else 10_000)},
        seconds=3.0,
    ).write(root)


def _flags(accuracy, random):
    """Answers of which this share is right, in any order."""
    right = np.arange(NUM_EXAMPLES) < round(accuracy * NUM_EXAMPLES)
    return np.packbits(random.permutation(right))


def watched_view(
    *,
    num_layers: int = 2,
    steps: Sequence[int] = (0, 10, 20),
    diagnostic: str = "pre_activations",
    quantities: Sequence[tuple[str, int]] = (("p15", 15), ("p50", 50), ("p85", 85)),
    **made: Any,
) -> RunView:
    """A run that watched a diagnostic: quantity q of layer l is q + l + seed + 10 · arm, at all steps."""
    view = make_view(**{"config": CONFIG | {"diagnostics": {"names": [diagnostic]}}, **made})
    places = product(view.points, enumerate(view.arms), view.seeds, steps, range(1, num_layers + 1), quantities)
    rows = [
        {**point, "arm": arm, "seed": seed, "step": step, "layer": layer, "name": name, "value": value}
        for point, (place, arm), seed, step, layer, (name, number) in places
        for value in [number + layer + seed + 10 * place]
    ]
    tables = {"metrics": view.metrics, "diagnostics": pd.DataFrame(rows)}
    return replace(view, load_table=tables.__getitem__)


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
    name: str = "bn_vs_plain",
    dataset: str = "mnist",
    requested_dataset: str | None = None,
    config: dict[str, Any] | None = None,
    overrides: tuple[str, ...] = (),
    **info: Any,
) -> RunView:
    """A run in which each later arm is a little worse; accuracies are multiples of 1/10,000, one test image."""
    sweep = sweep or {}
    points = [dict(zip(sweep, values, strict=True)) for values in product(*sweep.values())]
    splits = ["train", *(["validation"] if validation else []), "test"]
    random = np.random.default_rng(7)
    replicas = []
    for point_index, seed in product(range(len(points)), range(num_seeds)):
        luck = random.normal(0, 0.0015)
        for arm_index, arm in enumerate(arms):
            noise = random.normal(0, 0.001, num_epochs)
            if (arm, seed) in missing:
                continue
            has_diverged = (arm, seed) in diverged
            by_epoch = []
            for epoch in range(1, num_epochs + 1):
                values: dict[str, Any] = {}
                for split_index, split in enumerate(splits):
                    error = 0.10 / epoch + 0.02 + 0.006 * (arm_index + split_index + point_index) - luck
                    accuracy = round(1 - error + noise[epoch - 1] + (lift if arm_index == 0 else 0), 4)
                    values |= {f"{split}_loss": 3.3 * (1 - accuracy), f"{split}_accuracy": accuracy}
                by_epoch.append(dict.fromkeys(values, math.nan) if has_diverged and epoch > 1 else values)
            guess = {f"{split}_{measure}": value for split in splits for measure, value in GUESS.items()}
            final = dict(guess if has_diverged else by_epoch[-1])
            if running:
                final["test_accuracy_running"] = running.get(arm, math.nan)
            best = {
                "epoch": 2,
                "test_accuracy": by_epoch[-1]["test_accuracy"] - 0.01,
                "test_loss": by_epoch[-1]["test_loss"],
            }
            replicas.append(
                MadeReplica(
                    ReplicaId(point_index, arm, seed),
                    epochs=by_epoch,
                    final=final,
                    proof={"initial_weights": "w", "batch_order": f"{batch_order}-{seed}", "epochs": num_epochs},
                    best=(dict.fromkeys(best, math.nan) if has_diverged else best) if validation else {},
                    diverged=has_diverged,
                    seconds=2.0 + 0.1 * arm_index,
                    num_parameters=26506,
                )
            )
    config = config or {
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
    fields = {"id": f"{name}-20261123T025048Z-ba735d", "seconds": 41.3, "config": config, **info}
    return made_run(
        replicas,
        points=points,
        arms=arms,
        seeds=range(num_seeds),
        name=name,
        baseline=baseline,
        command=("bnreg", "train", *overrides),
        data={requested_dataset or dataset: UsedData(dataset, f"sha256:{dataset}", 60_000, 10_000)},
        **fields,
    ).view()


def flip(path):
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def reseal(folder, name, content):
    """Replace a file of a sealed folder, and its checksum: a checksum is no signature."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"][name] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def shard_of(run, index):
    """The place of a shard of an unfinished run without a sweep."""
    info = run.beginning().info
    return run.shard(index, info.shards[index]["seeds"], [(0, arm) for arm in info.arms])


def steps_kept(run, index):
    """The number of steps after which the newest state of a shard of an unfinished run was kept; 0 without one."""
    return max((int(path.name.rpartition("-")[2]) for path in run.glob(f"shard-{index:04}-step-*")), default=0)


def make_every_state(root):
    """Make one run in each state, newest last; return their names by state."""
    names = {"complete": made_name("lift", 1, 1), "damaged": made_name("lift", 2, 2), "newer": made_name("rise", 3, 3)}
    for name in names.values():
        make_run(root, name)
    flip(Path(root) / names["damaged"] / "metrics.csv")
    manifest = Path(root) / names["newer"] / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"schema": 2, "bnreg": "9.9.0"}))
    names["created"] = make_unfinished(root, made_name("rise", 4, 4)).folder.name
    return names


def make_unfinished(root, name, num_shards=2, num_steps=()):
    """A run that was started but never trained; ``num_steps`` are those of each shard, as far as its plan has them."""
    info = made_run(
        [],
        arms=("bn", "plain"),
        seeds=range(num_shards),
        baseline="plain",
        config=CONFIG,
        id=name,
        name=experiment_of(name),
        shards=tuple({"seeds": [seed], "replicas": 2} for seed in range(num_shards)),
        versions={"bnreg": "0.1.0", "torch": "2.15.0", "numpy": "2.0.0"},
    ).info
    run = UnfinishedRun(Path(root) / f"{name}{UNFINISHED}")
    with new_folder(run.folder, what="run", option="--runs") as draft:
        draft.write_json(PLAN, Beginning(info, None, cut_for=2, num_steps=tuple(num_steps)).to_json())
        draft.write("config.yaml", b"{}")
    return run


def copy_runs(source, root, number):
    """Make ``number`` copies of a run that differ only in their names."""
    for index in range(number):
        shutil.copytree(source, Path(root) / made_name("lift", index, 1 + index % 28))
