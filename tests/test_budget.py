"""The moments of evaluation, and the length of training, in epochs or steps."""

from itertools import islice, pairwise

import pytest

from bnreg.budget import NUM_LOG_MOMENTS, Budget, Moment


def budget(epochs=3, steps=None, every=None, is_log=False):
    return Budget(epochs, steps, every, is_log, steps_per_epoch=4)


@pytest.mark.parametrize(
    ("given", "moments"),
    [
        (budget(), [(1, 4), (2, 8), (3, 12)]),
        (budget(steps=6), [(1, 4), (2, 6)]),
        (budget(steps=8), [(1, 4), (2, 8)]),
        (budget(steps=3), [(1, 3)]),
        (budget(epochs=2, every=3), [(1, 3), (2, 6), (2, 8)]),
        (budget(steps=5, every=5), [(2, 5)]),
        (budget(steps=5, every=9), [(2, 5)]),
        (budget(steps=1, is_log=True), [(1, 1)]),
        (budget(steps=4, is_log=True), [(1, 1), (1, 2), (1, 3), (1, 4)]),
    ],
)
def test_the_last_moment_is_the_end_whatever_the_others_are(given, moments):
    assert [*given.moments()] == moments
    assert (given.num_epochs, given.num_steps) == moments[-1]


def test_logarithmic_moments_grow_by_equal_factors():
    steps = [moment.step for moment in budget(steps=10**6, is_log=True).moments()]
    assert len(steps) > NUM_LOG_MOMENTS - 8  # the first few steps are whole numbers
    assert all(b / a == pytest.approx(10 ** (6 / (NUM_LOG_MOMENTS - 1)), rel=0.01) for a, b in pairwise(steps[20:]))


def test_only_evaluations_after_whole_epochs_are_by_epochs():
    assert budget().is_by_epochs
    assert not any(one.is_by_epochs for one in (budget(steps=8), budget(every=4), budget(is_log=True)))


def test_moments_are_made_one_by_one():
    """A config may come from anywhere, and ask for more than fits the memory."""
    assert [*islice(budget(epochs=10**15).moments(), 2)] == [Moment(1, 4), Moment(2, 8)]


def test_a_config_that_is_older_than_steps_counts_epochs():
    assert Budget.of({"training.epochs": 2}, 5) == Budget(2, None, None, False, 5)
    settings = {"training.epochs": 2, "training.steps": 7, "training.evaluate.every_steps": 3}
    assert Budget.of(settings, 5) == Budget(2, 7, 3, False, 5)
    assert Budget.of({"training.epochs": 2, "training.evaluate.at": "log"}, 5).is_log
