"""What is kept of a run belongs to it: that of another run, plan or shard is damaged."""

import json
import shutil
import struct
from dataclasses import replace

import numpy as np
import pytest
from support.made_runs import make_unfinished, reseal, shard_of

from bnreg.names import ReplicaId
from bnreg.runs.folder import DamagedError
from bnreg.runs.in_training.unfinished import UnfinishedRun
from bnreg.training.messages import EngineState, Proof, ShardResult

STATE = EngineState({"w": np.zeros(2)}, {"epochs": 1})


def result_of(place):
    replicas = place.origin.replicas
    return ShardResult(
        {"metrics": [replica._asdict() for replica in replicas]},
        [Proof(replica, "w", "b", 1) for replica in replicas],
        {replica: np.zeros(1, np.uint8) for replica in replicas},
    )


@pytest.fixture
def run(tmp_path):
    return make_unfinished(tmp_path, "lift-20261101T120000Z-000001")


@pytest.fixture
def other(tmp_path):
    return make_unfinished(tmp_path, "lift-20261102T120000Z-000002")


def states_of(place):
    said = []
    return [*place.states(said.append)], said


def test_what_was_kept_is_read_again(run):
    place = shard_of(run, 0)
    place.save(3, STATE)
    (state,), said = states_of(place)
    assert (state.facts, said) == (STATE.facts, [])
    place.commit(result_of(place))
    assert place.is_done(pytest.fail)


@pytest.mark.parametrize("index", [0, 1])
def test_a_state_or_a_result_of_another_run_or_shard_is_trained_again(run, other, index):
    """Index 0: the same shard of another run; index 1: another shard of the same run."""
    source = shard_of(other, 0) if index == 0 else shard_of(run, 1)
    mine = shard_of(run, 0)
    source.save(3, STATE)
    stolen = mine.run / "shard-0000-step-000000003"
    shutil.copytree(source.run / f"shard-{source.index:04}-step-000000003", stolen)
    states, (line,) = states_of(mine)
    assert states == []
    assert line == (f"warning: {stolen}: damaged: it belongs to another run or shard; training from an earlier state")
    assert not stolen.exists()
    source.commit(result_of(source))
    shutil.copytree(source.folder, mine.folder)
    said = []
    assert not mine.is_done(said.append)
    assert said == [f"warning: {mine.folder}: damaged: it belongs to another run or shard; training this shard again"]
    assert not mine.folder.exists()


@pytest.mark.parametrize("change", [{"seeds": (7,)}, {"cells": ((0, "plain"),)}, {"plan": "0" * 64}])
def test_a_result_of_other_seeds_cells_or_plan_is_trained_again(run, change):
    place = shard_of(run, 0)
    place.commit(result_of(place))
    assert not replace(place, origin=replace(place.origin, **change)).is_done(lambda _: None)


@pytest.mark.parametrize(
    "change",
    [
        lambda result: result.pairing.pop(),
        lambda result: result.tables["metrics"].append({"point_index": 0, "arm": "bn", "seed": 9}),
        lambda result: result.correct.pop(ReplicaId(0, "bn", 0)),
    ],
    ids=["a proof is missing", "a row of another seed", "answers are missing"],
)
def test_a_result_without_its_networks_is_trained_again(run, change):
    place = shard_of(run, 0)
    result = result_of(place)
    change(result)
    place.commit(result)
    said = []
    assert not place.is_done(said.append)
    assert said == [
        f"warning: {place.folder}: damaged: its content is not what bnreg writes; training this shard again"
    ]


def test_the_plan_of_another_run_is_refused(run, other):
    for name in ("plan.json", "config.yaml", "manifest.json"):
        shutil.copy(other.folder / name, run.folder / name)
    line = f"{run.folder / 'plan.json'}: damaged: it belongs to another run, {other.final.name}"
    with pytest.raises(DamagedError) as refusal:
        run.beginning()
    assert refusal.value.lines == (line,)


def test_a_run_or_a_shard_that_is_a_link_is_not_followed(run, tmp_path):
    linked = UnfinishedRun(tmp_path / "lift-20261103T120000Z-000003.unfinished")
    linked.folder.symlink_to(run.folder)
    with pytest.raises(DamagedError, match="it is a link; use the folder that it leads to"):
        linked.beginning()
    place = shard_of(run, 0)
    place.commit(result_of(place))
    place.folder.rename(tmp_path / "elsewhere")
    place.folder.symlink_to(tmp_path / "elsewhere")
    said = []
    assert not place.is_done(said.append)
    assert said == [f"warning: {place.folder}: damaged: it is a link; training this shard again"]
    assert (tmp_path / "elsewhere" / "manifest.json").is_file()
    assert not place.folder.is_symlink()


@pytest.mark.parametrize("record", [b"", b"[]", b"{}", b'{"number": NaN}', b"\xff", b"[" * 9000])
def test_the_record_of_an_attempt_may_be_anything(run, record):
    (run.folder / "attempt.json").write_bytes(record)
    assert run.attempt() is None
    assert run.state() == (
        "abandoned",
        "0 of 2 shards trained; the record of its last process, attempt.json, cannot be read",
    )


@pytest.mark.parametrize(
    "change",
    [
        *({"number": "1"}, {"number": True}, {"process": -1}, {"process": 10**30}, {"beat": None}, {"seconds": [1]}),
        *({"seconds": -1}, {"ended": 3}, {"more": 1}, {"machine": "\x1b[2J"}, {"ended": "failed: \x1b]0;title\x07"}),
    ],
    ids=str,
)
def test_an_attempt_of_other_types_is_not_believed(run, change):
    attempt = {"number": 1, "machine": "m", "process": 1, "beat": 1.0, "seconds": 1.0, "ended": "failed: why"}
    (run.folder / "attempt.json").write_text(json.dumps(attempt))
    assert run.state() == ("failed", "0 of 2 shards trained; why")
    (run.folder / "attempt.json").write_text(json.dumps(attempt | change))
    assert run.attempt() is None


def test_what_a_parser_quotes_of_a_damaged_state_moves_no_cursor(run):
    """An unknown type of arrays is quoted by the parser, here with the sequence that clears a terminal."""
    place = shard_of(run, 0)
    place.save(3, STATE)
    (folder,) = run.folder.glob("shard-*-step-*")
    header = json.dumps({"w": {"dtype": "\x1b[2J", "shape": [2], "data_offsets": [0, 16]}}).encode()
    reseal(folder, "arrays.safetensors", struct.pack("<Q", len(header)) + header + bytes(16))
    states, (line,) = states_of(place)
    assert states == []
    assert line.isprintable()
    assert r"\x1b[2J" in line
