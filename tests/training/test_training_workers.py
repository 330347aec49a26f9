"""Worker processes that die at awkward moments: one line each, and nothing that was finished is lost."""

import multiprocessing
import os
import signal
import struct

import pytest

from bnreg.errors import RunError
from bnreg.training import workers
from bnreg.training.messages import ShardDone
from bnreg.training.shards import Shard

SHARDS = [Shard(index, (index,), (), drop_single=False) for index in range(2)]


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def die_in_the_middle_of_a_message(pipe, *_):
    pipe.recv()
    os.write(pipe.fileno(), struct.pack("!i", 100_000) + b"only the beginning")
    die()


def die_after_the_first_shard(pipe, *_):
    pipe.recv()
    pipe.send(ShardDone(0))
    die()


@pytest.mark.parametrize("work", [die, die_in_the_middle_of_a_message, die_after_the_first_shard])
def test_a_worker_that_dies_is_one_line(monkeypatch, work):
    monkeypatch.setattr(workers, "_work", work)
    with pytest.raises(RunError, match=r"the worker process that trained seed [01] was ended by signal 9"):
        list(workers.train_shards(SHARDS, {}, device="cpu", num_workers=1))


def test_a_worker_that_dies_after_its_last_shard_loses_nothing(monkeypatch):
    monkeypatch.setattr(workers, "_work", die_after_the_first_shard)
    assert list(workers.train_shards(SHARDS[:1], {}, device="cpu", num_workers=1)) == [ShardDone(0)]


def test_an_unforeseen_error_in_a_worker_comes_with_its_traceback(tmp_path):
    with pytest.raises(RunError, match=r"(?s)Traceback.*training of seed 0 failed: IndexError"):
        list(workers.train_shards(SHARDS[:1], {"mnist": tmp_path}, device="cpu", num_workers=1))


def test_no_worker_outlives_a_coordinator_that_stops_listening(monkeypatch):
    monkeypatch.setattr(workers, "_work", die_after_the_first_shard)
    said = workers.train_shards(SHARDS, {}, device="cpu", num_workers=2)
    next(said)
    said.close()
    assert not multiprocessing.active_children()
