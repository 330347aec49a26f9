"""Notes of shards in training: what does not fit counts as missing, and no reader ever fails."""

import json

import pytest
from support.made_runs import made_name, make_unfinished, shard_of
from support.made_training import NUM_STEPS, made_note, note

from bnreg.runs import disk
from bnreg.runs.in_training.notes import known_note, note_file


@pytest.fixture
def run(tmp_path):
    return make_unfinished(tmp_path, made_name(), num_steps=(NUM_STEPS, NUM_STEPS))


def known(run):
    return known_note(run.folder, 0, run.beginning().info, run.plan_hash())


def test_a_note_is_read_as_it_was_left(run):
    note(run, 0, epoch=1)
    assert known(run).note == made_note(run, 0, epoch=1) == shard_of(run, 0).noted()


def test_a_note_is_replaced_and_never_flushed(run, monkeypatch):
    """It may be lost with the power; a flush would hold up the training."""
    monkeypatch.setattr(disk, "_flush", pytest.fail)
    for epoch in (0, 1):
        note(run, 0, epoch)
    assert known(run).note.steps == 3
    assert [path.name for path in run.folder.glob("*note*")] == ["shard-0000-note.json"]


def test_a_note_that_is_cut_off_anywhere_is_missing(run):
    note(run, 0, epoch=1)
    file = note_file(run.folder, 0)
    content = file.read_bytes()
    for length in range(len(content)):
        file.write_bytes(content[:length])
        assert known(run) is None


CHANGES = {
    "another run": lambda it: it["origin"].update(run="other"),
    "another plan": lambda it: it["origin"].update(plan="0"),
    "another shard": lambda it: it["origin"].update(shard=1),
    "an unknown arm": lambda it: it["origin"]["cells"].append([0, "x\x1b[2J"]),
    "an unknown point": lambda it: it["origin"]["cells"].append([1, "bn"]),
    "a seed that is none": lambda it: it["origin"]["seeds"].append("0"),
    "no steps": lambda it: it["note"].pop("steps"),
    "more steps than there are": lambda it: it["note"].update(steps=NUM_STEPS + 1),
    "fewer steps than at its start": lambda it: it["note"].update(since=4),
    "another key": lambda it: it["note"].update(more=1),
    "a negative time": lambda it: it["note"].update(seconds=-1),
    "a row of another seed": lambda it: it["note"]["rows"][0].update(seed=9),
    "a row without its step": lambda it: it["note"]["rows"][0].pop("step"),
    "a metric that is text": lambda it: it["note"]["rows"][0].update(test_loss="\x1b[2J"),
    "a metric with a control character": lambda it: it["note"]["rows"][0].update({"\x1b[2J": 1.0}),
    "a row that is none": lambda it: it["note"]["rows"].append(7),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_note_that_does_not_fit_is_missing(run, change):
    note(run, 0, epoch=1)
    file = note_file(run.folder, 0)
    content = json.loads(file.read_bytes())
    change(content)
    file.write_text(json.dumps(content))
    assert known(run) is None


def test_a_note_in_a_folder_that_is_gone_is_left_out(run):
    """A moved run leaves nothing in its old place."""
    place = shard_of(run, 0)
    left = made_note(run, 0, epoch=1)
    run.folder.rename(run.folder.with_name("moved"))
    place.note(left)
    assert not run.folder.exists()
