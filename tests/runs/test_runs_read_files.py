"""Reading a run: nothing is used unverified, and nothing is parsed before it is needed."""

import json
import sys

import pytest
import yaml
from support.forgeries import in_json
from support.made_runs import CONFIG, flip, made_name, make_run, reseal

from bnreg.errors import UserError
from bnreg.runs import read_run
from bnreg.runs.folder import checked_files
from bnreg.runs.read import UnreadableRunError


def test_tables_are_parsed_once_and_only_if_needed(tmp_path, monkeypatch):
    """Many runs can be read in a fraction of the time that parsing their epochs would take."""
    path = make_run(tmp_path, made_name())
    monkeypatch.setitem(sys.modules, "pandas", None)
    run = read_run(path)
    with pytest.raises(ImportError):
        _ = run.metrics
    monkeypatch.undo()
    assert run.metrics is run.metrics
    assert len(run.metrics) == 2 * len(run.summary["arm"]) == 40


def test_what_was_verified_is_what_is_parsed(tmp_path):
    """A file that changes between verification and parsing is not read."""
    path = make_run(tmp_path, made_name())
    run = read_run(path)
    (path / "metrics.csv").write_text("arm\nother\n")
    assert set(run.metrics["arm"]) == {"bn", "plain"}


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:-1],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [*lines[:-1], lines[-1].rpartition(",")[0]],
        lambda lines: [*lines[:-1], lines[-1] + ",1"],
        lambda lines: [*lines[:-1], lines[-1].replace("plain", "other")],
        lambda lines: [*lines[:-1], lines[-1].rpartition(",")[0] + ",many"],
        lambda lines: lines[:1],
    ],
    ids=["too few rows", "too many rows", "a short row", "a long row", "no arm's row", "a word", "no rows"],
)
def test_a_summary_that_does_not_match_the_replicas_is_damaged(tmp_path, change):
    """Even if its checksum is right: bnreg did not write it."""
    path = make_run(tmp_path, made_name())
    lines = (path / "summary.csv").read_text().splitlines()
    assert len(read_run(path).summary["arm"]) == len(lines) - 1
    reseal(path, "summary.csv", "\n".join(change(lines)).encode())
    with pytest.raises(UnreadableRunError, match=r"summary\.csv: damaged run: (not a table|its rows are not)"):
        read_run(path)


def test_the_config_is_that_of_run_json(tmp_path):
    path = make_run(tmp_path, made_name())
    assert read_run(path).config == json.loads((path / "run.json").read_text())["config"]


def test_the_config_of_an_older_run_is_that_of_its_yaml(tmp_path):
    """It is read as written: text that looks like a number stays text."""
    optimizer = {"lr": 1e-05, "schedule": None, "on": ["weights"]}
    path = make_run(tmp_path, made_name("1e-3"), name="1e-3", config=CONFIG | {"optimizer": optimizer})
    config = read_run(path).config
    assert (config["name"], config["optimizer"]) == ("1e-3", optimizer)
    reseal(path, "config.yaml", yaml.safe_dump(config, sort_keys=False).encode())
    in_json(config=lambda _: None)(path)
    assert read_run(path).config == config
    assert read_run(make_run(tmp_path, made_name(number=1), config=False)).config == {}
    flip(path / "config.yaml")
    with pytest.raises(UserError, match=r"config\.yaml: damaged run: the file does not match its checksum"):
        read_run(path)


def test_leftovers_of_a_run_that_was_never_completed_are_named(tmp_path):
    for name, line in (
        (f".{made_name()}.unfinished.0a1b2c.partial", "left by a process that was killed; `bnreg rm` removes it"),
        (f".{made_name()}.partial", "left by a process that was killed; `bnreg rm` removes it"),
        (f".{made_name()}.0a1b2c.removed", "removal interrupted; `bnreg rm` finishes it"),
    ):
        path = make_run(tmp_path, made_name(number=1)).rename(tmp_path / name)
        with pytest.raises(UnreadableRunError) as refusal:
            read_run(path)
        assert (refusal.value.state, refusal.value.lines) == ("created", (f"{path}: {line}",))


def test_every_file_is_checked_against_its_checksum(tmp_path):
    files = {"curves.svg": b"<svg/>", "weights/bn-0": b"12345", "weights/bn-1": b"12345"}
    path = make_run(tmp_path, made_name(), files=files)
    flip(path / "curves.svg")
    (path / "weights" / "bn-1").unlink()
    checked = {file.pop("name"): file for file in checked_files(path)}
    assert checked["run.json"] == {"num_bytes": (path / "run.json").stat().st_size, "state": "whole"}
    assert checked["curves.svg"] == {"num_bytes": 6, "state": "changed"}
    assert checked["weights/bn-0"] == {"num_bytes": 5, "state": "whole"}
    assert checked["weights/bn-1"] == {"num_bytes": 0, "state": "missing"}


def test_a_config_that_is_nested_deeply_is_damaged(tmp_path):
    """The library would build it by recursion, without bound: ten thousand levels end the process."""
    path = make_run(tmp_path, made_name())
    reseal(path, "config.yaml", b"a: " + b"[" * 30 + b"]" * 30)
    with pytest.raises(UnreadableRunError, match=r"config\.yaml: damaged run: it has aliases or deep nesting"):
        read_run(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("git_dirty", 1),
        ("git_dirty", "yes"),
        ("cpu", ["x"]),
        ("cpu", "\x1b[2J"),
        ("packages", ["rich"]),
        ("packages", {"rich": 15}),
        ("packages", {"rich": "\x07"}),
    ],
)
def test_what_reproduces_a_run_is_checked(tmp_path, key, value):
    path = make_run(tmp_path, made_name(), **{key: value})
    with pytest.raises(
        UnreadableRunError, match=rf"run\.json: damaged run: the value of {key} is not what bnreg writes"
    ):
        read_run(path)


def test_a_package_whose_name_moves_the_cursor_is_damage(tmp_path):
    path = make_run(tmp_path, made_name(), packages={"\x1b[2J": "1"})
    with pytest.raises(UnreadableRunError, match=r"run\.json: damaged run: it contains control characters"):
        read_run(path)
