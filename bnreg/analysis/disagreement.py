"""The test examples about which two arms disagree most."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bnreg.analysis.run_view import RunView


@dataclass(frozen=True)
class Example:
    """A test example, and how many of each arm's networks classify it correctly.

    Attributes:
        index: Its place in the test set.
        arm_right: Number of seeds in which the arm's network does.
        baseline_right: The same for the baseline.
        num_seeds: Number of seeds in which both trained to the end.
    """

    index: int
    arm_right: int
    baseline_right: int
    num_seeds: int


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
    trained = _trained(view, arm) & _trained(view, view.baseline)
    right, baseline_right = (flags[view.arms.index(name)][trained].sum(0) for name in (arm, view.baseline))
    ahead = right - baseline_right
    # Many examples are equally far ahead, and a test set may be sorted by class: shuffled, all classes are seen.
    shuffled = np.random.default_rng(0).permutation(len(ahead))
    order = shuffled[np.argsort(-ahead[shuffled], kind="stable")]

    def example(index: int) -> Example:
        return Example(index, int(right[index]), int(baseline_right[index]), int(trained.sum()))

    better = [example(int(index)) for index in order[:most] if ahead[index] > 0]
    worse = [example(int(index)) for index in order[::-1][:most] if ahead[index] < 0]
    return better, worse


def _trained(view: RunView, arm: str) -> npt.NDArray[np.bool_]:
    """Whether the arm's network of each seed trained to the end, shape (seeds,)."""
    statuses = zip(view.pairing, view.summary["status"], strict=True)
    diverged = {proof.replica.seed for proof, status in statuses if proof.replica.arm == arm and status == "diverged"}
    return np.array([seed not in diverged for seed in view.seeds])
