"""The test examples about which two arms disagree most."""

from dataclasses import dataclass

import numpy as np

from bnreg.analysis.run_view import RunView


@dataclass(frozen=True)
class Example:
    """A test example, and how many of each arm's networks classify it correctly.

    Attributes:
        index: Its place in the test set.
        arm_right: Number of seeds in which the arm's network does.
        baseline_right: The same for the baseline.
    """

    index: int
    arm_right: int
    baseline_right: int


def disagreements(view: RunView, arm: str, most: int) -> tuple[list[Example], list[Example]]:
    """Those which more of an arm's networks get right than of the baseline's, and the reverse; the clearest first.

    Args:
        view: A run with a baseline, and without a sweep.
        arm: The arm.
        most: The number of examples to return of each kind, at most.
    """
    flags = view.correct.get(0)
    if flags is None or view.baseline is None:
        return [], []
    right, baseline_right = (flags[view.arms.index(name)].sum(0) for name in (arm, view.baseline))
    ahead = right - baseline_right
    order = np.argsort(-ahead, kind="stable")

    def example(index: int) -> Example:
        return Example(index, int(right[index]), int(baseline_right[index]))

    better = [example(int(index)) for index in order[:most] if ahead[index] > 0]
    worse = [example(int(index)) for index in order[::-1][:most] if ahead[index] < 0]
    return better, worse
