"""Files are placed without replacing anything, on any file system."""

import errno
import os
from types import SimpleNamespace

import pytest

from bnreg.errors import UserError
from bnreg.runs import disk
from bnreg.runs.folder import new_folder, write_file


@pytest.fixture
def failing(monkeypatch):
    """Let one operation of the file system answer with an error: ``failing("link", errno.EPERM)``."""
    monkeypatch.setattr(disk, "limits", set())

    def fail(operation, number):
        def refuse(*_, **__):
            raise OSError(number, os.strerror(number))

        operations = SimpleNamespace(**{name: getattr(os, name) for name in dir(os)} | {operation: refuse})
        monkeypatch.setattr(disk, "os", operations)

    return fail


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_at_the_last_moment_is_not_replaced(tmp_path, monkeypatch, failing, links):
    if not links:
        failing("link", errno.EPERM)
    final = tmp_path / "chart.svg"
    write = disk.write

    def write_and_lose(path, content):
        write(path, content)
        final.write_text("theirs")

    monkeypatch.setattr(disk, "write", write_and_lose)
    with pytest.raises(UserError, match="already exists and will not be overwritten; choose another path with -o"):
        write_file(final, b"mine", option="-o")
    assert [path.name for path in tmp_path.iterdir()] == ["chart.svg"]
    assert final.read_text() == "theirs"


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_is_written_without_links(tmp_path, failing, number):
    failing("link", number)
    write_file(tmp_path / "chart.svg", b"mine", option="-o")
    assert [path.name for path in tmp_path.iterdir()] == ["chart.svg"]
    assert (tmp_path / "chart.svg").read_text() == "mine"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_folder_is_written_where_nothing_can_be_flushed(tmp_path, failing, number):
    failing("fsync", number)
    with new_folder(tmp_path / "run", what="run", option="--runs") as draft:
        draft.write("weights/a", b"1")
    assert (tmp_path / "run" / "weights" / "a").read_bytes() == b"1"
    assert disk.limits == {
        "this file system cannot flush to the disk: what was just written may not survive a power loss"
    }


def test_a_failed_flush_is_an_error(tmp_path, failing):
    failing("fsync", errno.EIO)
    with (
        pytest.raises(UserError, match="Input/output error"),
        new_folder(tmp_path / "run", what="run", option="--runs") as draft,
    ):
        draft.seal()
    assert not (tmp_path / "run").exists()


def test_nothing_is_made_in_a_folder_that_is_gone(tmp_path):
    with (
        pytest.raises(UserError, match="cannot write a shard here"),
        new_folder(tmp_path / "gone" / "shard", what="shard", option="--runs", parents=False),
    ):
        pass
    assert not (tmp_path / "gone").exists()


def test_a_file_is_complete_even_if_the_system_writes_a_part_at_a_time(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:3]))
    disk.write(tmp_path / "a", b"0123456789")
    assert disk.read(tmp_path / "a", max_bytes=10) == b"0123456789"
    with pytest.raises(OSError, match="larger than"):
        disk.read(tmp_path / "a", max_bytes=9)


def test_a_hidden_link_is_discarded_and_not_what_it_leads_to(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / ".link").symlink_to(tmp_path / "thesis")
    disk.discard(tmp_path / ".link")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis"]


def test_a_file_where_a_folder_should_be_is_an_error(tmp_path):
    (tmp_path / "runs").touch()
    with pytest.raises(FileExistsError):
        disk.make_folder(tmp_path / "runs")
