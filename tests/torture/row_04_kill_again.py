"""Kill a run at a random moment, and kill it again while it resumes, several times."""

import functools
import random
import shutil
from collections.abc import Iterator

from lab import EPOCHS, Lab
from torture import Case

from bnreg.runs import unfinished_runs

TITLE = "killed again while resuming, up to four times"
PROMISE = "It may be killed again while it resumes, any number of times."


def cases(full: bool) -> Iterator[Case]:
    """Moments spread over each command, with each engine."""
    chance = random.Random(4)
    for engine in EPOCHS:
        with Lab(engine) as lab:
            for number in range(25 if full else 1):
                moments = [chance.uniform(0, lab.seconds) for _ in range(chance.randint(2, 5))]
                yield f"{engine} {number}: {moments}", functools.partial(_try, lab, moments)


def _try(lab: Lab, moments: list[float]) -> None:
    root = lab.new_root()
    process = lab.train(root)
    for i, seconds in enumerate(moments):
        process.process.join(seconds)
        process.kill_group()
        process.wait()
        runs = unfinished_runs(root)
        if i + 1 == len(moments) or not runs:
            break
        process = lab.resume(runs[0])
    lab.assert_nothing_is_lost(root)
    shutil.rmtree(root, ignore_errors=True)
