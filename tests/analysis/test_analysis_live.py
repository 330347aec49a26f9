"""What is said of a run before it is complete: of which networks, and with the verdicts that they would get."""

import os

import pytest
from support.made_runs import made_name, make_run, make_unfinished, shard_of
from support.made_training import NUM_STEPS, finish, made_note, note

from bnreg.analysis.comparison import compare_views
from bnreg.analysis.live.provisional import judge_so_far
from bnreg.analysis.live.watcher import Watcher
from bnreg.analysis.run_view import view_of_run
from bnreg.budget import Moment
from bnreg.errors import UserError
from bnreg.runs import disk, read_run
from bnreg.runs.in_training.shard import shard_folder
from bnreg.runs.in_training.so_far import Follower

NUM_SEEDS = 6


@pytest.fixture
def run(tmp_path):
    """A shard with both arms for each of six seeds."""
    return make_unfinished(tmp_path, made_name(), NUM_SEEDS, num_steps=(NUM_STEPS,) * NUM_SEEDS)


def judged(run):
    return judge_so_far(Follower(run).read())


def test_nothing_is_said_before_the_first_evaluation(run):
    note(run, 0, epoch=0, steps=2)
    so_far = judged(run)
    assert (so_far.block, so_far.moment, so_far.num_seeds, so_far.curves) == (None, None, 0, {})


def test_seeds_in_training_are_compared_after_the_last_evaluation_that_all_have_reached(run):
    for index, epoch in enumerate((2, 1, 2)):
        note(run, index, epoch)
    so_far = judged(run)
    assert (so_far.moment, so_far.num_seeds) == (Moment(1, 3), 3)
    (comparison,) = so_far.block.judged
    assert comparison.evidence.difference == pytest.approx(0.01)
    assert comparison.arm.values("test_accuracy") == pytest.approx({0: 0.92, 1: 0.921, 2: 0.922})


def test_seeds_that_are_trained_to_the_end_are_compared_alone(run):
    """Those in training would only add their beginnings."""
    finish(run, 0)
    finish(run, 3)
    note(run, 1, epoch=1)
    so_far = judged(run)
    assert (so_far.moment, so_far.num_seeds) == (None, 2)
    (comparison,) = so_far.block.judged
    assert comparison.arm.values("test_accuracy") == pytest.approx({0: 0.94, 3: 0.943})


def test_the_last_provisional_verdict_is_the_verdict(run, tmp_path):
    """Over the same values, which interval and p belong to, as the complete run has them."""
    for index in range(NUM_SEEDS):
        finish(run, index)
    (provisional,) = judged(run).block.judged
    complete = make_run(tmp_path / "complete", made_name(), num_seeds=NUM_SEEDS, accuracies={"bn": 0.94, "plain": 0.93})
    (block,) = compare_views([view_of_run(read_run(complete))])
    (final,) = block.judged
    assert provisional.evidence.verdict == final.evidence.verdict
    assert provisional.evidence.difference == pytest.approx(final.evidence.difference)


def test_curves_are_means_over_the_networks_that_were_evaluated(run):
    note(run, 0, epoch=2)
    note(run, 1, epoch=1)
    assert judged(run).curves == {
        "bn": pytest.approx({1: 0.9205, 2: 0.94}),
        "plain": pytest.approx({1: 0.9105, 2: 0.93}),
    }


def test_a_network_that_diverged_counts_as_diverged(run):
    for index in range(3):
        bn, *_ = shard_of(run, index).origin.replicas
        note(run, index, epoch=1, diverged=[bn] if index == 1 else [])
    (comparison,) = judged(run).block.judged
    assert comparison.arm.diverged_seeds == [1]
    assert sorted(comparison.by_seed) == [0, 2]


def test_a_seed_that_lacks_an_arm_is_left_out(run):
    """Arms that read other batches are trained in another shard."""
    note(run, 0, epoch=1)
    half = made_note(run, 1, epoch=1)
    half.rows.pop()
    shard_of(run, 1).note(half)
    assert judged(run).num_seeds == 1


def test_results_of_a_shard_are_read_once(run, monkeypatch):
    from bnreg.runs.in_training import so_far

    finish(run, 0)
    follower = Follower(run)
    first = follower.read()
    monkeypatch.setattr(so_far, "kept_tables", pytest.fail)
    assert follower.read() == first


def test_damaged_results_are_left_out(run):
    """The training finds them, and trains the shard again."""
    finish(run, 0)
    rows = shard_folder(run.folder, 0) / "rows.json"
    rows.write_bytes(rows.read_bytes()[:-1])
    so_far = Follower(run).read()
    assert so_far.summary == []
    assert len(so_far.metrics) == 4  # from its note


def test_a_run_that_is_completed_meanwhile_is_complete(run, tmp_path):
    watcher = Watcher(run)
    assert watcher.look().standing.state == "created"
    run.folder.rename(tmp_path / "hidden")
    make_run(tmp_path, run.final.name)
    assert watcher.look() is None


def test_a_run_that_is_moved_away_is_said_to_be_gone(run, tmp_path):
    watcher = Watcher(run)
    run.folder.rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"\.unfinished: is no longer there: it was moved or removed$"):
        watcher.look()


class Meanwhile:
    """``os``, with something that happens just before the n-th file is opened to be read."""

    def __init__(self, n, happen):
        self.num_opened, self._n, self._happen = 0, n, happen

    def __getattr__(self, name):
        return getattr(os, name)

    def open(self, *arguments):
        self.num_opened += 1
        if self.num_opened == self._n:
            self._happen()
        return os.open(*arguments)


NUM_OPENED = 12  # at least so many files are opened for a look


@pytest.fixture
def looked_at(run):
    """A run with results and notes, for which a look opens many files."""
    finish(run, 0)
    note(run, 1, epoch=1)
    return run


@pytest.mark.parametrize("n", range(1, NUM_OPENED + 1))
def test_a_run_may_be_completed_in_the_middle_of_a_look(looked_at, tmp_path, monkeypatch, n):
    """Its folder is renamed and removed, once the complete run is there."""
    final = looked_at.final
    made = make_run(tmp_path / "elsewhere", final.name)
    meanwhile = Meanwhile(n, lambda: (made.rename(final), looked_at.folder.rename(tmp_path / "hidden")))
    monkeypatch.setattr(disk, "os", meanwhile)
    glance = Watcher(looked_at).look()
    assert glance is None or glance.info.id == final.name
    assert meanwhile.num_opened >= n
    assert Watcher(looked_at).look() is None


@pytest.mark.parametrize("n", range(1, NUM_OPENED + 1))
def test_a_run_may_be_moved_in_the_middle_of_a_look(looked_at, tmp_path, monkeypatch, n):
    monkeypatch.setattr(disk, "os", Meanwhile(n, lambda: looked_at.folder.rename(tmp_path / "hidden")))
    watcher = Watcher(looked_at)
    looks = [watcher.look] * 2  # at the latest, the second finds it gone
    with pytest.raises(UserError, match=r"is no longer there: it was moved or removed$"):
        [look() for look in looks]
