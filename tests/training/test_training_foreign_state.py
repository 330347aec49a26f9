"""An engine continues only from a state of its own networks; anything else is refused with a reason."""

import contextlib

import pytest
from hypothesis import given, settings
from support.cells import make_cell
from support.stacks import BN, PLAIN, make_engine, shard_of, trained
from support.states import (
    CELLS,
    DATA,
    REFUSED,
    SHARD,
    STATE,
    TINY,
    TRAINING,
    changed,
    is_continued_or_refused,
    state_changes,
)

from bnreg.training.shard_job import train_and_keep


def test_its_own_state_is_accepted():
    assert trained(SHARD, TINY, state=STATE).tables["metrics"] == trained(SHARD, TINY).tables["metrics"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_a_state_of_this_shard_is_refused(name):
    with pytest.raises(ValueError, match=r"^(it|its|what it kept) "):
        make_engine("torch", SHARD, TINY, "cpu", changed(REFUSED[name]))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"seeds": (5, 3)}, "its examples came in another order"),
        ({"seeds": (3, 7)}, "its examples came in another order"),
    ],
)
def test_the_state_of_other_networks_is_refused(change, reason):
    with pytest.raises(ValueError, match=reason):
        make_engine("torch", shard_of(CELLS, **change), TINY, "cpu", STATE)


def test_the_state_of_networks_with_other_initial_weights_is_refused():
    other = [
        make_cell("bn", model=BN | {"init": {"scheme": "orthogonal"}}, data=DATA, training=TRAINING),
        make_cell("plain", model=PLAIN | {"init": {"gain": 2.0}}, data=DATA, training=TRAINING),
    ]
    with pytest.raises(ValueError, match="its networks began with other weights"):
        make_engine("torch", shard_of(other), TINY, "cpu", STATE)


class Kept:
    """A store whose states are given."""

    def __init__(self, *states):
        self._states = states
        self.result = None

    def states(self, _):
        yield from self._states

    def is_done(self, _):
        return False

    def locked(self):
        return contextlib.nullcontext()

    def save(self, steps, state):
        pass

    def commit(self, result):
        self.result = result

    def note(self, note):
        pass

    def noted(self):
        return None


def test_training_goes_on_from_the_newest_state_that_fits():
    """The results are those of undisturbed training, and each state that was left out is said."""
    whole = trained(SHARD, TINY)
    bad = changed(REFUSED["other weights"])
    for states, num_warnings in (((bad, STATE), 1), ((bad, bad), 2), ((STATE, bad), 0)):
        said = []
        store = Kept(*states)
        options = {"engine": "torch", "device": "cpu", "snapshot_seconds": 1e9, "log": said.append}
        assert [*train_and_keep(SHARD, store, TINY, **options)]
        assert store.result.tables["metrics"] == whole.tables["metrics"]
        assert store.result.pairing == whole.pairing
        assert len(said) == num_warnings
        assert all(line.startswith("warning: shard 0: a kept state cannot be continued: ") for line in said)


@settings(max_examples=60)
@given(state_changes())
def test_any_state_is_continued_or_refused(state):
    """Facts of any shape, and arrays of any shape and type."""
    is_continued_or_refused(state)
