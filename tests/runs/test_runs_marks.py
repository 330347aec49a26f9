"""Tags and notes: they belong to a run, stay beside its folder, and are checked before they are used."""

import errno
import json
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock
from support.made_runs import flip, made_name, make_run, make_unfinished

from bnreg.errors import UserError
from bnreg.runs import disk
from bnreg.runs.finding import marks
from bnreg.runs.finding.listing import list_marked_runs
from bnreg.runs.finding.marks import MAX_BYTES, MAX_NOTE, MAX_TAGS, Marks, change_marks, read_marks
from bnreg.runs.finding.removal import remove_run

KEPT = Marks(("keep", "v1.0"), "a line")
NAME = made_name()


@pytest.fixture
def run(tmp_path):
    """A run without marks."""
    return make_run(tmp_path, NAME, num_seeds=1)


@pytest.fixture
def file(run):
    """The file of a run's marks, which it has."""
    change_marks(run, lambda _: KEPT)
    return run.parent / ".marks" / f"{NAME}.json"


def everything(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_marks_are_kept_and_change_nothing_in_the_run(run):
    before = everything(run)
    assert read_marks(run) == Marks()
    assert not (run.parent / ".marks").exists()
    assert change_marks(run, lambda _: KEPT) == read_marks(run) == KEPT
    assert everything(run) == before


def test_the_last_mark_takes_its_file_with_it(run, file):
    change_marks(run, lambda _: Marks())
    assert not file.exists()
    assert read_marks(run) == Marks()


@pytest.mark.usefixtures("file")
def test_marks_stay_when_a_run_is_renamed_or_completed(run, tmp_path):
    renamed = run.rename(tmp_path / "best")
    assert read_marks(renamed) == KEPT
    unfinished = make_unfinished(tmp_path, made_name("rise", 1))
    change_marks(unfinished.folder, lambda _: KEPT)
    complete = make_run(tmp_path, made_name("rise", 1), num_seeds=1)
    assert read_marks(complete) == KEPT
    listed, mistakes = list_marked_runs(tmp_path)
    assert ({one.name: one.marks for one in listed}, mistakes) == ({"best": KEPT, complete.name: KEPT}, [])


@pytest.mark.usefixtures("file")
def test_a_damaged_run_keeps_its_marks(run):
    flip(run / "metrics.csv")
    ((listed,), _) = list_marked_runs(run.parent)
    assert (listed.state, listed.marks) == ("damaged", KEPT)


def test_marks_go_with_their_run(run, file, tmp_path):
    copy = make_run(tmp_path, made_name(number=1), num_seeds=1, id=NAME)
    remove_run(copy)
    assert read_marks(run) == KEPT  # which was only copied
    remove_run(run)
    assert not file.exists()
    rise = make_unfinished(tmp_path, made_name("rise", 1))
    change_marks(rise.folder, lambda _: KEPT)
    remove_run(rise.folder)
    assert [path.name for path in (tmp_path / ".marks").iterdir() if path.suffix == ".json"] == []


def test_the_lock_is_held_while_marks_change(run):
    """Otherwise one of two processes would lose the other's change."""

    def change(before):
        with pytest.raises(UserError, match=r"another process is changing tags or notes; try again$"):
            change_marks(run, lambda _: Marks(("other",)))
        return Marks((*before.tags, "mine"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(marks, "WAIT_SECONDS", 0.05)
        assert change_marks(run, change).tags == ("mine",)
    assert read_marks(run).tags == ("mine",)


def test_leftovers_of_a_killed_process_are_removed_with_the_next_change(run, file):
    leftover = file.with_name(f".{file.name}.0a1b2c.partial")
    leftover.write_text("{")
    assert list_marked_runs(run.parent)[1] == []
    change_marks(run, lambda _: Marks(("new",)))
    assert not leftover.exists()


def test_two_who_change_the_same_marks_lose_nothing(run):
    def add(start):
        for number in range(start, start + 10):
            change_marks(run, lambda before: Marks((*before.tags, f"tag-{number}")))  # noqa: B023 # called at once

    threads = [threading.Thread(target=add, args=[start]) for start in (0, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read_marks(run).tags) == sorted(f"tag-{number}" for number in range(20))


HOSTILE = {
    "empty": b"",
    "cut": b'{"tags": ["ke',
    "not text": b"\xff\xfe",
    "nested": b"[" * 9000,
    "a list": b"[]",
    "another key": b'{"tags": [], "note": "", "more": 1}',
    "no note": b'{"tags": []}',
    "repeated": b'{"tags": [], "tags": [], "note": ""}',
    "a tag that is no word": json.dumps({"tags": ["a b"], "note": ""}).encode(),
    "a tag that moves the cursor": json.dumps({"tags": ["\x1b[2J"], "note": ""}).encode(),
    "a tag that is a number": json.dumps({"tags": [1], "note": ""}).encode(),
    "a tag that is a list": json.dumps({"tags": [[]], "note": ""}).encode(),
    "a tag twice": json.dumps({"tags": ["a", "a"], "note": ""}).encode(),
    "many tags": json.dumps({"tags": [f"t{number}" for number in range(MAX_TAGS + 1)], "note": ""}).encode(),
    "tags as text": json.dumps({"tags": "keep", "note": ""}).encode(),
    "tags as a mapping": json.dumps({"tags": {"keep": 1}, "note": ""}).encode(),
    "a note that moves the cursor": json.dumps({"tags": [], "note": "\x1b]0;title\x07"}).encode(),
    "a note of two lines": json.dumps({"tags": [], "note": "a\nb"}).encode(),
    "a long note": json.dumps({"tags": [], "note": "a" * (MAX_NOTE + 1)}).encode(),
    "no text": json.dumps({"tags": [], "note": None}).encode(),
    "large": b" " * (MAX_BYTES + 1),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_bnreg_did_not_write_is_a_line(run, file, content, bnreg):
    """The run is listed and shown without marks, and they are not overwritten."""
    file.write_bytes(content)
    with pytest.raises(UserError) as refusal:
        change_marks(run, lambda _: Marks(("new",)))
    (line,) = refusal.value.lines
    assert line.startswith(f"{file}: ")
    assert line.isprintable()
    assert file.read_bytes() == content
    for command in (["runs", "--runs", run.parent], ["show", run]):
        done = bnreg(*command)
        assert (done.code, done.err) == (0, f"note: {line}\n")
        assert NAME in done.out
        assert "keep" not in done.out
    for command in (["tag", run], ["tag", run, "+new"], ["note", run], ["note", run, "text"]):
        done = bnreg(*command)
        assert (done.code, done.out, done.err) == (2, "", f"{line}\n")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(run, file):
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(UserError, match="cannot be read: not a regular file"):
        read_marks(run)


@pytest.mark.parametrize("name", [".marks", ".marks/marks.lock"])
def test_nothing_is_written_through_a_link(run, tmp_path, name):
    """Whoever can write to the folder of the runs could let a user write elsewhere."""
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "folder").mkdir(parents=True)
    (elsewhere / "file").write_text("mine")
    link = tmp_path / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(elsewhere / ("folder" if name == ".marks" else "file"))
    with pytest.raises(UserError, match=r"is a link; remove it$"):
        change_marks(run, lambda _: KEPT)
    assert everything(elsewhere) == {Path("file"): b"mine"}


def test_a_folder_that_cannot_be_written_is_a_line(run, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("bnreg.runs.disk.os.mkdir", refuse)
    with pytest.raises(UserError, match=r"^\S+/.marks: tags and notes cannot be written: Permission denied$"):
        change_marks(run, lambda _: KEPT)
    assert read_marks(run) == Marks()


def test_marks_that_are_no_folder_are_none(run):
    (run.parent / ".marks").write_text("a file")
    assert read_marks(run) == Marks()
    assert list_marked_runs(run.parent)[1] == []
    with pytest.raises(UserError, match="tags and notes cannot be written: "):
        change_marks(run, lambda _: KEPT)


def test_another_process_is_waited_for(run, file):
    lock = FileLock(file.with_name("marks.lock"), thread_local=False)
    lock.acquire()
    threading.Timer(0.2, lock.release).start()
    assert change_marks(run, lambda _: Marks(("new",))).tags == ("new",)


@pytest.mark.parametrize("operation", ["open", "write", "fsync", "replace"])
def test_a_disk_that_fails_leaves_the_old_marks(run, file, monkeypatch, operation):
    """The new ones are there completely or not at all."""
    real = getattr(os, operation)

    def fail(first, *others):
        if operation != "open" or others[0] & os.O_EXCL:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(first, *others)

    with monkeypatch.context() as patch:
        patch.setattr(disk, "os", SimpleNamespace(**vars(os) | {operation: fail}))
        with pytest.raises(UserError, match=r"tags and notes cannot be written: No space left on device$"):
            change_marks(run, lambda _: Marks(("new",)))
    assert read_marks(run) == KEPT
    assert {path.name for path in file.parent.iterdir()} == {file.name, "marks.lock"}


def test_a_folder_of_marks_that_cannot_be_read_is_said(run, file, monkeypatch):
    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(marks.os, "scandir", refuse)
    listed, mistakes = list_marked_runs(run.parent)
    assert mistakes == [f"{file.parent}: tags and notes cannot be read: Permission denied"]
    assert [one.marks for one in listed] == [Marks()]
