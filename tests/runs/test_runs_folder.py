"""A run folder that cannot be written gives one line and leaves nothing behind."""

import errno
import os

import pytest
from support.made_runs import new_run

from bnreg.errors import RunError, UserError


def test_a_full_disk_fails_the_run_and_leaves_nothing(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write_a_run():
        with new_run(tmp_path, "full") as (_, draft):
            monkeypatch.setattr(os, "fsync", full)
            draft.write("metrics.csv", b"arm\n")

    with pytest.raises(RunError, match=r"metrics\.csv of this run cannot be written: No space left on device"):
        write_a_run()
    assert not list(tmp_path.iterdir())


def test_a_root_that_is_a_file_is_the_users_mistake(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(UserError, match="cannot write a run here"), new_run(tmp_path / "runs", "x"):
        pass


def test_runs_that_start_in_one_second_get_their_own_folders(tmp_path):
    for _ in range(20):
        with new_run(tmp_path, "same") as (_, draft):
            draft.write("a", b"")
    assert len(list(tmp_path.iterdir())) == 20
