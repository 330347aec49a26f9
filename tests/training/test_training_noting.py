"""Notes on a shard in training: when they are left, what they hold, and that nothing depends on them."""

from types import SimpleNamespace

import pytest
from support.cells import make_cell
from support.stacks import shard_of

from bnreg.runs.in_training import notes
from bnreg.runs.in_training.shard import ShardPlace
from bnreg.runs.origin import Origin
from bnreg.training import frame, noting
from bnreg.training.engines import ENGINES
from bnreg.training.messages import EvaluationDone, StepsDone
from bnreg.training.noting import Noting
from bnreg.training.shard_job import train_and_keep

SHARD = shard_of([make_cell("plain", data={"batch_size": 30, "train_size": 80}, training={"epochs": 4})])
STEPS_PER_EPOCH = 3


class Kept:
    """A store that keeps the notes, each of which takes so many seconds to leave."""

    def __init__(self, clock, seconds=0.0):
        self.notes, self._clock, self._seconds = [], clock, seconds

    def note(self, note):
        self._clock.now += self._seconds
        self.notes.append(note)

    def noted(self):
        return self.notes[-1] if self.notes else None


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(noting, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def taken_at(clock, store, seconds):
    """The steps of the notes that are left if a message comes after each of these seconds, one step at a time."""
    it = Noting(store, SHARD, 200, 0)
    for steps, second in enumerate(seconds, 1):
        clock.now = 100.0 + second
        it.take(StepsDone(0, steps))
    return [note.steps for note in store.notes]


def test_notes_are_left_at_once_and_then_about_once_per_second(clock):
    assert taken_at(clock, Kept(clock), [0, 0.5, 0.9, 1.1, 1.5, 2.2]) == [1, 4, 6]


def test_notes_that_take_long_are_rare(clock):
    """They cost at most a hundredth of the time."""
    assert taken_at(clock, Kept(clock, seconds=0.5), [0, 2, 30, 50, 51, 99]) == [1, 5]


def test_a_note_holds_how_far_the_shard_is(clock):
    store = Kept(clock)
    it = Noting(store, SHARD, 200, 2)
    row = {"point_index": 0, "arm": "plain", "seed": 0, "epoch": 1, "step": 3, "test_accuracy": 0.5}
    clock.now += 7
    it.take(EvaluationDone(0, 1, 3, [row]))
    (note,) = store.notes
    assert (note.steps, note.num_steps, note.steps_per_epoch, note.since, note.seconds) == (3, 12, 3, 2, 7.0)
    assert note.rows == [row]


def place(folder):
    folder.mkdir(exist_ok=True)
    return ShardPlace(folder, 0, Origin("run", "plan", 0, SHARD.seeds, ((0, "plain"),)))


def trained(store, tiny, engine, *, stop_after=None):
    """Train the shard, or stop after a message; return its results as they are kept."""
    options = {"engine": engine, "device": "cpu", "snapshot_seconds": 1e9, "log": pytest.fail}
    for number, _ in enumerate(train_and_keep(SHARD, store, tiny, **options), 1):
        if number == stop_after:
            return None
    return [{**row, "seconds": 0} for table in store.result().tables.values() for row in table]


@pytest.mark.parametrize("engine", [name for name in ENGINES if ENGINES[name].unavailable() is None])
@pytest.mark.parametrize("harm", ["none", "lost", "cut", "foreign"])
def test_no_result_depends_on_a_note(tmp_path, tiny, monkeypatch, engine, harm):
    """Whatever becomes of the note of a stopped shard; intact, it goes on without a gap."""
    monkeypatch.setattr(frame, "REPORT_SECONDS", -1.0)
    undisturbed = trained(place(tmp_path / "one"), tiny, engine)
    store = place(tmp_path / "two")
    trained(store, tiny, engine, stop_after=6)
    file = notes.note_file(store.run, 0)
    if harm == "lost":
        file.unlink()
    elif harm != "none":
        file.write_bytes(file.read_bytes()[:50] if harm == "cut" else b'{"origin": {}}')
    assert trained(store, tiny, engine) == undisturbed
    epochs = [row["epoch"] for row in store.noted().rows if row["seed"] == SHARD.seeds[0]]
    assert epochs[-1] == 4
    if harm == "none":
        assert epochs == [1, 2, 3, 4]


def test_a_note_that_cannot_be_written_stops_nothing(tmp_path, tiny, monkeypatch):
    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(notes.disk, "replace", refuse)
    assert trained(place(tmp_path / "one"), tiny, "torch")


def test_rows_after_the_snapshot_are_forgotten(clock):
    """Training goes on before them and comes to them again."""
    store = Kept(clock)
    rows = [{"step": step} for step in (3, 6, 9)]
    store.notes.append(SimpleNamespace(rows=rows))
    it = Noting(store, SHARD, 200, 6)
    it.leave()
    assert store.notes[-1].rows == rows[:2]
