"""Texts that try to move a cursor, name another folder, be a formula or run as a script: none succeeds."""

import csv
import functools
import io
import json
from collections.abc import Iterator

from commands import Done, bnreg, empty_folder
from support.made_runs import CONFIG, made_name, make_run  # found through commands
from torture import Case

TITLE = "hostile strings in name, arm, config, path, table, CSV, page"
PROMISE = "No text in a config, a path or a run moves a cursor, acts as a formula or runs as a script."

STRINGS = (
    "\x1b[2J\x1b[H",
    "\x1b]0;owned\x07",
    "\x1b[31mred",
    "\x1b]8;;http://x\x1b\\link",
    "\x9b2J",
    "\r overwritten",
    "a\nb",
    "a\tb",
    "\x07bell",
    "\x08\x08\x08",
    "\x7f",
    "\x00",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "\u200b",
    "\ufeff",
    "\u2028",
    "\x85",
    "[bold red]x[/]",
    "[link=http://x]y[/link]",
    "[/]",
    "[red",
    ":bomb:",
    "\\[x]",
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1",
    "'=1",
    '"=1"',
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=1>',
    "javascript:alert(1)",
    "&lt;script&gt;",
    "{{7*7}}",
    "${7*7}",
    "%s%n%x",
    "{0.__class__}",
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    ".",
    "~",
    "$(touch owned)",
    "`touch owned`",
    "a" * 5000,
)
SIGNS = ("=", "+", "-", "@", "\t")


def cases(full: bool) -> Iterator[Case]:
    """Each string in every place."""
    for number, text in enumerate(STRINGS):
        if full or number % 10 == 0:
            yield f"{text[:30]!r}", functools.partial(_try, text)


def _try(text: str) -> None:
    with empty_folder() as folder:
        _in_a_config(text)
        _as_a_path(text)
        _in_a_run(text)
        assert not list(folder.rglob("owned"))


def _in_a_config(text: str) -> None:
    for config in (
        {"name": text},
        {"arms": {text: {}, "b": {"model": {"norm": "batch"}}}, "baseline": "b"},
        {"model": {"activation": text}},
        {"data": {"root": text}},
        {text: 1},
    ):
        with open("x.yaml", "w", encoding="utf-8") as file:  # noqa: PTH123 # JSON is also YAML
            json.dump(config, file)
        _assert_inert(bnreg("train", "x.yaml", "--dry-run"), (0, 2))
    for override in (f"data.root={text}", f"name={text}", text):
        if "\0" not in override:
            _assert_inert(bnreg("train", "x.yaml", override, "--dry-run"), (0, 2))


def _as_a_path(text: str) -> None:
    for command in (
        ["compare"],
        ["show"],
        ["train"],
        ["runs", "--runs"],
        ["train", "--resume"],
        ["plot"],
        ["diff", "x"],
    ):
        _assert_inert(bnreg(*command, text), (0, 1, 2))


def _in_a_run(text: str) -> None:
    """Write runs by hand, with the right checksums; they are refused in one line, or shown harmlessly."""
    points = [{"data.root": "a"}, {"data.root": text}]
    fields = {
        "arm": {"accuracies": {text: 0.9, "plain": 0.8}},
        "baseline": {"baseline": text},
        "point": {"points": points},
        "key": {"points": [{text: 1}, {text: 2}]},
        "device": {"device": text},
        "command": {"command": ["bnreg", text]},
        "dataset": {"data": {text: {"name": text, "fingerprint": text, "num_train": 1, "num_test": 1}}},
        "platform": {"platform": text, "git_commit": text, "versions": {text: text}},
        "cpu": {"cpu": text, "packages": {text: text}},
        "config": {"config": {**CONFIG, "data": {**CONFIG["data"], "root": text}}},
    }
    for number, options in enumerate(fields.values()):
        run = make_run("runs", made_name(number=number), num_seeds=2, **options)
        codes = {_assert_inert(bnreg(*command), (0, 2)).code for command in (["compare", run], ["show", run])}
        _assert_inert(bnreg("compare", run, "--group-by", "data.root", "--columns", "data.root", "--md"), (0, 2))
        _assert_inert(bnreg("compare", run, "--latex"), (0, 2))
        table = _assert_inert(bnreg("compare", run, "--csv", "--columns", "data.root"), (0, 2)).out
        cells = [cell for row in csv.reader(io.StringIO(table)) for cell in row]
        assert not [cell for cell in cells if cell.startswith(SIGNS) and not _is_number(cell)], cells
        if codes == {0} and number < 3:
            done = bnreg("plot", run, "-o", f"{number}.html")
            _assert_inert(done, (0, 2))
            if done.code == 0:
                with open(f"{number}.html", encoding="utf-8") as page:  # noqa: PTH123 # beside the others
                    assert "<" not in text or text not in page.read()
    _assert_inert(bnreg("runs"), (0,))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _assert_inert(done: Done, codes: tuple[int, ...]) -> Done:
    """Check that the output has only printable characters and line ends, and no traceback."""
    assert done.code in codes, done
    assert all(line.isprintable() for text in (done.out, done.err) for line in text.split("\n")), done
    assert "Traceback" not in done.err, done.err
    return done
