"""Kill a run at a random moment, then resume it."""

import functools
import random
import shutil
import signal
from collections.abc import Iterator

from lab import EPOCHS, Lab
from torture import Case

TITLE = "killed (kill -9) at a random moment, then resumed"
PROMISE = "A run that is killed resumes with bit-identical weights and metrics."


def cases(full: bool) -> Iterator[Case]:
    """Moments spread over the entire command, with each engine."""
    chance = random.Random(3)
    for engine in EPOCHS:
        with Lab(engine) as lab:
            for number in range(100 if full else 2):
                seconds = chance.uniform(0, lab.seconds)
                alone = number % 2 == 1
                who = "the coordinator alone" if alone else "all"
                yield f"{engine} {number}: {who}, after {seconds:.2f} s", functools.partial(_try, lab, seconds, alone)


def _try(lab: Lab, seconds: float, alone: bool) -> None:
    root = lab.new_root()
    process = lab.train(root)
    process.process.join(seconds)
    if alone:
        process.send(signal.SIGKILL)  # its workers notice this themselves while the run resumes elsewhere
    else:
        process.kill_group()
    process.wait()
    lab.assert_nothing_is_lost(root)
    shutil.rmtree(root, ignore_errors=True)
