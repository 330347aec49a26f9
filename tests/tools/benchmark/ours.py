"""bnreg's engines: the seconds of training, of evaluation, and of what a worker does besides."""

import hashlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tools.benchmark.processes import ROOT, answer, turn

from bnreg.data import Dataset, epoch_order, split
from bnreg.experiment.beginning import describe_beginning
from bnreg.experiment.collect import place_of
from bnreg.experiment.plan import Plan, plan_experiment
from bnreg.experiment.story import begin_experiment
from bnreg.training.engines import ENGINES, Engine
from bnreg.training.messages import EvaluationDone, StepsDone
from bnreg.training.shards import Shard

CONFIG = ROOT / "configs" / "bn_vs_plain.yaml"


def plan_of(settings: Mapping[str, object]) -> Plan:
    """The lecture's pair in one process on one core, with other settings, such as ``model.hidden``."""
    overrides = [f"{key}={value}" for key, value in ({"jobs": 1, "device": "cpu"} | settings).items()]
    return plan_experiment(CONFIG, overrides, data_folder=None, log=lambda line: print(line, file=sys.stderr))


def measure(*, engine: str, epochs: int, settings: Mapping[str, object]) -> dict[str, float | list[float]]:
    """Train all shards of a plan, one after another, after a first short training that compiles what is compiled.

    Returns:
        ``seconds`` of each epoch's steps, without the shuffling of the examples; of ``evaluation`` on both sets after
        an epoch; and of the ``result`` at the end, with the population statistics.
    """
    settings = {"engine": engine, **settings}  # each engine trains the shards that are cut for it
    for shard, dataset, device in _shards(settings | {"seeds": 1, "training.epochs": 1, "data.train_size": 200}):
        warm = ENGINES[engine].make(shard, dataset, device, None)
        list(warm.train())
        warm.result()
    shards = _shards(settings | {"training.epochs": epochs})
    engines = [ENGINES[engine].make(*shard, None) for shard in shards]
    evaluations = [_timed_evaluations(one) for one in engines]
    trainings = [one.train() for one in engines]
    for training in trainings:
        next(training)  # comes right before the first step
    seconds = []
    for _ in range(epochs):
        turn()
        seconds.append(sum(map(_epoch, trainings)))
    evaluation = np.sum(evaluations, axis=0)
    shuffling = sum(_shuffling(shard, dataset) for shard, dataset, _ in shards)
    start = time.perf_counter()
    for one in engines:
        one.result()
    return {
        "seconds": (np.array(seconds) - evaluation - shuffling).tolist(),
        "evaluation": statistics.median(evaluation),
        "result": time.perf_counter() - start,
    }


def _timed_evaluations(engine: Engine) -> list[float]:
    """The seconds of the engine's evaluations, to which each one is added when it is made."""
    program, seconds = engine._program, []
    evaluate = program.evaluate

    def timed() -> Any:
        start = time.perf_counter()
        found = evaluate()
        seconds.append(time.perf_counter() - start)
        return found

    program.evaluate = timed
    return seconds


def _shards(settings: Mapping[str, object]) -> list[tuple[Shard, Dataset, str]]:
    """The shards of a plan, with their data and their device."""
    plan = plan_of(settings)
    return [(shard, plan.datasets[shard.settings.data.dataset], plan.device) for shard in plan.shards]


def _epochs(engine: Engine, number: int) -> list[float]:
    """Train some epochs: the seconds of each, with its evaluation."""
    messages = engine.train()
    next(messages)  # comes right before the first step
    return [_epoch(messages) for _ in range(number)]


def _epoch(messages: Iterator[StepsDone | EvaluationDone]) -> float:
    """Train to the end of an epoch: its seconds, with its evaluation."""
    start = time.perf_counter()
    for message in messages:
        if isinstance(message, EvaluationDone):
            return time.perf_counter() - start
    raise AssertionError("the training ended before its last epoch")


def _shuffling(shard: Shard, dataset: Dataset) -> float:
    """Seconds that an epoch's orders take, which are hashed for the proof of pairing."""
    data = shard.settings.data
    num_train = len(dataset.train_labels)
    splits = [split(num_train, data.train_size, data.validation_size, seed).train for seed in shard.seeds]
    start = time.perf_counter()
    for seed, train in zip(shard.seeds, splits, strict=True):
        hashlib.sha256(epoch_order(train, seed, 1).tobytes())
    return time.perf_counter() - start


def whole_epochs(*, engine: str, epochs: int, settings: Mapping[str, object]) -> dict[str, list[float]]:
    """``seconds`` of each epoch, with everything that belongs to it: shuffling, looks at the networks, evaluation."""
    shards = _shards(settings | {"engine": engine, "training.epochs": epochs})
    found = [_epochs(ENGINES[engine].make(*shard, None), epochs) for shard in shards]
    return {"seconds": np.sum(found, axis=0).tolist()}


def on_cuda(*, engine: str, epochs: int, settings: Mapping[str, object], is_captured: bool) -> dict[str, object]:
    """Train some epochs on a CUDA device, after a first one.

    Returns:
        ``seconds`` of each epoch's steps, without the shuffling of the examples; and of an ``evaluation`` on both sets.
    """
    from bnreg.training.stacked import capture
    from bnreg.training.stacked.program import StackedProgram

    if not is_captured:
        capture.NUM_EAGER = sys.maxsize
    ((shard, dataset, device),) = _shards(settings | {"engine": engine, "device": "cuda"})
    program = StackedProgram(shard, dataset, device)
    seconds = []
    for epoch in range(1, epochs + 2):
        program.order.begin(epoch)
        start = time.perf_counter()
        list(program.train(epoch, 0, program.order.num_steps))  # it waits for the device at the end
        seconds.append(time.perf_counter() - start)
        start = time.perf_counter()
        program.evaluate()
        evaluation = time.perf_counter() - start
    return {"seconds": seconds[1:], "evaluation": evaluation}


def keeping(*, engine: str, settings: Mapping[str, object]) -> dict[str, float]:
    """Seconds that a worker of the default job takes to save a shard: a snapshot, and its commit."""
    plan = plan_of(settings | {"seeds": 5, "engine": engine})
    shard = plan.shards[0]
    trainer = ENGINES[engine].make(shard, plan.datasets[shard.settings.data.dataset], plan.device, None)
    list(trainer.train())
    with tempfile.TemporaryDirectory(dir=".") as folder:  # on the disk that holds runs, which takes time to sync
        beginning = describe_beginning(plan, command=(), data_folder=None)
        place = place_of(begin_experiment(plan, beginning, Path(folder)), shard)
        times = []
        for number in range(5):
            start = time.perf_counter()
            place.save(number, trainer.state())
            times.append(time.perf_counter() - start)
        result = trainer.result()
        start = time.perf_counter()
        place.commit(result)
        place.result()
        return {"snapshot": statistics.median(times), "commit": time.perf_counter() - start}


def in_a_worker(*, engine: str, what: str = "measure", **arguments: Any) -> dict[str, Any]:
    """``measure`` or another function of this module in a process that is set up as a worker is."""
    ENGINES[engine].prepare_process()
    return {one.__name__: one for one in (measure, whole_epochs, on_cuda, keeping)}[what](engine=engine, **arguments)


if __name__ == "__main__":
    answer(in_a_worker)
