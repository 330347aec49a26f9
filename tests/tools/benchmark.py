"""Measure how fast bnreg is compared with a textbook loop.

    make bench

Both train the lecture's pair of networks on full MNIST, batches of 100, Adam at 1e-3, and evaluate them on the training
and the test set after each epoch. They take turns, each in a fresh process, and the table shows medians because timings
are noisy. The textbook's training is also timed alone; bnreg's numbers always include the evaluation.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).parent.parent))  # for the code that tests share

from bnreg.data import data_root, load_dataset

TEXTBOOK = "textbook loop, 2 networks"
CONFIG = Path(__file__).parent.parent.parent / "configs" / "bn_vs_plain.yaml"


def textbook(root: Path) -> dict[str, float]:
    """Time one epoch of the lecture's loop: a DataLoader, two networks, two optimisers; both train on every batch."""
    import torch
    from torch import nn
    from torchvision import datasets, transforms

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train, test = (datasets.MNIST(str(root), train=split, transform=transforms.ToTensor()) for split in (True, False))
    loader = torch.utils.data.DataLoader(train, batch_size=100, shuffle=True)
    plain = nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))
    bn = nn.Sequential(
        nn.Linear(784, 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Linear(32, 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Linear(32, 10),
    )
    networks = [(one, torch.optim.Adam(one.parameters(), lr=1e-3)) for one in (bn.to(device), plain.to(device))]
    start = time.perf_counter()
    for images, labels in loader:
        x, labels = images.view(-1, 784).to(device), labels.to(device)
        for network, optimizer in networks:
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x), labels).backward()
            optimizer.step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    training = time.perf_counter() - start
    with torch.no_grad():
        for network, _ in networks:
            network.eval()
        for split in (train, test):
            for images, labels in torch.utils.data.DataLoader(split, batch_size=100):
                x, labels = images.view(-1, 784).to(device), labels.to(device)
                for network, _ in networks:
                    logits = network(x)
                    nn.functional.cross_entropy(logits, labels, reduction="sum").item()
                    (logits.argmax(1) == labels).sum().item()
    whole = time.perf_counter() - start
    return {"rate": len(networks) / whole, "training_rate": len(networks) / training}


def stacked(num_seeds: int, epochs: int) -> dict[str, float]:
    """Time the default job with this many seeds, from the first step of training until the last worker has ended."""
    from support.small_runs import train_plan

    from bnreg.experiment.plan import plan_experiment
    from bnreg.training.messages import Progressed

    overrides = [f"seeds={num_seeds}", f"training.epochs={epochs}"]
    plan = plan_experiment(CONFIG, overrides, data_folder=None, log=print)
    times: list[float] = []
    with tempfile.TemporaryDirectory() as runs:

        def watch(_: Progressed) -> None:
            times.append(time.perf_counter())

        train_plan(plan, Path(runs), watch=watch)
    seconds = times[-1] - times[0]  # the first message comes right before the first step
    return {"rate": plan.num_replicas * epochs / seconds, "cuda": plan.device != "cpu"}


def after_training(num_replicas: int) -> dict[str, float]:
    """Seconds on one core for the steps after training: population statistics of full MNIST, and folding."""
    import torch

    from bnreg.config.schema import Data
    from bnreg.nn.architecture import Architecture
    from bnreg.nn.fold import fold
    from bnreg.nn.network import StackedNetwork
    from bnreg.nn.population import correct_statistics
    from bnreg.training.stacked.feed import Feed
    from bnreg.training.stacked.process import keep_freed_memory

    torch.set_num_threads(1)
    keep_freed_memory()
    dataset = load_dataset("mnist", data_root(None, None), log=print)
    feed = Feed(dataset, Data(), range(num_replicas), torch.device("cpu"), drop_single=True)
    network = StackedNetwork(Architecture((28, 28), 10, hidden=(32, 32), norm="batch"), num_replicas)
    for replica in range(num_replicas):
        network.initialise(replica, seed=replica, scheme="torch", gain=1.0)
    start = time.perf_counter()
    correct_statistics(network, feed.evaluation_sets()["train"])
    corrected = time.perf_counter()
    fold(network.eval())
    return {"population_seconds": corrected - start, "fold_seconds": time.perf_counter() - corrected}


def keeping() -> dict[str, float]:
    """Seconds that a worker of the default job takes to save its work: a snapshot, and the commit of its shard."""
    import torch

    from bnreg.experiment.beginning import describe_beginning
    from bnreg.experiment.collect import place_of
    from bnreg.experiment.plan import plan_experiment
    from bnreg.experiment.story import begin_experiment
    from bnreg.training.engines import ENGINES

    torch.set_num_threads(1)
    plan = plan_experiment(CONFIG, ["jobs=2", "device=cpu"], data_folder=None, log=print)
    engine = ENGINES["torch"].make(plan.shards[0], plan.datasets["mnist"], "cpu", None)
    for message in engine.train():
        if getattr(message, "epoch", 0):
            break
    with tempfile.TemporaryDirectory(dir=".") as folder:  # on the disk that holds runs, which takes time to sync
        beginning = describe_beginning(plan, command=(), data_folder=None)
        place = place_of(begin_experiment(plan, beginning, Path(folder)), plan.shards[0])
        times = []
        for number in range(5):
            start = time.perf_counter()
            place.save(number, engine.state())
            times.append(time.perf_counter() - start)
        result = engine.result()
        start = time.perf_counter()
        place.commit(result)
        place.result()
        return {"snapshot_seconds": statistics.median(times), "commit_seconds": time.perf_counter() - start}


def in_fresh_process(*arguments: object) -> dict[str, Any]:
    """Run one of the measurements above in its own process; the result includes its peak memory in bytes."""
    command = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def seconds_of(*command: str) -> float:
    """Wall-clock seconds of a command."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def peak_bytes() -> int:
    """Peak memory of this process or of its largest child, whichever is larger."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def extracted_mnist(folder: Path) -> Path:
    """Copy and extract the archives of full MNIST into a folder that torchvision can read."""
    from torchvision import datasets

    source = data_root(None, None)
    if load_dataset("mnist", source, log=print).name != "mnist":
        sys.exit("the benchmark needs full MNIST: bnreg data fetch mnist")
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for archive in (source / "MNIST" / "raw").glob("*"):
        shutil.copy(archive, raw)
    datasets.MNIST(str(folder), download=True)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often to repeat each measurement")
    parts = parser.add_subparsers(dest="part", help="run only this measurement and print it as JSON")
    parts.add_parser("textbook").add_argument("root", type=Path)
    alone = parts.add_parser("stacked")
    alone.add_argument("num_seeds", type=int)
    alone.add_argument("epochs", type=int)
    parts.add_parser("after").add_argument("num_replicas", type=int)
    parts.add_parser("keeping")
    options = parser.parse_args()
    if options.part:
        measure = {
            "textbook": lambda: textbook(options.root),
            "stacked": lambda: stacked(options.num_seeds, options.epochs),
            "after": lambda: after_training(options.num_replicas),
            "keeping": keeping,
        }
        result = measure[options.part]()
        print(json.dumps(result | {"peak": peak_bytes()}))
        return

    measurements: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = extracted_mnist(Path(folder))
        for _ in range(options.rounds):
            for name, arguments in {
                TEXTBOOK: ("textbook", root),
                "bnreg, 10 seeds, 20 replicas": ("stacked", 10, 3),
                "bnreg, 64 seeds, 128 replicas": ("stacked", 64, 1),
            }.items():
                measurements.setdefault(name, []).append(in_fresh_process(*arguments))

        after = [in_fresh_process("after", 20) for _ in range(options.rounds)]
        kept = [in_fresh_process("keeping") for _ in range(options.rounds)]

        bnreg = str(Path(sys.executable).with_name("bnreg"))
        quick = ("training.epochs=1", "data.train_size=1000", "--no-progress")
        runs = ("--runs", f"{folder}/runs")
        subprocess.run([bnreg, "train", str(CONFIG), *quick, *runs], stdout=subprocess.DEVNULL, check=True)
        commands = {
            "bnreg --help": (bnreg, "--help"),
            "bnreg compare, one run": (bnreg, "compare", f"{folder}/runs/*"),
        }
        start_up = {
            name: statistics.median(seconds_of(*command) for _ in range(2 * options.rounds + 1))
            for name, command in commands.items()
        }

    device = "CUDA" if measurements["bnreg, 10 seeds, 20 replicas"][0]["cuda"] else "CPU"
    title = f"{platform.machine()}, {os.cpu_count()} cores, bnreg on {device}, medians of {options.rounds} rounds"
    table = Table(title=title, title_justify="left")
    table.add_column("training, full MNIST", no_wrap=True)
    for header in ("model-epochs/s", "min to max", "× textbook", "× its training", "peak/process"):
        table.add_column(header, justify="right", no_wrap=True)
    rows = {"  its training alone": ([m["training_rate"] for m in measurements[TEXTBOOK]], "")}
    for name, rounds in measurements.items():
        rows[name] = [m["rate"] for m in rounds], f"{max(m['peak'] for m in rounds) / 1e9:.2f} GB"
    medians = {name: statistics.median(rates) for name, (rates, _) in rows.items()}
    for name in (TEXTBOOK, *(name for name in rows if name != TEXTBOOK)):
        rates, peak = rows[name]
        ratios = [f"{medians[name] / medians[base]:.1f}" for base in (TEXTBOOK, "  its training alone")]
        table.add_row(name, f"{medians[name]:.2f}", f"{min(rates):.2f} to {max(rates):.2f}", *ratios, peak)
    console = Console(width=120)
    console.print(table)
    for name, key in {
        "population statistics of 20 replicas, full MNIST, one core": "population_seconds",
        "folding 20 replicas": "fold_seconds",
    }.items():
        start_up[name] = statistics.median(measured[key] for measured in after)
    for name, seconds in start_up.items():
        console.print(f"{name}: {seconds:.2f} s")
    snapshot, commit = (statistics.median(one[key] for one in kept) for key in ("snapshot_seconds", "commit_seconds"))
    job = 20 * 5 / medians["bnreg, 10 seeds, 20 replicas"]
    share = (snapshot * (job // 30 + 1) + commit) / job
    console.print(
        f"saving results: {snapshot:.3f} s per snapshot, {commit:.3f} s per commit, "
        f"{share:.1%} of the default job's {job:.0f} s"
    )


if __name__ == "__main__":
    main()
