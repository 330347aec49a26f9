"""Many runs of one experiment, started in the same second."""

import functools
from collections.abc import Iterator
from pathlib import Path

from lab import Lab
from torture import Case

TITLE = "starts in the same second with the same name: distinct runs"
PROMISE = "Runs never interfere with each other, even if they start in the same second."


def cases(full: bool) -> Iterator[Case]:
    """Twenty runs, all started before the first one ends."""
    number = 20 if full else 3
    with Lab(share=1 / 6) as lab:
        root = lab.new_root()
        processes = [lab.train(root) for _ in range(number)]
        codes = [process.wait(120).code for process in processes]
        runs = sorted(root.iterdir())
        for i in range(number):
            yield f"run {i + 1}", functools.partial(_try, lab, codes, runs, i)


def _try(lab: Lab, codes: list[int], runs: list[Path], i: int) -> None:
    assert codes[i] == 0
    assert len(runs) == len(codes)
    lab.assert_nothing_is_lost(runs[i].parent, at_least=len(codes))
