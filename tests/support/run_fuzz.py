"""Run folders with changed contents and right checksums, and a check that must hold for all of them."""

import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from hypothesis import strategies as st
from support.made_runs import make_run, make_unfinished, reseal, shard_of
from support.made_training import made_note

from bnreg.runs.names import UNFINISHED

VALUES = (
    *(None, True, 0, -1, 1, 1.5, 99, 10**9, 10**30, 1e308),
    *("", "a", "1", "nan", "\x1b[2J", "../x", "bn", "2026-11-23T03:45:29+00:00"),
    *([], [1], ["a"], [[]], {}, {"a": 1}, {"a": {"a": []}}),
)
# As text in the file, because Python would not write them.
RAW = ("NaN", "Infinity", "-Infinity", "1e999", "[" * 2000 + "]" * 2000)
POINTS = ({"optimizer.lr": 0.1}, {"optimizer.lr": 0.2})


LIFT = "lift-20261101T120000Z-000000"
RISE = "rise-20261102T120000Z-000001.unfinished"
RECORDS = (
    *(f"{LIFT}/run.json", f"{LIFT}/manifest.json"),
    *(f"{RISE}/plan.json", f"{RISE}/attempt.json", f"{RISE}/manifest.json", f"{RISE}/shard-0000-note.json"),
)


def make_victims(root: Path) -> None:
    """A complete run with a sweep and an unfinished one with the record of an attempt."""
    origin = {"git_dirty": True, "cpu": "AMD EPYC", "packages": {"rich": "15.0"}}
    make_run(root, LIFT, num_seeds=6, points=POINTS, accuracies={"bn": 0.9, "plain": 0.8}, **origin)
    run = make_unfinished(root, RISE.removesuffix(UNFINISHED), num_steps=(6, 6))
    shard_of(run, 0).note(made_note(run, 0, epoch=1))
    attempt = {"number": 1, "machine": "m", "process": 1, "beat": 1.0, "seconds": 1.0, "ended": "failed: why"}
    (run.folder / "attempt.json").write_text(json.dumps(attempt))
    (run.folder / "run.lock").touch()


def paths_of(value, path=()):
    """The path of every value in JSON data, of the whole first."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths_of(inner, (*path, key))


@st.composite
def changes(draw, content: bytes):
    """The text of JSON with one value replaced or removed, or cut off somewhere."""
    data = json.loads(content)
    path = draw(st.sampled_from([*paths_of(data)]))
    kind = draw(st.sampled_from(["value", "raw", "remove", "cut"]))
    if kind == "cut":
        return content[: draw(st.integers(0, len(content)))]
    new = draw(st.sampled_from(VALUES)) if kind == "value" else "\0raw"
    if not path:
        data = new
    else:
        inner = data
        for key in path[:-1]:
            inner = inner[key]
        if kind == "remove":
            del inner[path[-1]]
        else:
            inner[path[-1]] = new
    return json.dumps(data).replace(json.dumps("\0raw"), draw(st.sampled_from(RAW))).encode()


def is_survived(victims: Path, record: str, change: bytes) -> None:
    """Each command that reads a changed record answers, or says in plain lines what is wrong; ``runs`` lists every run.

    A record that is sealed has a right checksum.

    Args:
        victims: The folder of ``make_victims``, which is copied.
        record: One of ``RECORDS``.
        change: Its new content.
    """
    changed, _, name = record.partition("/")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "runs"
        shutil.copytree(victims, root)
        if name in ("manifest.json", "attempt.json", "shard-0000-note.json"):
            (root / record).write_bytes(change)
        else:
            reseal(root / changed, name, change)
        listed = called("runs", "--runs", root)
        assert listed.code == 0, listed
        assert all(start in listed.out for start in ("lift-2026", "rise-2026")), listed
        for command in COMMANDS:
            if f"@{changed}" in command:
                plain(called(*(str(root / word[1:]) if word.startswith("@") else word for word in command)))


COMMANDS = (
    ("compare", f"@{LIFT}", "--width", "100"),
    ("compare", f"@{LIFT}", "--json", "--where", "optimizer.lr<1", "--columns", "optimizer.lr", "--seeds"),
    ("show", f"@{LIFT}"),
    ("diff", f"@{LIFT}", f"@{LIFT}"),
    ("plot", f"@{LIFT}", "-o", "@lift.vl.json"),
    ("extend", f"@{LIFT}", "seeds=9", "--dry-run"),
    ("compare", f"@{RISE}"),
    ("show", f"@{RISE}"),
    ("watch", f"@{RISE}", "--once"),
    ("train", "--resume", f"@{RISE}", "--dry-run"),
)


class Answer:
    """What a command printed, and its exit code."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"exit code {self.code}\n{self.out}\n{self.err}"


def called(*arguments: object) -> Answer:
    """Call the command line in this process."""
    from bnreg.cli import main

    out, err = io.StringIO(), io.StringIO()
    before, columns = sys.argv, os.environ.get("COLUMNS")
    sys.argv = ["bnreg", *map(str, arguments)]
    os.environ["COLUMNS"] = "200"
    code = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.argv = before
        os.environ.pop("COLUMNS") if columns is None else os.environ.update(COLUMNS=columns)
    return Answer(code, out.getvalue(), err.getvalue())


def plain(answer: Answer) -> None:
    """Done, or refused in a few printable lines without a traceback."""
    assert answer.code in (0, 2), answer
    assert "Traceback" not in answer.err, answer
    assert all(line.isprintable() for line in (answer.out + answer.err).splitlines()), answer
    assert answer.code == 0 or 1 <= len(answer.err.splitlines()) <= 4, answer
