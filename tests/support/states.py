"""A state in the middle of training, and changes of it that no engine may continue from."""

import copy
import json

import numpy as np
import pytest
from hypothesis import strategies as st
from support.cells import make_cell, make_tiny
from support.run_fuzz import VALUES, paths_of
from support.stacks import BN, PLAIN, make_engine, shard_of

from bnreg.training import frame
from bnreg.training.messages import EngineState

DATA = {"batch_size": 30, "train_size": 80, "validation_size": 40}
TRAINING = {"epochs": 3, "early_stopping": {"patience": 1, "metric": "validation_loss"}, "weights": "best"}
CELLS = [
    make_cell("bn", model=BN | {"dropout": 0.3, "dropout_placement": "last_layer"}, data=DATA, training=TRAINING),
    make_cell("plain", model=PLAIN, data=DATA, training=TRAINING),
]
SHARD = shard_of(CELLS)
TINY = make_tiny()


def state_in_training(shard=SHARD):
    """The state in the middle of the second epoch, as it is after a stay on the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame, "REPORT_SECONDS", -1.0)
        it = make_engine("torch", shard, TINY, "cpu")
        for _ in it.train():
            if it.num_steps == 5:
                break
        state = it.state()
    return EngineState(state.arrays, json.loads(json.dumps(state.facts)))


STATE = state_in_training()


def changed(change):
    state = EngineState({name: values.copy() for name, values in STATE.arrays.items()}, copy.deepcopy(STATE.facts))
    change(state)
    return state


def with_facts(facts):
    return EngineState(changed(lambda _: None).arrays, facts)


def array_of(state, part):
    return next(name for name in state.arrays if part in name)


REFUSED = {
    "no facts": lambda state: state.facts.clear(),
    "no arrays": lambda state: state.arrays.clear(),
    "an evaluation beyond the last": lambda state: state.facts.update(evaluated=4),
    "half an evaluation": lambda state: state.facts.update(evaluated=1.5),
    "a negative step": lambda state: state.facts.update(steps=-1),
    "a step before the last evaluation": lambda state: state.facts.update(steps=2),
    "a step beyond the next evaluation": lambda state: state.facts.update(steps=7),
    "more evaluations than rows": lambda state: state.facts.update(evaluated=2, steps=6),
    "other initial weights": lambda state: state.facts["stacks"][0]["initial_weights"].reverse(),
    "another order of examples": lambda state: state.facts["batch_order"].reverse(),
    "a row too few": lambda state: state.facts["rows"].pop(),
    "a row of another seed": lambda state: state.facts["rows"].append(state.facts["rows"][0] | {"seed": 99}),
    "a row of another epoch": lambda state: state.facts["rows"][0].update(epoch=2),
    "a row without a metric": lambda state: state.facts["rows"][0].pop("train_loss"),
    "a metric that is text": lambda state: state.facts["rows"][0].update(train_loss="low"),
    "an infinite metric": lambda state: state.facts["rows"][0].update(train_loss=float("inf")),
    "a stack too few": lambda state: state.facts["stacks"].pop(),
    "other weights": lambda state: state.arrays.update({array_of(state, "network/"): np.zeros(3, np.float32)}),
    "another generator": lambda state: state.arrays.update({array_of(state, "generator/"): np.zeros(3, np.uint8)}),
    "fewer answers": lambda state: state.arrays.update({array_of(state, "correct/"): np.zeros(3, np.bool_)}),
    "answers of another type": lambda state: state.arrays.update(
        {array_of(state, "correct/"): state.arrays[array_of(state, "correct/")].astype(np.float32)}
    ),
    "best weights of another network": lambda state: state.arrays.update({"stack0/best/9/linear0.weight": np.zeros(3)}),
    "best weights without a layer": lambda state: state.arrays.pop(array_of(state, "best/")),
}


@st.composite
def state_changes(draw):
    """The state with a fact of any shape, or an array of any shape and type."""
    state = changed(lambda _: None)
    if draw(st.booleans()):
        path = draw(st.sampled_from([path for path in paths_of(state.facts) if path]))
        inner = state.facts
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = draw(st.sampled_from([*VALUES, float("nan"), float("inf")]))
    else:
        name = draw(st.sampled_from(sorted(state.arrays)))
        shape = draw(st.sampled_from([(), (0,), (1,), (3,), (2, 6, 36), state.arrays[name].shape]))
        kind = draw(st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_]))
        state.arrays[name] = np.full(shape, draw(st.sampled_from([0, 1])), kind)
    return state


def is_continued_or_refused(state):
    """Train from a state to the end, unless it is refused with a reason."""
    try:
        it = make_engine("torch", SHARD, TINY, "cpu", state)
    except ValueError:
        return
    for _ in it.train():
        pass
    it.result()
