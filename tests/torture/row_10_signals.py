"""SIGTERM, SIGINT, and SIGINT twice, at any moment of the command."""

import functools
import random
import shutil
import signal
import time
from collections.abc import Iterator

from lab import EPOCHS, Lab
from torture import Case

TITLE = "SIGTERM, SIGINT, SIGINT twice, over load, train, evaluate, commit"
PROMISE = "A signal ends a run cleanly within five seconds, and it resumes with the same results."

SECONDS = 5.0
SIGNALS = {"SIGTERM": [signal.SIGTERM], "SIGINT": [signal.SIGINT], "SIGINT twice": [signal.SIGINT, signal.SIGINT]}


def cases(full: bool) -> Iterator[Case]:
    """Moments spread over the entire command, with each engine."""
    chance = random.Random(10)
    for engine in EPOCHS:
        with Lab(engine, is_timed=full) as lab:
            for name, numbers in SIGNALS.items():
                for number in range(25 if full else 1):
                    after, between = chance.uniform(0, lab.seconds), chance.uniform(0, 0.1)
                    yield (
                        f"{engine} {name} {number}: after {after:.2f} s, {between:.2f} s apart",
                        functools.partial(_try, lab, numbers, after, between),
                    )


def _try(lab: Lab, numbers: list[int], after: float, between: float) -> None:
    root = lab.new_root()
    process = lab.train(root)
    process.process.join(after)
    start = time.monotonic()
    for i, number in enumerate(numbers):
        if i:
            time.sleep(between)
        process.send(number)
    ended = process.wait(lab.within(SECONDS))
    assert time.monotonic() - start < lab.within(SECONDS)
    # It was already done, it ended cleanly, or it did not handle signals yet.
    assert ended.code in (0, 128 + numbers[0], -numbers[0]), ended
    lab.assert_nothing_is_lost(root, at_least=ended.code == 0)
    shutil.rmtree(root, ignore_errors=True)
