"""A worker is killed, or has too little memory: the others continue, and its shard is not lost."""

import functools
import random
import resource
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from lab import EPOCHS, Lab
from support.made_runs import shard_of
from torture import Case

from bnreg.runs import unfinished_runs
from bnreg.training.order import Order

TITLE = "a worker killed; a limit on one worker's memory"
PROMISE = "A killed worker is replaced; a worker that runs out of memory fails only its own shard, with one line."


def cases(full: bool) -> Iterator[Case]:
    """Several moments during training, with each engine."""
    chance = random.Random(11)
    for engine in EPOCHS:
        with Lab(engine, share=3) as lab:
            for number in range(5 if full else 1):
                moment = chance.uniform(0, 0.3)
                yield f"{engine}, killed {number}: after {moment:.2f} s", functools.partial(_killed, lab, moment)
            for number in range(5 if full else 1):
                epochs = chance.randrange(lab.epochs)
                label = f"{engine}, without memory {number}: after {epochs} epochs"
                yield label, functools.partial(_without_memory, lab, epochs)


def _killed(lab: Lab, moment: float) -> None:
    root = lab.new_root()
    process = lab.train(root)
    while not (workers := _children_of(process.pid)):
        assert process.process.is_alive()
        time.sleep(0.005)
    time.sleep(moment)
    _send(workers[0], signal.SIGKILL)
    ended = process.wait()
    assert ended.code == 0, ended.err
    lab.assert_nothing_is_lost(root, at_least=1)
    shutil.rmtree(root)


def _without_memory(lab: Lab, epochs: int) -> None:
    root = lab.new_root()
    ended = lab.train(root, setup=functools.partial(_limit_memory, epochs)).wait()
    assert (ended.code, ended.err.splitlines()[-1].split(": ")[-1]) == (
        1,
        "not enough memory; try a smaller jobs=N, model.hidden or data.batch_size",
    ), ended.err
    (run,) = unfinished_runs(root)
    assert run.state()[0] == "failed"
    assert shard_of(run, 1).is_done(print)
    lab.assert_nothing_is_lost(root, at_least=1)
    shutil.rmtree(root)


def _limit_memory(epochs: int) -> None:
    """A setup: after some epochs, the worker of the first shard may not use more memory, but needs more."""
    real = Order.of_epoch

    def of_epoch(self, epoch):
        order = real(self, epoch)
        if 0 in self.hashes() and epoch > epochs:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize(),) * 2)
            np.ones(1 << 28)
        return order

    Order.of_epoch = of_epoch


def _send(pid: int, number: int) -> None:
    import os
    from contextlib import suppress

    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []
