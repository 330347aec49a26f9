"""The parts of the benchmark. Each measures its contenders in turn, and gives what each of them gave in each round."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tools.benchmark import peers
from tools.benchmark.commands import seconds_of, watched
from tools.benchmark.limit import SECONDS
from tools.benchmark.ours import CONFIG
from tools.benchmark.peers import Skipped
from tools.benchmark.processes import ask, begin, end, on_cores, turn_about

from bnreg.config.experiment_file import ExperimentFile
from bnreg.data import data_root, load_dataset
from bnreg.training.engines import ENGINES

if TYPE_CHECKING:
    import subprocess

Measured = Mapping[str, Any]
Answers = dict[str, list[Measured] | str]  # contender → its rounds, or why it was skipped
Contender = Callable[[], Measured]
Starter = Callable[..., "subprocess.Popen[str]"]

COMPILED = "compiled"
FASTEST = COMPILED if COMPILED in ENGINES else "torch"
CORES = (0, 1)
WIDE = 512
NO_ZEROS = {"data.standardise": "all_pixels"}  # of MNIST's pixels, so that no product can be left out
WATCHED = {
    "unwatched": {},
    "watched every 100 steps": {"diagnostics.names": "[pre_activations, shift]", "diagnostics.every_steps": 100},
}
NUM_ON_CUDA = 1024
ON_CUDA = {"torch": True, "eager": False}  # contender → whether its steps are captured


class Sweep(NamedTuple):
    """A sweep of learning rates: its points, its seeds, and the images of its only epoch."""

    points: int
    seeds: int
    examples: int

    @property
    def networks(self) -> int:
        """Number of networks: two arms for each point and seed."""
        return 2 * self.points * self.seeds


@dataclass(frozen=True)
class Sizes:
    """How much to measure.

    Attributes:
        rounds: How often each contender is measured.
        examples: Number of training examples of an epoch.
        epochs: Number of networks → how many epochs to train them.
        many: Numbers of networks that are trained for an epoch of ``mnist_5k``.
        sweeps: Sweeps that are trained once, of ``mnist_5k``.
    """

    rounds: int
    examples: int
    epochs: Mapping[int, int]
    many: tuple[int, int]
    sweeps: tuple[Sweep, Sweep]


FULL = Sizes(
    rounds=3,
    examples=60_000,
    epochs={2: 10, 20: 3, 128: 1},
    many=(5_000, 10_000),
    sweeps=(Sweep(1_000, 5, 4_000), Sweep(1_000, 50, 100)),
)
SMALL = Sizes(rounds=1, examples=2_000, epochs={2: 2, 20: 1}, many=(4, 20), sweeps=(Sweep(2, 2, 100), Sweep(2, 4, 100)))


def train(sizes: Sizes) -> Answers:
    """Engines, peers and the limit, epoch by epoch in turns, on one core; and on two."""
    contenders: dict[int, dict[str, Starter]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root = _extracted_mnist(folder)
        for number in sizes.epochs:
            limit = {f"limit {number}": partial(begin, "limit", seconds=_seconds(sizes))}
            ours = {f"{one} {number}": partial(begin, "ours", **_training(one, number, sizes)) for one in ENGINES}
            dense = partial(begin, "ours", **_training(FASTEST, number, sizes, NO_ZEROS))
            contenders[number] = limit | ours | {f"dense {number}": dense}
        contenders[2]["textbook 2"] = partial(begin, "textbook", root=str(root), num_examples=sizes.examples)
        skipped = {}
        try:
            python = peers.environment()
            peers.check_agreement(python, folder)
        except Skipped as reason:
            skipped = {f"jax {peer} {number}": f"skipped: {reason}" for peer in peers.NAMES for number in sizes.epochs}
        else:
            for number, epochs in sizes.epochs.items():
                start = folder / f"{number}.npz"
                peers.write_start(start, num_seeds=number // 2, epochs=epochs, num_examples=sizes.examples)
                for peer in peers.NAMES:
                    contenders[number][f"jax {peer} {number}"] = partial(peers.begin_training, peer, python, start)
        on_two = {
            "limit on two cores": partial(_on_two_cores, "limit", seconds=_seconds(sizes)),
            "dense 20 on two cores": partial(_on_two_cores, "ours", **_training(FASTEST, 20, sizes, NO_ZEROS)),
        }
        answers: Answers = {}
        for _ in range(sizes.rounds):
            for group in contenders.values():
                _add(answers, _turn_about(group))
            _add(answers, {name: measure() for name, measure in on_two.items()})
        return answers | skipped


def wide(sizes: Sizes) -> Answers:
    """Two networks with 512 nodes in each hidden layer."""
    hidden = {"model.hidden": [WIDE, WIDE]}
    contenders = {f"{engine} 2": partial(ask, "ours", **_training(engine, 2, sizes, hidden)) for engine in ENGINES}
    return in_turn(contenders, sizes.rounds)


def command(sizes: Sizes) -> Answers:
    """The whole command of the lecture's experiment on two cores: warm, and with nothing compiled yet."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def whole(engine: str, *, is_first: bool = False) -> Measured:
            train = ("train", str(CONFIG), f"data.train_size={sizes.examples}", *_by_engine(engine))
            options = ("--no-progress", "--runs", str(folder / "runs"))
            with _empty(folder / "cache") as cache, on_cores(*CORES):
                return {"seconds": seconds_of(*train, *options, cache=cache if is_first else None)}

        contenders = {engine: partial(whole, engine) for engine in ENGINES}
        in_turn(contenders, 1)  # now everything is compiled and in the system's cache
        if COMPILED in ENGINES:
            contenders["first"] = partial(whole, COMPILED, is_first=True)
        return in_turn(contenders, sizes.rounds)


def many(sizes: Sizes) -> Answers:
    """Many networks, each trained for an epoch of 5,000 digits."""
    with tempfile.TemporaryDirectory() as name:

        def measured(engine: str, number: int) -> Measured:
            settings = ("data.dataset=mnist_5k", "training.epochs=1", f"seeds={number // 2}", *_by_engine(engine))
            with on_cores(*CORES), _empty(Path(name) / "runs") as runs:
                options = ("--no-progress", "--runs", str(runs))
                trained = watched("train", str(CONFIG), *settings, *options)
            return {"seconds": trained.seconds, "worker_bytes": trained.worker_bytes}

        return in_turn({str(number): partial(measured, FASTEST, number) for number in sizes.many}, sizes.rounds)


def scale(sizes: Sizes) -> Answers:
    """Sweeps of many points, end to end: how long, how large the coordinator, the run folder and its comparison are."""
    with tempfile.TemporaryDirectory() as name:

        def measured(sweep: Sweep) -> Measured:
            rates = [float(f"{1e-4 * 50 ** (i / sweep.points):.6g}") for i in range(sweep.points)]
            settings = (
                f"sweep={{optimizer.lr: {rates}}}",
                "data.dataset=mnist_5k",
                f"data.train_size={sweep.examples}",
                "training.epochs=1",
                f"seeds={sweep.seeds}",
            )
            with on_cores(*CORES), _empty(Path(name) / "runs") as runs:
                training = watched("train", str(CONFIG), *settings, "--no-progress", "--runs", str(runs))
                comparing = watched("compare", f"{runs}/*")
                files = [path for path in runs.rglob("*") if path.is_file()]
                return {
                    "training": training._asdict(),
                    "comparing": comparing._asdict(),
                    "files": len(files),
                    "folder_bytes": sum(path.stat().st_size for path in files),
                }

        return in_turn({str(sweep.networks): partial(measured, sweep) for sweep in sizes.sweeps}, 1)


def around(sizes: Sizes) -> Answers:
    """What is around the training: saving, watching, help, and the comparison of a run."""
    with tempfile.TemporaryDirectory() as name:
        runs = ("--runs", f"{name}/runs")
        with on_cores(*CORES):
            seconds_of("train", str(CONFIG), "training.epochs=1", "data.train_size=1000", "--no-progress", *runs)
        contenders: dict[str, Contender] = {
            "help": lambda: {"seconds": seconds_of("--help")},
            "compare": lambda: {"seconds": seconds_of("compare", f"{name}/runs/*")},
        }
        settings = {"training.epochs": 1, "data.train_size": sizes.examples}
        for engine in ENGINES:
            contenders[f"keeping, {engine}"] = partial(ask, "ours", what="keeping", engine=engine, settings=settings)
        for contender, diagnostics in WATCHED.items():
            asked = _training(FASTEST, 20, sizes, diagnostics) | {"what": "whole_epochs"}
            contenders[contender] = partial(ask, "ours", **asked)
        return in_turn(contenders, sizes.rounds)


def cuda(sizes: Sizes) -> Answers:
    """The torch engine on a CUDA device, with captured steps and without, and the textbook's loop; on any core."""
    import torch

    if not torch.cuda.is_available():
        return {"torch": "skipped: no CUDA device"}
    numbers = (*sizes.epochs, NUM_ON_CUDA)
    with tempfile.TemporaryDirectory() as name:
        root = str(_extracted_mnist(Path(name)))
        contenders: dict[str, Contender] = {
            "textbook 2": lambda: end(begin("textbook", root=root, num_examples=sizes.examples, device="cuda"))
        }
        for (contender, is_captured), number in product(ON_CUDA.items(), numbers):
            asked = _training("torch", number, sizes) | {"what": "on_cuda", "is_captured": is_captured}
            asked |= {} if is_captured else {"epochs": 1}  # one takes seconds
            contenders[f"{contender} {number}"] = lambda asked=asked: end(begin("ours", **asked))
        return in_turn(contenders, sizes.rounds)


PARTS: dict[str, Callable[[Sizes], Answers]] = {
    one.__name__: one for one in (train, wide, command, many, scale, around, cuda)
}


def _turn_about(contenders: Mapping[str, Starter]) -> dict[str, dict[str, Any]]:
    """The answers of contenders that are measured in turns on the first core."""
    with on_cores(0):
        return turn_about({name: start(in_turns=True) for name, start in contenders.items()})


def _add(answers: Answers, found: Mapping[str, Measured]) -> None:
    for name, measured in found.items():
        rounds = answers.setdefault(name, [])
        assert isinstance(rounds, list)
        rounds.append(measured)


def in_turn(contenders: Mapping[str, Contender], rounds: int) -> Answers:
    """Measure all contenders once in each round."""
    answers: dict[str, list[Measured]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            answers[name].append(measure())
    return dict(answers)


def _seconds(sizes: Sizes) -> float:
    """Seconds for each size of matrix."""
    return SECONDS if sizes is FULL else SECONDS / 10


def _training(engine: str, number: int, sizes: Sizes, others: Mapping[str, object] = {}) -> dict[str, Any]:
    """What to ask of the module ``ours`` to train a number of networks, with other settings."""
    settings = {"seeds": number // 2, "data.train_size": sizes.examples, **others}
    return {"engine": engine, "epochs": sizes.epochs.get(number, 1), "settings": settings}


def _on_two_cores(module: str, **arguments: Any) -> Measured:
    """What a module answers on each of two cores at the same time, as lists."""
    processes = []
    for core in CORES:
        with on_cores(core):
            processes.append(begin(module, **arguments))
    first, second = map(end, processes)
    return {key: [first[key], second[key]] for key in first}


def _by_engine(engine: str) -> tuple[str, ...]:
    """The setting that chooses an engine, where there is a choice."""
    return (f"engine={engine}",) if "engine" in ExperimentFile.model_fields else ()


@contextmanager
def _empty(folder: Path) -> Iterator[Path]:
    """A new folder, which is removed afterwards."""
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _extracted_mnist(folder: Path) -> Path:
    """Copy and extract the archives of full MNIST into a folder that torchvision can read."""
    from torchvision import datasets

    source = data_root(None, None)
    if load_dataset("mnist", source, log=print).name != "mnist":
        raise SystemExit("the benchmark needs full MNIST: bnreg data fetch mnist")
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for archive in (source / "MNIST" / "raw").glob("*"):
        shutil.copy(archive, raw)
    datasets.MNIST(str(folder), download=True)
    return folder
