"""What macOS does in another way, simulated."""

import errno
import os
import sys
from types import SimpleNamespace

import pytest

from bnreg.runs import disk

fcntl = pytest.importorskip("fcntl", reason="Windows has no fcntl")


@pytest.mark.parametrize("is_supported", [True, False])
def test_a_file_is_flushed_down_to_the_disk_itself(tmp_path, monkeypatch, is_supported):
    """There, fsync leaves it in the disk's cache; a file system without the call that does not gets fsync."""

    def call(_, command):
        calls.append(command)
        if not is_supported:
            raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")

    calls = []
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", call)
    monkeypatch.setattr(os, "fsync", lambda _: calls.append("fsync"))
    names = {name: getattr(sys, name) for name in dir(sys)} | {"platform": "darwin"}
    monkeypatch.setattr(disk, "sys", SimpleNamespace(**names))
    disk.write(tmp_path / "a", b"content")
    assert calls == ([51] if is_supported else [51, "fsync"])
