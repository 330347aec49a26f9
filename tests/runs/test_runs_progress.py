"""The progress of an unfinished run: by the steps of its networks, with its speed and the time left."""

import pytest
from support.made_runs import made_name, make_unfinished
from support.made_training import NUM_STEPS, finish, note

from bnreg.runs.in_training.notes import note_file
from bnreg.runs.in_training.shard import ShardPlace
from bnreg.runs.origin import Origin
from bnreg.training.messages import ShardNote


@pytest.fixture
def run(tmp_path):
    """Two shards of two networks each, six steps long."""
    return make_unfinished(tmp_path, made_name(), num_steps=(NUM_STEPS, NUM_STEPS))


def test_a_run_that_has_not_begun_is_at_zero(run):
    assert str(run.progress()) == "0 % of 24 steps, 0 of 4 networks done"
    assert run.state() == ("created", "nothing has been trained yet")


def test_each_network_counts_the_steps_of_its_shard(run):
    finish(run, 0)
    note(run, 1, epoch=1, steps=4)
    progress = run.progress()
    assert (progress.steps, progress.of) == (2 * 6 + 2 * 4, 24)
    assert str(progress) == "83 % of 24 steps, 2 of 4 networks done"


def test_it_is_at_a_hundred_percent_only_at_the_end(run):
    finish(run, 0)
    note(run, 1, epoch=2, steps=5)
    assert str(run.progress()).startswith("91 %")
    finish(run, 1)
    assert str(run.progress()) == "100 % of 24 steps, 4 of 4 networks done"


def test_speeds_of_shards_in_training_add_up(run):
    """Steps before the last start do not count: 2 networks × 3 steps in 2 s, and 2 × 1 in 4 s."""
    note(run, 0, epoch=1, seconds=2.0)
    note(run, 1, epoch=0, steps=2, since=1, seconds=4.0)
    progress = run.progress()
    steps_per_second = 2 * 3 / 2 + 2 * 1 / 4
    assert progress.epochs_per_second == pytest.approx(steps_per_second / 3)
    assert progress.seconds_left == pytest.approx((24 - 6 - 4) / steps_per_second)


def test_nothing_is_said_of_a_speed_that_is_not_known(run):
    note(run, 0, epoch=0, seconds=0.0)
    finish(run, 1)
    progress = run.progress()
    assert (progress.epochs_per_second, progress.seconds_left) == (None, None)


def test_a_shard_without_a_note_is_at_its_start_or_its_end(run):
    """A note may be missing at any time."""
    for index in (0, 1):
        finish(run, index)
        note_file(run.folder, index).unlink()
    assert str(run.progress()).startswith("100 %")


def test_a_run_that_an_older_bnreg_began_counts_shards(tmp_path):
    run = make_unfinished(tmp_path, made_name())
    finish(run, 0)
    assert str(run.progress()) == "1 of 2 shards trained"
    assert (run.progress().of, run.progress().seconds_left) == (0, None)


def test_a_later_round_counts_once_it_has_begun(run):
    """Its shards are not in the plan: their notes say how large they are."""
    for index in (0, 1):
        finish(run, index)
    place = ShardPlace(run.folder, 2, Origin(run.final.name, run.plan_hash(), 2, (2, 3), ((0, "bn"), (0, "plain"))))
    place.note(ShardNote(3, NUM_STEPS, 3, 0, 1.0, []))
    assert str(run.progress()) == "75 % of 48 steps, 4 of 8 networks done"
